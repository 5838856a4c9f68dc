"""Which canonical rows rest on an older version, because the latest reading of their record was rejected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pacekeeper.columns import Ref, RefSet
from pacekeeper.connector import EntityMapping
from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import primary_key
from pacekeeper.engine.duckdb import Connection
from pacekeeper.landing.rejected import source_and_stream
from pacekeeper.landing.versions import schema_of
from pacekeeper.measures.doubt import SUSPECT_RECORD
from pacekeeper.sql_text import sql_literal, sql_name
from pacekeeper.stream import Stream

_TABLE = SUSPECT_RECORD.sql
#: noted_at, from_at and to_at by entity, as SQL. Local days count from the earliest to the latest zone on earth.
_DAY_BEGINS, _DAY_ENDS = "- INTERVAL 14 HOUR", "+ INTERVAL 36 HOUR"
_ALWAYS = ("NULL", "NULL", "NULL")
_TIMES = {
    "appointment": ("r.booked_at", "r.start_at", "r.start_at"),
    "session": ("NULL", "r.started_at", "r.started_at"),
    "schedule_block": ("NULL", "r.start_at", "r.end_at"),
    "pto_ledger": ("NULL", f"r.entry_date {_DAY_BEGINS}", f"r.entry_date {_DAY_ENDS}"),
    "employment": ("NULL", f"r.start_date {_DAY_BEGINS}", f"r.end_date {_DAY_ENDS}"),
    "case_assignment": ("NULL", f"r.from_date {_DAY_BEGINS}", f"r.to_date {_DAY_ENDS}"),
    "availability_template": _ALWAYS,
}


#: Entities that are kept under the key of a session.
_OF_A_SESSION = ("session", "session_clinician", "session_participant")


@dataclass(frozen=True)
class SessionPart:
    """A column of a stream that refers to a session, and an entity that is mapped from the stream or its children."""

    stream: str
    column: str
    entity: str


def session_parts(streams: Iterable[Stream], mappings: Iterable[EntityMapping]) -> list[SessionPart]:
    """Where a source's records are parts of a session that another record stands for, such as a client's in a group."""
    by_name = {stream.name: stream for stream in streams}
    found = set()
    for mapping in mappings:
        stream = by_name.get(mapping.of.removesuffix("@versions"))
        while stream is not None and mapping.entity in _OF_A_SESSION:
            found |= {
                SessionPart(stream.name, name, mapping.entity)
                for name, column in stream.columns.items()
                if isinstance(column, Ref) and not isinstance(column, RefSet) and column.entity == "session"
            }
            stream = by_name.get(stream.child_of or "")
    return sorted(found, key=lambda part: (part.stream, part.column, part.entity))


def list_suspects(
    connection: Connection, parts: Mapping[str, Sequence[SessionPart]], *, configured: Iterable[str]
) -> int:
    """Bring the list of suspect canonical rows up to date with the lists of rejected rows; returns how many there are.

    A canonical row has the key of the raw row it was mapped from, or of that row's parent; or the raw row is a part of
    the session. Rows of entities without a clinician of their own count through those that name one.

    parts: by source that was mapped. The others' rows stay as they are, unless they are not `configured` any more.
    """
    connection.raw.execute(SUSPECT_RECORD.ddl)
    connection.raw.execute(
        f"DELETE FROM {_TABLE} WHERE list_contains(?::VARCHAR[], source) OR NOT list_contains(?::VARCHAR[], source)",
        [list(parts), list(configured)],
    )
    for source, keys in _suspect_keys(connection).items():
        if source not in parts:
            continue
        for entity in _TIMES:
            _list_entity(connection, source, entity, keys)
        _list_co_therapists(connection, source)
        for part in parts[source]:
            _list_part(connection, source, part, keys)
    return connection.count(f"SELECT count(*) FROM {_TABLE}")


def _suspect_keys(connection: Connection) -> dict[str, str]:
    """SQL for the keys of suspect raw rows and of their parents, by source; sources without any are left out."""
    tables = connection.raw.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() "
        "AND schema_name = 'quarantine' ORDER BY 1"
    ).fetchall()
    found: dict[str, str] = {}
    for (table,) in tables:
        named = source_and_stream(str(table))
        if named is None or not connection.has_table(schema_of(named[0]), f"{named[1]}__current"):
            continue
        current = f"{schema_of(named[0])}.{sql_name(named[1] + '__current')}"
        listed = f"FROM {current} WHERE row_key IN (SELECT row_key FROM quarantine.{sql_name(str(table))})"
        if not connection.count(f"SELECT count(*) {listed}"):
            continue
        keys = f"SELECT row_key {listed}"
        if any(row[0] == "parent_key" for row in connection.raw.execute(f"DESCRIBE {current}").fetchall()):
            keys += f" UNION SELECT parent_key {listed}"
        found[named[0]] = f"{found[named[0]]} UNION {keys}" if named[0] in found else keys
    return found


def _list_entity(connection: Connection, source: str, entity: str, keys: str) -> None:
    key = sql_name(primary_key(ENTITIES[entity])[0])
    times = ", ".join(f"CAST({time} AS TIMESTAMPTZ)" for time in _TIMES[entity])
    connection.raw.execute(
        f"INSERT INTO {_TABLE} SELECT {sql_literal(source)}, {sql_literal(entity)}, r.{key}, r.clinician_key, {times} "
        f"FROM canonical.{entity} AS r WHERE r.source = {sql_literal(source)} AND r.{key} IN ({keys})"
    )


def _list_co_therapists(connection: Connection, source: str) -> None:
    """A suspect session is suspect for everyone who took part in it."""
    connection.raw.execute(
        f"INSERT INTO {_TABLE} "
        "SELECT s.source, 'session_clinician', s.row_key, c.clinician_key, s.noted_at, s.from_at, s.to_at "
        f"FROM {_TABLE} AS s JOIN canonical.session_clinician AS c "
        "ON c.session_key = s.row_key AND c.source = s.source "
        "WHERE s.entity = 'session' AND s.source = ? AND c.clinician_key <> s.clinician_key",
        [source],
    )


def _list_part(connection: Connection, source: str, part: SessionPart, keys: str) -> None:
    """The sessions that suspect rows are parts of, for everyone who took part."""
    schema, view = schema_of(source), f"{part.stream}__current"
    if part.column not in connection.column_types(schema).get(view, {}):
        return
    connection.raw.execute(
        f"INSERT INTO {_TABLE} "
        f"SELECT DISTINCT s.source, {sql_literal(part.entity)}, s.session_key, p.clinician_key, NULL::TIMESTAMPTZ, "
        "s.started_at, s.started_at "
        f"FROM {schema}.{sql_name(view)} AS r "
        f"JOIN canonical.session AS s ON s.session_key = r.{sql_name(part.column)} AND s.source = $1 "
        "JOIN (SELECT source, session_key, clinician_key FROM canonical.session_clinician "
        "UNION SELECT source, session_key, clinician_key FROM canonical.session) AS p "
        "ON p.session_key = s.session_key AND p.source = $1 "
        f"WHERE r.row_key IN ({keys})",
        [source],
    )
