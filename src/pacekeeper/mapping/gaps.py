"""Which entities rest on streams that are known to lack something: `quarantine.source_gap`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pacekeeper.engine.duckdb import Connection
from pacekeeper.measures.doubt import SOURCE_GAP
from pacekeeper.ops import StreamGap


def keep_gaps_of(connection: Connection, *, configured: Iterable[str]) -> None:
    """Make the list where there is none, and remove what is about sources that are not in the settings."""
    connection.raw.execute(SOURCE_GAP.ddl)
    connection.raw.execute(f"DELETE FROM {SOURCE_GAP.sql} WHERE NOT list_contains(?, source)", [list(configured)])


def list_gaps(
    connection: Connection,
    source: str,
    gaps: Iterable[StreamGap],
    *,
    streams_of: Mapping[str, Collection[str]],
    swapped: Collection[str],
) -> None:
    """Put the gaps of a source's streams in place of those its entities had.

    streams_of: the streams that each entity is mapped from. swapped: the entities whose slices are made from what
    landed last; a slice that was not swapped keeps the gaps it was made with.
    """
    kept = [entity for entity in streams_of if entity not in swapped]
    rows = [
        (source, entity, gap.stream, gap.reason, gap.advice, gap.first_day, gap.last_day)
        for gap in gaps
        for entity, streams in streams_of.items()
        if entity in swapped and gap.stream in streams
    ]
    replaced = "WHERE source = ? AND NOT list_contains(?::VARCHAR[], entity)"
    listed = connection.raw.execute(f"FROM {SOURCE_GAP.sql} {replaced}", [source, kept]).fetchall()
    if sorted(listed, key=str) == sorted(rows, key=str):
        return
    with connection.transaction():
        connection.raw.execute(f"DELETE FROM {SOURCE_GAP.sql} {replaced}", [source, kept])
        for row in sorted(rows, key=str):
            connection.raw.execute(f"INSERT INTO {SOURCE_GAP.sql} VALUES (?, ?, ?, ?, ?, ?, ?)", list(row))
