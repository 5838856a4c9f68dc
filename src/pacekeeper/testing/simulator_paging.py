"""The ways in which servers hand out a list page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pacekeeper.testing.simulator_http import Call

Record = dict[str, Any]


@dataclass(frozen=True)
class Slice:
    """One page: its rows, what the envelope says besides them, and headers."""

    rows: Sequence[Record]
    beside: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NoPages:
    """Everything in one answer."""

    size: int = 1_000_000

    def slice(self, records: Sequence[Record], call: Call, how: Turns) -> Slice:
        del call, how
        return Slice(records)


@dataclass(frozen=True, kw_only=True)
class OffsetPages:
    """`?offset=40&limit=20`. size: of a page at most, and where the client does not ask.

    total: key of the envelope that holds the number of all rows.
    """

    size: int = 2
    offset: str = "offset"
    limit: str = "limit"
    total: str | None = None

    def slice(self, records: Sequence[Record], call: Call, how: Turns) -> Slice:
        size = min(self.size, _number(call.query.get(self.limit), self.size))
        start = _number(call.query.get(self.offset), 0)
        beside = {self.total: len(records)} if self.total else {}
        return Slice(how.rows(records, start, size), beside)


@dataclass(frozen=True, kw_only=True)
class NumberedPages:
    """`?page=3&per_page=20`. first: the number of the first page. pages: envelope key of the number of pages."""

    size: int = 2
    page: str = "page"
    per_page: str = "per_page"
    first: int = 1
    pages: str | None = None

    def slice(self, records: Sequence[Record], call: Call, how: Turns) -> Slice:
        size = min(self.size, _number(call.query.get(self.per_page), self.size))
        start = (_number(call.query.get(self.page), self.first) - self.first) * size
        beside = {self.pages: -(-len(records) // size)} if self.pages else {}
        return Slice(how.rows(records, start, size), beside)


@dataclass(frozen=True, kw_only=True)
class CursorPages:
    """`?cursor=<opaque>`; the envelope holds the next one in `next_key` (dotted), null at the end."""

    size: int = 2
    cursor: str = "cursor"
    next_key: str = "next_cursor"

    def slice(self, records: Sequence[Record], call: Call, how: Turns) -> Slice:
        start = _number((call.query.get(self.cursor) or call.form.get(self.cursor) or "").removeprefix("c"), 0)
        following = how.next_start(start, self.size, len(records))
        return Slice(
            how.rows(records, start, self.size), {self.next_key: None if following is None else f"c{following}"}
        )


@dataclass(frozen=True, kw_only=True)
class LinkedPages:
    """The envelope holds the address of the next page in `next_key` (dotted), null at the end.

    absolute: with scheme and host. cursor: the parameter the link carries.
    """

    size: int = 2
    next_key: str = "next"
    cursor: str = "cursor"
    absolute: bool = True

    def slice(self, records: Sequence[Record], call: Call, how: Turns) -> Slice:
        start = _number(call.query.get(self.cursor), 0)
        link = _link(call, self.cursor, how.next_start(start, self.size, len(records)), how, absolute=self.absolute)
        return Slice(how.rows(records, start, self.size), {self.next_key: link})


@dataclass(frozen=True, kw_only=True)
class LinkHeaderPages:
    """`Link: <address>; rel="next"` (RFC 8288)."""

    size: int = 2
    cursor: str = "page"

    def slice(self, records: Sequence[Record], call: Call, how: Turns) -> Slice:
        start = _number(call.query.get(self.cursor), 0)
        link = _link(call, self.cursor, how.next_start(start, self.size, len(records)), how, absolute=True)
        headers = {"Link": f'<{link}>; rel="next"'} if link else {}
        return Slice(how.rows(records, start, self.size), {}, headers)


Paging = NoPages | OffsetPages | NumberedPages | CursorPages | LinkedPages | LinkHeaderPages


@dataclass(frozen=True, kw_only=True)
class Turns:
    """How pages are turned: root of the server's addresses, and the faults that concern paging.

    repeats: the next page is always this one; overlaps: each page begins with the last row of the one before.
    """

    root: str
    repeats: bool = False
    overlaps: bool = False

    def rows(self, records: Sequence[Record], start: int, size: int) -> Sequence[Record]:
        start = 0 if self.repeats else max(0, start)
        return records[max(0, start - 1) if self.overlaps and start < len(records) else start : start + size]

    def next_start(self, start: int, size: int, total: int) -> int | None:
        if self.repeats:
            return start
        return start + size if start + size < total else None


def _link(call: Call, cursor: str, start: int | None, how: Turns, *, absolute: bool) -> str | None:
    if start is None:
        return None
    parts = urlsplit(call.target)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != cursor]
    return f"{how.root if absolute else ''}{parts.path}?{urlencode([*kept, (cursor, str(start))])}"


def _number(text: str | None, otherwise: int) -> int:
    try:
        return int(text) if text else otherwise
    except ValueError:
        return otherwise
