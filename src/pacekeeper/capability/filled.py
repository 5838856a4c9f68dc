"""What the sources have been seen to fill: counted in the published copy, after a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacekeeper.capability.mapped import Mapped
from pacekeeper.capability.measurable import Filled
from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import columns
from pacekeeper.landing.versions import schema_of
from pacekeeper.sql_text import sql_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.stream import Stream


@dataclass(frozen=True)
class NeverFilled:
    """A column that is declared and empty in every row. of: stream or entity; rows: how many there are."""

    source: str
    of: str
    column: str
    rows: int


def filled_by_source(connection: Connection, source: str, mapped: Mapped) -> Filled:
    """Rows and filled columns of every entity that a source maps."""
    rows: dict[str, int] = {}
    found: set[tuple[str, str]] = set()
    for entity in mapped.entities:
        if entity not in ENTITIES or not connection.has_table("canonical", entity):
            continue
        coded = {c.name for c in columns(ENTITIES[entity]) if c.vocabulary is not None}
        names = [name for name in _existing(connection, "canonical", entity) if name != "source"]
        counts = _counts(connection, f"canonical.{entity} WHERE source = ?", names, coded, (source,))
        rows[entity] = counts[0]
        found |= {(entity, name) for name, count in zip(names, counts[1:], strict=True) if count}
    return Filled(rows, found)


def never_filled(connection: Connection, source: str, streams: Sequence[Stream]) -> list[NeverFilled]:
    """Declared columns of a source's streams that are empty in every current record."""
    schema, found = schema_of(source), []
    for stream in streams:
        view = f"{stream.name}__current"
        if not connection.has_table(schema, view):
            continue
        there = set(_existing(connection, schema, view))
        names = [name for name in stream.columns if name in there]
        rows, *counts = _counts(connection, f"{sql_name(schema)}.{sql_name(view)}", names, set(), ())
        empty = [name for name, count in zip(names, counts, strict=True) if not count]
        absent = [name for name in stream.columns if name not in there]
        found += [NeverFilled(source, stream.name, name, rows) for name in [*empty, *absent] if rows]
    return found


def _existing(connection: Connection, schema: str, table: str) -> list[str]:
    described = connection.raw.execute(f"DESCRIBE {sql_name(schema)}.{sql_name(table)}").fetchall()
    return [str(row[0]) for row in described]


def _counts(
    connection: Connection, relation: str, names: Sequence[str], coded: set[str], values: Sequence[object]
) -> list[int]:
    """Number of rows, then of filled values by column."""
    cells = [f"nullif({sql_name(name)}, 'unknown')" if name in coded else sql_name(name) for name in names]
    counted = ", ".join(["count(*)", *(f"count({cell})" for cell in cells)])
    row = connection.raw.execute(f"SELECT {counted} FROM {relation}", list(values)).fetchone()
    return [int(count) for count in row or [0] * (len(names) + 1)]


def filled_by_sources(connection: Connection, sources: Mapping[str, Mapped]) -> dict[str, Filled]:
    """`filled_by_source` of every source."""
    return {source: filled_by_source(connection, source, mapped) for source, mapped in sources.items()}
