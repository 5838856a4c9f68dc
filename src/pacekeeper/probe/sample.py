"""A sample of one source, read through the boundary into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from pacekeeper.errors import PacekeeperError
from pacekeeper.landing.boundary import Boundary, Part, PartKind, StreamCounts
from pacekeeper.privacy import guarded, plugin_border
from pacekeeper.stream import JsonLines, Page, Rows, Stream, Window

if TYPE_CHECKING:
    from pacekeeper.connector import Connector
    from pacekeeper.privacy import HashKey

Row = dict[str, Any]  # Any: typed values of raw columns


@dataclass
class Sample:
    """Rows by stream and row key, as they would land.

    page_cursors: of every page, the cursors of its rows that have one, by stream.
    cut: streams of which the limit was reached; there may be more. errors: why a stream could not be read to the limit.
    """

    counts: Mapping[str, StreamCounts]
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    page_cursors: dict[str, list[list[datetime]]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)


class _Keeper:
    """Takes the boundary's parts into a sample. A record that comes again replaces itself and its children."""

    def __init__(self, streams: Sequence[Stream], zone: tzinfo) -> None:
        self._streams = {stream.name: stream for stream in streams}
        self._zone = zone
        self.sample = Sample(counts={}, rows={name: {} for name in self._streams})

    def __call__(self, kind: PartKind, stream: str, part: Part) -> None:
        if kind != "rows":
            return
        rows = part.to_pylist()
        declared, kept = self._streams[stream], self.sample.rows[stream]
        if declared.child_of is None:
            again = [row["row_key"] for row in rows if row["row_key"] in kept]
            self.sample.repeated[stream] = self.sample.repeated.get(stream, 0) + len(again)
            self._drop_children(stream, set(again))
        if declared.cursor is not None:
            found = [_instant(row[declared.cursor], self._zone) for row in rows]
            self.sample.page_cursors.setdefault(stream, []).append([at for at in found if at is not None])
        kept.update({row["row_key"]: row for row in rows})

    def _drop_children(self, parent: str, keys: set[str]) -> None:
        for child in (stream for stream in self._streams.values() if stream.child_of == parent and keys):
            rows = self.sample.rows[child.name]
            gone = {key for key, row in rows.items() if row["parent_key"] in keys}
            self._drop_children(child.name, gone)
            for key in gone:
                del rows[key]


def read_sample(
    connector: Connector[Any],
    streams: Sequence[Stream],
    *,
    key: HashKey,
    since: datetime,
    until: datetime,
    limit: int,
    home_tz: str,
) -> Sample:
    """At most `limit` records of every stream. A stream that cannot be read is told, and the others are read."""
    source, default_tz = connector.context.source, connector.context.default_tz
    keeper = _Keeper(streams, ZoneInfo(default_tz or home_tz))
    # One page a part, so that the order of pages can be told.
    boundary = Boundary(streams, source=source, key=key, default_tz=default_tz, sink=keeper, flush_rows=1)
    sample = keeper.sample
    sample.counts = boundary.counts
    for stream in streams:
        if stream.child_of is not None:
            continue
        asked = {stream.name: since} if stream.cursor is not None else {}
        window = Window(since=asked.get(stream.name), until=until, per_stream=asked)
        try:
            for page, is_cut in _limited(connector, stream, window, limit):
                boundary.add(page)
                if is_cut:
                    sample.cut.add(stream.name)
        except PacekeeperError as error:
            sample.errors[stream.name] = str(error)
    boundary.close()
    return sample


def _limited(connector: Connector[Any], stream: Stream, window: Window, limit: int) -> Iterator[tuple[Page, bool]]:
    """The stream's pages until `limit` records have come; the last one is cut there, and told to be."""
    source, left = connector.context.source, limit
    with plugin_border(source, connector.name):
        pages = iter(connector.read([stream], window))
    try:
        for page in guarded(pages, source=source, connector=connector.name):
            if not isinstance(page, Page) or page.stream != stream.name:
                continue
            rows = len(page.rows)
            if rows >= left:
                # Whether anything follows is not asked: it would be one more request.
                yield replace(page, rows=_first(page.rows, left)), True
                return
            left -= rows
            yield page, False
    finally:
        if isinstance(pages, Iterator) and hasattr(pages, "close"):
            pages.close()


def _first(rows: Rows, number: int) -> Rows:
    if isinstance(rows, JsonLines):
        return replace(rows, documents=rows.documents.slice(0, number))
    return rows.slice(0, number) if isinstance(rows, pa.Table) else rows[:number]


def _instant(value: object, zone: tzinfo) -> datetime | None:
    """A cursor as an instant; a date begins at midnight in the source's zone."""
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time(), zone) if isinstance(value, date) else None
