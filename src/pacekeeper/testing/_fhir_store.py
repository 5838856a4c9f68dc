"""Resources held as JSON bytes, and the Bundles made of them."""

from __future__ import annotations

import base64
import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from pacekeeper.testing._resources import Resource

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSED = orjson.dumps(
    {
        "response": {
            "status": "429",
            "outcome": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "throttled"}]},
        }
    }
)


class UnknownParameter(Exception):  # noqa: N818 - becomes a 400, never leaves the server
    """A search parameter, or a value of one, that this server does not know."""


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    updated: datetime
    codes: frozenset[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a resource. body: null for a deletion."""

    kind: str
    id: str
    at: datetime
    body: bytes | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class _Search:
    rows: Sequence[_Row]
    count: int
    query: str


class ResourceStore:
    """Resources of one server. Rows that a search began with stay the same until its last page.

    now: the latest change. clock: the server's own time, as Bundles and headers state it: one second later.
    """

    def __init__(self, resources: Mapping[str, Sequence[Mapping[str, Any]]], *, page_size: int) -> None:
        self._page_size = page_size
        self._lock = threading.RLock()
        self._searches: dict[str, _Search] = {}
        self._gone: dict[tuple[str, str], datetime] = {}
        self._past: dict[tuple[str, str], list[Version]] = {}
        self._rows: dict[str, list[_Row]] = {}
        self.now = _EARLIEST
        self.replace(resources)

    @property
    def clock(self) -> datetime:
        return self.now + timedelta(seconds=1)

    @property
    def types(self) -> list[str]:
        with self._lock:
            return sorted(self._rows)

    def replace(self, resources: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Hold these resources and no others."""
        rows = {kind: [_row(resource) for resource in found] for kind, found in resources.items()}
        with self._lock:
            kept = {(kind, row.id) for kind, found in rows.items() for row in found}
            self.now = max([self.now, *(row.updated for found in rows.values() for row in found)])
            for kind, held in self._rows.items():
                for row in held:
                    if (kind, row.id) not in kept:
                        self._bury(kind, row, self.now)
            self._gone = {name: at for name, at in self._gone.items() if name not in kept}
            self._rows = rows

    def update(self, kind: str, resource: Mapping[str, Any], *, at: datetime) -> Resource:
        """Store a new version changed at `at`, or a new resource; returns it with its new meta."""
        changed = copy.deepcopy(dict(resource))
        with self._lock:
            rows = self._rows.setdefault(kind, [])
            place = next((n for n, row in enumerate(rows) if row.id == changed["id"]), None)
            old = 0 if place is None else int(orjson.loads(rows[place].body)["meta"].get("versionId", "1"))
            changed["meta"] = {
                **changed.get("meta", {}),
                "versionId": str(old + 1),
                "lastUpdated": at.astimezone(UTC).isoformat(),
            }
            row = _row(changed)
            if place is not None:
                self._past.setdefault((kind, row.id), []).append(self._version(kind, rows[place]))
            # A copy: searches under way hold the list as it was.
            self._rows[kind] = [*rows, row] if place is None else [*rows[:place], row, *rows[place + 1 :]]
            self._gone.pop((kind, row.id), None)
            self.now = max(self.now, row.updated)
        return changed

    def remove(self, kind: str, identity: str, *, at: datetime | None = None) -> None:
        """Delete a resource; reading it answers 410 from then on."""
        with self._lock:
            self.now = max(self.now, at or self.now)
            for row in self._rows.get(kind, []):
                if row.id == identity:
                    self._bury(kind, row, at or self.now)
            self._rows[kind] = [row for row in self._rows.get(kind, []) if row.id != identity]
            self._gone.setdefault((kind, identity), at or self.now)

    def rows_since(self, kind: str, since: datetime | None) -> list[bytes]:
        """Resources of a type changed after an instant; all where it is null."""
        with self._lock:
            return [row.body for row in self._rows.get(kind, ()) if since is None or row.updated > since]

    def gone_since(self, since: datetime) -> list[tuple[str, str]]:
        """Type and id of what was deleted at or after an instant."""
        with self._lock:
            return sorted(name for name, at in self._gone.items() if at >= since)

    def history(self, kind: str, identity: str | None = None, *, since: datetime | None = None) -> list[Version]:
        """Versions of a type's resources, or of one, changed at or after `since`, newest first."""
        with self._lock:
            found = [self._version(kind, row) for row in self._rows.get(kind, ())]
            found += [version for (of, _), past in self._past.items() if of == kind for version in past]
            found = [v for v in found if identity in {None, v.id} and (since is None or v.at >= since)]
        return sorted(found, key=lambda version: version.at, reverse=True)

    def _version(self, kind: str, row: _Row) -> Version:
        return Version(kind, row.id, row.updated, row.body, is_first=(kind, row.id) not in self._past)

    def _bury(self, kind: str, row: _Row, at: datetime) -> None:
        past = self._past.setdefault((kind, row.id), [])
        past += [self._version(kind, row), Version(kind, row.id, at, None, is_first=False)]
        self._gone[(kind, row.id)] = at

    def read(self, kind: str, identity: str) -> tuple[int, bytes | None]:
        """HTTP status (200, 404, 410) and the resource."""
        with self._lock:
            body = next((row.body for row in self._rows.get(kind, ()) if row.id == identity), None)
            if body is not None:
                return 200, body
            return (410 if (kind, identity) in self._gone else 404), None

    def search(self, kind: str, parameters: Sequence[tuple[str, str]], *, query: str, is_paged: bool = True) -> str:
        """Begin a search; returns the cursor of its first page. Raises UnknownParameter."""
        with self._lock:
            rows: Sequence[_Row] = self._rows.get(kind, [])
            count = self._page_size
            for name, value in parameters:
                if name == "_count":
                    count = max(1, min(self._page_size, _whole(value)))
                elif name == "_lastUpdated":
                    rows = _changed(rows, value)
                elif name == "_sort":
                    rows = _sorted(rows, value)
                elif name == "_id":
                    wanted = set(value.split(","))
                    rows = [row for row in rows if row.id in wanted]
                elif name == "code":
                    codes = {token.rpartition("|")[2] for token in value.split(",")}
                    rows = [row for row in rows if row.codes & codes]
                elif name not in {"_format", "_pretty", "_total"}:
                    raise UnknownParameter
            count = count if is_paged else max(1, len(rows))
            key = f"s{len(self._searches)}"
            self._searches[key] = _Search(rows, count, query)
        return _cursor(key, 0)

    def page(
        self,
        kind: str,
        cursor: str,
        *,
        base: str,
        repeat_next: bool = False,
        overlap: bool = False,
        drop_one: bool = False,
        stamp: datetime | None = None,
    ) -> bytes | None:
        """The searchset Bundle at a cursor; null for a cursor this server never gave.

        drop_one: an entry of status 429 stands where the last row should be. stamp: lastUpdated of every row.
        """
        found = _opened(cursor)
        with self._lock:
            search = self._searches.get(found[0]) if found else None
            now = self.clock
        if found is None or search is None:
            return None
        key, start = found
        end = start + search.count
        first = start - 1 if overlap and start else start
        links = [{"relation": "self", "url": f"{base}/{kind}{search.query}"}]
        if end < len(search.rows) or repeat_next:
            following = _cursor(key, start if repeat_next and start else min(end, len(search.rows)))
            links.append({"relation": "next", "url": f"{base}/{kind}?_cursor={following}"})
        head = {
            "resourceType": "Bundle",
            "type": "searchset",
            "meta": {"lastUpdated": now.astimezone(UTC).isoformat()},
            "link": links,
        }
        prefix = f'{{"fullUrl":"{base}/{kind}/'.encode()
        shown = search.rows[first : min(end, len(search.rows)) - 1 if drop_one else end]
        found_entries = [
            prefix + row.id.encode() + b'","resource":' + _stamped(row.body, stamp) + b',"search":{"mode":"match"}}'
            for row in shown
        ]
        entries = b",".join([*found_entries, _REFUSED] if drop_one else found_entries)
        # FHIR forbids empty arrays: a Bundle without matches has no entry element.
        whole = orjson.dumps(head)[:-1]
        return whole + b',"entry":[' + entries + b"]}" if entries else whole + b"}"


def history_bundle(versions: Sequence[Version], *, base: str, now: datetime) -> bytes:
    """A history Bundle, whole."""
    entries = []
    for version in versions:
        address = f"{version.kind}/{version.id}"
        method = "DELETE" if version.body is None else "POST" if version.is_first else "PUT"
        entry: dict[str, Any] = {
            "fullUrl": f"{base}/{address}",
            "request": {"method": method, "url": address},
            "response": {"status": "204" if method == "DELETE" else "200", "lastModified": version.at.isoformat()},
        }
        if version.body is not None:
            entry["resource"] = orjson.Fragment(version.body)
        entries.append(entry)
    head = {"resourceType": "Bundle", "type": "history", "meta": {"lastUpdated": now.isoformat()}, "link": []}
    return orjson.dumps({**head, "entry": entries} if entries else head)


def _stamped(body: bytes, stamp: datetime | None) -> bytes:
    if stamp is None:
        return body
    resource = orjson.loads(body)
    resource["meta"] = {**resource.get("meta", {}), "lastUpdated": stamp.isoformat()}
    return orjson.dumps(resource)


def empty_bundle(kind: str, *, base: str, query: str, now: datetime) -> bytes:
    """A searchset Bundle without entries."""
    return orjson.dumps(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "meta": {"lastUpdated": now.astimezone(UTC).isoformat()},
            "link": [{"relation": "self", "url": f"{base}/{kind}{query}"}],
        }
    )


