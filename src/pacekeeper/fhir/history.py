"""Past versions of resources (`_history`): what they were, what was deleted, when an appointment was cancelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from pacekeeper.errors import FatalError
from pacekeeper.fhir.bundle import answered_bundle, next_link
from pacekeeper.fhir.parts import part, parts
from pacekeeper.fhir.stamps import instant
from pacekeeper.http_address import PageTrail
from pacekeeper.stream import JsonLines, Page, Stream

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient

#: R5 Appointment.cancellationDate, sent back to R4, which has no such element.
CANCELLATION_DATE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.cancellationDate"
#: Why a history was skipped: more were asked for than one read may ask for.
NOT_READ = "history not read"
_CANCELLED = "cancelled"
#: Past versions on a page.
_PAGE_ROWS = 500
#: Answers by which a server says that it has no such history after all.
_NONE = (400, 403, 404, 405, 410, 501)


@dataclass(frozen=True, slots=True)
class PastVersion:
    """One version of a resource. resource: null for a deletion. at: null where the server does not say."""

    id: str
    at: datetime | None
    resource: Mapping[str, Any] | None


@dataclass
class HistoryReader:
    """Reads `_history` of one server.

    most_calls: histories of single resources that are read at most, each a call of its own: so many for times of
    cancellation, and so many for past versions. skipped: how many more there were, under `history not read`.
    """

    http: SourceClient
    source: str
    most_calls: int = 1000
    skipped: Counter[str] = field(default_factory=Counter)
    _calls: Counter[str] = field(default_factory=Counter, init=False, repr=False)

    def versions(
        self, kind: str, identity: str | None = None, *, since: datetime | None = None
    ) -> Iterator[PastVersion]:
        """Versions of a type's resources, or of one, newest first as the server sends them; none where it has none."""
        path = f"{kind}/_history" if identity is None else f"{kind}/{identity}/_history"
        asked = {} if since is None else {"_since": since.astimezone(UTC).isoformat().replace("+00:00", "Z")}
        response = self.http.exchange(path, asked or None, allow=_NONE)
        if not response.is_success:
            return
        asked_of = f"source {self.source}: the history of {kind}"
        trail = PageTrail(asked_of)
        while response.is_success:
            trail.enter(response.url)
            bundle = answered_bundle(response, asked=asked_of)
            for entry in parts(bundle, "entry"):
                yield from _version(entry)
            link = next_link(bundle)
            if link is None:
                return
            response = self.http.exchange(link, relative_to=response.url, allow=_NONE)
        raise FatalError(f"{asked_of} ended with status {response.status_code}")

    def since(self, stream: Stream, since: datetime, *, with_past: bool) -> Iterator[Page]:
        """What happened to a type since: its versions, if wanted, and what was deleted and has not come back."""
        kind = stream.resource_type or ""
        newest: dict[str, tuple[datetime | None, bool]] = {}
        waiting: list[str] = []
        for version in self.versions(kind, since=since):
            known = newest.get(version.id)
            if known is None or (known[0] and version.at and version.at > known[0]):
                newest[version.id] = version.at, version.resource is None
            if with_past and version.resource is not None:
                waiting.append(_document(version))
            if len(waiting) == _PAGE_ROWS:
                yield past_page(stream, waiting)
                waiting = []
        if waiting:
            yield past_page(stream, waiting)
        deleted = sorted(identity for identity, (_, is_deleted) in newest.items() if is_deleted)
        if deleted:
            yield Page(stream.name, deleted=deleted)

    def told(self, kind: str, document: str, *, with_past: bool) -> tuple[str, list[str]]:
        """A resource with what only its own history tells, and its past versions, if wanted.

        A cancelled Appointment gets the time it was cancelled as an extension: that of the first version of the last
        unbroken run of cancelled ones. A resource in its first version has no history to ask for.
        """
        try:
            resource = orjson.loads(document)
        except orjson.JSONDecodeError:
            return document, []
        if not isinstance(resource, dict) or not resource.get("id"):
            return document, []
        wants_date = kind == "Appointment" and _lacks_date(resource)
        wants_past = with_past and part(resource, "meta").get("versionId") not in {None, "1"}
        if not (wants_date or wants_past):
            return document, []
        purpose = "date" if wants_date else "past"
        if self._calls[purpose] >= self.most_calls:
            self.skipped[NOT_READ] += 1
            return document, []
        self._calls[purpose] += 1
        versions = list(self.versions(kind, str(resource["id"])))
        moment = _cancelled_at(versions) if wants_date else None
        if moment is not None:
            dated = {"url": CANCELLATION_DATE, "valueDateTime": moment.isoformat()}
            resource["extension"] = [*parts(resource, "extension"), dated]
            document = orjson.dumps(resource).decode()
        return document, [_document(version) for version in versions if version.resource] if with_past else []


def past_page(stream: Stream, documents: Sequence[str]) -> Page:
    """Past versions of a stream's resources."""
    rows = JsonLines(pa.array(documents, pa.string()), origin=stream.resource_type or "")
    return Page(stream.name, rows, is_past=True)


def _document(version: PastVersion) -> str:
    """A version's resource as JSON text, with the time that the history gives it."""
    resource = dict(version.resource or {})
    if version.at is not None:
        resource["meta"] = {**part(resource, "meta"), "lastUpdated": version.at.isoformat()}
    return orjson.dumps(resource).decode()


def _version(entry: Mapping[str, Any]) -> Iterator[PastVersion]:
    resource = entry.get("resource")
    request, response = part(entry, "request"), part(entry, "response")
    if isinstance(resource, Mapping) and resource.get("id"):
        meta = part(resource, "meta")
        moment = instant(meta.get("lastUpdated") or response.get("lastModified"))
        yield PastVersion(str(resource["id"]), moment, None if request.get("method") == "DELETE" else resource)
    elif request.get("method") == "DELETE":
        parts = str(request.get("url") or entry.get("fullUrl") or "").split("/_history")[0].rstrip("/").split("/")
        if len(parts) >= 2 and parts[-1]:
            yield PastVersion(parts[-1], instant(response.get("lastModified")), None)


def _cancelled_at(versions: list[PastVersion]) -> datetime | None:
    """When the last run of cancelled versions began; null where the history does not show it."""
    if any(version.at is None for version in versions):
        return None
    found = None
    for version in sorted(versions, key=lambda v: v.at or datetime.max.replace(tzinfo=UTC), reverse=True):
        status = (version.resource or {}).get("status")
        if status != _CANCELLED:
            break
        found = version.at
    return found


def _lacks_date(resource: Mapping[str, Any]) -> bool:
    """Whether it is cancelled, and does not say since when."""
    dates = [found for found in parts(resource, "extension") if found.get("url") == CANCELLATION_DATE]
    return resource.get("status") == _CANCELLED and not dates
