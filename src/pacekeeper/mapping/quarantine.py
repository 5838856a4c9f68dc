"""What is in quarantine, for people: counts, keys and reasons. No table of it holds a value."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.reason import sentence
from pacekeeper.engine.duckdb import Connection
from pacekeeper.errors import ConfigError
from pacekeeper.landing.rejected import source_and_stream
from pacekeeper.landing.typing_sql import REASONS
from pacekeeper.sql_text import sql_literal

_RAW = "raw_"
#: End of the names of schemas dlt loads by way of.
_STAGING = "_staging"


@dataclass(frozen=True)
class QuarantineCount:
    """Faults by source, table and reason. table: an entity, or `raw_<source>__<stream>` for what never landed."""

    source: str
    table: str
    reason: str
    rows: int
    sentence: str


@dataclass(frozen=True)
class QuarantinedRow:
    """One fault of one row. row_key: null where the row has no key. found_in: run or batch; place: file and line."""

    source: str
    table: str
    row_key: str | None
    column: str | None
    reason: str
    sentence: str
    found_in: str | None
    place: str | None


def list_quarantine(connection: Connection) -> list[QuarantineCount]:
    """Counts of rows by source, table and reason, most first."""
    found: list[QuarantineCount] = []
    for table in _tables(connection):
        source = _source_column(connection, table)
        rows = connection.raw.execute(
            f'SELECT {source}, reason, count(*) FROM quarantine."{table}" GROUP BY 1, 2'
        ).fetchall()
        found += [QuarantineCount(str(s), table, str(r), int(n), reason_sentence(table, r)) for s, r, n in rows]
    return sorted(found, key=lambda c: (-c.rows, c.source, c.table, c.reason))


def show_quarantine(
    connection: Connection, table: str, *, source: str | None = None, reason: str | None = None, limit: int = 100
) -> list[QuarantinedRow]:
    """Faults of one table, by key. Raises ConfigError for a table that has no quarantine."""
    known = _tables(connection)
    if table not in known:
        raise ConfigError(f"there is no quarantine for {table!r}; there is for {', '.join(known) or 'nothing yet'}")
    columns = {str(row[0]) for row in connection.raw.execute(f'DESCRIBE quarantine."{table}"').fetchall()}
    found_in = next((c for c in ("run_id", "batch_id") if c in columns), "NULL")
    place = next((c for c in ("locator", "origin") if c in columns), "NULL")
    rows = connection.raw.execute(
        f"SELECT {_source_column(connection, table)} AS of_source, row_key, column_name, reason, {found_in}, {place} "
        f'FROM quarantine."{table}" WHERE coalesce(of_source = ?, true) AND coalesce(reason = ?, true) '
        "ORDER BY of_source, row_key, column_name, reason LIMIT ?",
        [source, reason, limit],
    ).fetchall()
    return [
        QuarantinedRow(str(s), table, key, column, str(code), reason_sentence(table, code), run, where)
        for s, key, column, code, run, where in rows
    ]


def drop_raw_quarantine(connection: Connection, *, kept: Collection[str]) -> None:
    """Drop the quarantine tables of raw streams of every source that is not among `kept`."""
    known = {*kept, *_landed_sources(connection)}
    for table in _tables(connection):
        if table.startswith(_RAW) and _source_of(table, known) not in kept:
            connection.raw.execute(f'DROP TABLE quarantine."{table}"')


def reason_sentence(table: str, reason: str) -> str:
    """What a reason code means: the boundary's words for raw tables, the contract's for canonical ones.

    A connector's own reasons are told by their names; its page says more.
    """
    if not table.startswith(_RAW):
        return sentence(reason)
    if reason in REASONS:
        text = REASONS[reason]
        return text[0].upper() + text[1:] + "."
    return f"The connector could not read it: {reason.replace('_', ' ')}. Its page in docs/connectors says more."


def _tables(connection: Connection) -> list[str]:
    rows = connection.raw.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = 'quarantine' ORDER BY 1"
    ).fetchall()
    return [str(name) for (name,) in rows if name in ENTITIES or re.fullmatch(r"raw_[a-z0-9_]+", name)]


def _source_column(connection: Connection, table: str) -> str:
    """SQL for the source: its column, or for a raw table the source whose schema the name begins with."""
    if not table.startswith(_RAW):
        return "source"
    return sql_literal(_source_of(table, _landed_sources(connection)) or table.removeprefix(_RAW))


def _landed_sources(connection: Connection) -> set[str]:
    schemas = connection.raw.execute(
        "SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database()"
    ).fetchall()
    names = {str(name) for (name,) in schemas}
    return {name.removeprefix(_RAW) for name in names if name.startswith(_RAW) and not name.endswith(_STAGING)}


def _source_of(table: str, sources: Collection[str]) -> str | None:
    """The source of `raw_<source>__<stream>`.

    An earlier version wrote one underscore; such a table is renamed when its source is next read, and until then
    belongs to the longest name that fits. Null where none does.
    """
    named = source_and_stream(table)
    if named is not None:
        return named[0]
    return max((s for s in sources if table.startswith(f"{_RAW}{s}_")), key=len, default=None)
