"""Reading a FHIR server by search: one search per resource type, page after page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from pacekeeper.errors import DataError, RetryableError
from pacekeeper.fhir.capability import Capability
from pacekeeper.fhir.search_page import ACCEPT, BOTH, PageExpired, SearchPage, SearchPages
from pacekeeper.fhir.stamps import all_since, without_stamp
from pacekeeper.stream import JsonLines, Page, Stream

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient

__all__ = ["ACCEPT", "BEGINNING", "RestReader"]

#: A watermark before everything: the next read asks for everything again.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_RESTARTS = 2
#: Values with which a search of a type that holds anything must find something.
_CERTAIN = {"_count": "1", "_lastUpdated": "ge1970-01-01T00:00:00Z"}
#: Seconds after which a stamp that a server makes up has moved on; some show whole seconds only.
_STAMP_PAUSE = 1.1


@dataclass
class RestReader:
    """Searches of one server.

    page_size: `_count`; null leaves it to the server. skipped: types the server does not offer, by reason.
    An empty answer is believed only where the same parameters are seen to find something, or where a search without
    any is empty too: OpenEMR 7.0.2 answers what it does not know with status 200 and an empty Bundle.
    """

    http: SourceClient
    source: str
    page_size: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    _capability: Capability | None = field(default=None, init=False, repr=False)
    _works: dict[tuple[str, str], bool] = field(default_factory=dict, init=False, repr=False)
    #: Of types whose search found nothing: a page that does hold something, and what it was asked by.
    _samples: dict[str, tuple[SearchPage, dict[str, str]]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self._search = SearchPages(self.http, self.source)

    @property
    def capability(self) -> Capability:
        """What the server says it can do, asked once."""
        if self._capability is None:
            self._capability = Capability.read(self.http)
        return self._capability

    def pages(
        self,
        stream: Stream,
        *,
        since: datetime | None,
        parameters: Mapping[str, str],
        has_usable_cursor: bool = True,
        before: datetime | None = None,
    ) -> Iterator[Page]:
        """Pages of one stream's resources changed at or after `since`; of all of them where it is null.

        before: with `since`, only those changed before it.
        Resources are numbered through all pages. The first page carries the server's own time as watermark: when the
        search began, so that what changes while it is being read is read again next time. Where the server cannot be
        asked for changes, everything is read, and the pages say so. A search whose next page has expired begins anew;
        what comes twice is one record at the boundary. has_usable_cursor: false where lastUpdated is known to be made
        up; it is dropped then. Raises DataError where the answer is no Bundle, FatalError
        where the server reports an error in an OperationOutcome.
        """
        kind = stream.resource_type or ""
        must_be_whole = not has_usable_cursor or (since is not None and since < BEGINNING + timedelta(days=1))
        asked = dict(parameters)
        if since is not None and not must_be_whole:
            bounds = [f"ge{_utc(since)}", *([] if before is None else [f"lt{_utc(before)}"])]
            asked["_lastUpdated"] = BOTH.join(bounds)
        asked = {name: value for name, value in asked.items() if self.capability.can_search(kind, name)}
        if self.page_size is not None:
            asked["_count"] = str(self.page_size)
        if self.capability.names(kind, "_sort") and self.capability.names(kind, "_lastUpdated"):
            # In this order Medplum 5.0.10 pages by cursor: nothing comes twice, nor is left out, while rows change.
            asked["_sort"] = "_lastUpdated"
        started = self.http.seconds
        found = self._first(kind, asked)
        if found is None:
            self.skipped[f"type {kind} is not offered"] += 1
            return
        first, asked = found
        is_made_up = not has_usable_cursor or self._stamps_are_made_up(first, asked, self.http.seconds - started)
        if is_made_up and "_lastUpdated" in asked:
            del asked["_lastUpdated"]
            first = self._search.get(kind, asked)
        is_whole = True if since is not None and "_lastUpdated" not in asked else None
        if first.is_cut_short:
            first, asked = self._uncut(first, asked)
        watermark = first.server_time
        seen = 0
        for page in self._following(first, asked):
            documents = [without_stamp(text) for text in page.documents] if is_made_up else page.documents
            rows = JsonLines(pa.array(documents, pa.string()), origin=kind, first_line=seen + 1)
            yield Page(stream.name, rows, watermark=watermark, is_whole=is_whole)
            watermark = None
            seen += len(documents)

    def _uncut(self, page: SearchPage, asked: dict[str, str]) -> tuple[SearchPage, dict[str, str]]:
        """The search without `_count`, where with it the server gave less than there is and no way to the rest."""
        rest = {name: value for name, value in asked.items() if name != "_count"}
        if rest != asked:
            page = self._search.get(page.kind, rest)
        if page.is_cut_short:
            raise DataError(
                f"source {self.source}: the search for {page.kind} names more matches than it gives, and no next page; "
                "the server cannot be read by search"
            )
        return page, rest

    def _following(self, first: SearchPage, asked: Mapping[str, str]) -> Iterator[SearchPage]:
        """The first page and all after it; from the start again where the server has forgotten the search."""
        for attempt in range(_RESTARTS + 1):
            try:
                yield from self._search.following(first if attempt == 0 else self._search.get(first.kind, asked))
            except PageExpired:
                continue
            return
        raise RetryableError(
            f"source {self.source}: the search for {first.kind} expired {_RESTARTS + 1} times before its last page; "
            "run again later, or set a smaller page_size"
        )

    def _first(self, kind: str, asked: Mapping[str, str]) -> tuple[SearchPage, dict[str, str]] | None:
        """The first page of a search, and the parameters it is true of; null for a type the server does not have."""
        page = self._search.try_get(kind, asked, is_offered=self.capability.offers(kind))
        if page is None:
            return None
        if not page.is_empty or not asked:
            return page, dict(asked)
        trusted = self._trusted(kind, asked)
        if trusted == asked and not page.is_refused:
            return page, trusted
        return self._search.get(kind, trusted), trusted

    def _trusted(self, kind: str, asked: Mapping[str, str]) -> dict[str, str]:
        """Of the parameters those that are seen to find something; all where there is nothing to be found.

        A filter that finds nothing even so is left out, and everything read: `keep` of the stream scopes it.
        """
        unknown = [name for name in asked if (kind, name) not in self._works]
        certain = {name: _CERTAIN.get(name, value) for name, value in asked.items()}
        if unknown:
            found = self._search.get(kind, certain, allow=(400,))
            if not found.is_empty:
                self._samples[kind] = found, certain
                self._works |= {(kind, name): True for name in unknown}
            else:
                plain = self._search.get(kind, {})
                if plain.is_empty:
                    return dict(asked)
                for name in unknown:
                    value = plain.sample_code() if name == "code" else certain[name]
                    self._works[kind, name] = (
                        bool(value) and not self._search.get(kind, {name: value or ""}, allow=(400,)).is_empty
                    )
        return {name: value for name, value in asked.items() if self._works[kind, name]}

    def _stamps_are_made_up(self, page: SearchPage, asked: Mapping[str, str], seconds: float) -> bool:
        """Whether lastUpdated is the time of the answer, seen by asking twice. seconds: that the first answer took."""
        if not page.documents:
            page, asked = self._samples.get(page.kind, (page, {}))
        answered = min((t for t in (page.stated_time, page.date) if t is not None), default=None)
        if answered is None or not all_since(page.stamps.values(), answered - timedelta(seconds=seconds + 1)):
            return False
        self.http.pause(_STAMP_PAUSE)
        again = self._search.get(page.kind, asked).stamps
        both = page.stamps.keys() & again.keys()
        return bool(both) and all(page.stamps[name] != again[name] for name in both)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