def _row(resource: Mapping[str, Any]) -> _Row:
    stated = resource.get("meta", {}).get("lastUpdated")
    updated = _instant(stated) if stated else _EARLIEST
    codes = (
        frozenset(str(c.get("code")) for c in (resource.get("code") or {}).get("coding", ()))
        if (resource.get("resourceType") == "Observation")
        else frozenset()
    )
    return _Row(str(resource["id"]), updated, codes, orjson.dumps(resource))


@lru_cache(maxsize=65_536)
def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _changed(rows: Sequence[_Row], value: str) -> Sequence[_Row]:
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    try:
        bound = _instant(text.replace(" ", "+"))
    except ValueError:
        raise UnknownParameter from None
    match prefix:
        case "ge":
            return [row for row in rows if row.updated >= bound]
        case "gt":
            return [row for row in rows if row.updated > bound]
        case "le":
            return [row for row in rows if row.updated <= bound]
        case "lt":
            return [row for row in rows if row.updated < bound]
        case _:
            raise UnknownParameter


def _sorted(rows: Sequence[_Row], value: str) -> Sequence[_Row]:
    if value.lstrip("-") != "_lastUpdated":
        raise UnknownParameter
    return sorted(rows, key=lambda row: row.updated, reverse=value.startswith("-"))


def _whole(value: str) -> int:
    if not value.isdigit():
        raise UnknownParameter
    return int(value)


def _cursor(key: str, offset: int) -> str:
    return base64.urlsafe_b64encode(f"{key}:{offset}".encode()).decode().rstrip("=")


def _opened(cursor: str) -> tuple[str, int] | None:
    try:
        key, _, offset = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        return key, int(offset)
    except ValueError:
        return None
