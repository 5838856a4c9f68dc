"""Which canonical rows rest on an older version, because the latest reading of their record was rejected."""

from __future__ import annotations

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import primary_key
from pacekeeper.engine.duckdb import Connection
from pacekeeper.landing.paths import sql_literal, sql_name
from pacekeeper.landing.rejected import source_and_stream
from pacekeeper.landing.versions import schema_of
from pacekeeper.measures.suspect import SUSPECT_DDL, SUSPECT_SCHEMA, SUSPECT_TABLE

_TABLE = f"{SUSPECT_SCHEMA}.{SUSPECT_TABLE}"
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


def list_suspects(connection: Connection) -> int:
    """Replace the list of suspect canonical rows by what the lists of rejected rows say; returns how many there are.

    A canonical row has the key of the raw row it was mapped from, or of that row's parent. Rows of entities without a
    clinician of their own count through those that name one.
    """
    connection.raw.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE} ({SUSPECT_DDL})")
    connection.raw.execute(f"DELETE FROM {_TABLE}")
    for source, keys in _suspect_keys(connection).items():
        for entity in _TIMES:
            _list_entity(connection, source, entity, keys)
        _list_co_therapists(connection, source)
    return connection.count(f"SELECT count(*) FROM {_TABLE}")


def _suspect_keys(connection: Connection) -> dict[str, str]:
    """SQL for the keys of suspect raw rows and of their parents, by source; sources without any are left out."""
    tables = connection.raw.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() "
        f"AND schema_name = '{SUSPECT_SCHEMA}' ORDER BY 1"
    ).fetchall()
    found: dict[str, str] = {}
    for (table,) in tables:
        named = source_and_stream(str(table))
        if named is None or not connection.has_table(schema_of(named[0]), f"{named[1]}__current"):
            continue
        current = f"{schema_of(named[0])}.{sql_name(named[1] + '__current')}"
        listed = f"FROM {current} WHERE row_key IN (SELECT row_key FROM {SUSPECT_SCHEMA}.{sql_name(str(table))})"
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
