"""Canonical slices and raw versions from the DuckDB file to PostgreSQL: only what is not there yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.entity import Entity
from pacekeeper.contract.schema import columns, ddl
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.sql_text import sql_literal, sql_name

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.engine.postgres_session import PostgresSession

_BATCH_ROWS = 100_000


def create_tables(session: PostgresSession) -> None:
    """Make canonical tables that are missing; one that is not as the contract has it is made anew, to be sent again."""
    session.execute("CREATE SCHEMA IF NOT EXISTS canonical")
    session.execute(
        "CREATE TABLE IF NOT EXISTS contract.slice "
        "(entity VARCHAR NOT NULL, source VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, PRIMARY KEY (entity, source))"
    )
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for table, name, kind, nullable in session.rows(
        "SELECT table_name, column_name, upper(data_type), is_nullable = 'YES' FROM information_schema.columns "
        "WHERE table_schema = 'canonical' ORDER BY table_name, ordinal_position"
    ):
        found.setdefault(table, []).append((name, kind, nullable))
    for name, entity in ENTITIES.items():
        if found.get(name) != [(c.name, _reported(c.sql_type), c.nullable) for c in columns(entity)]:
            with session.transaction():
                session.execute(f"DROP TABLE IF EXISTS canonical.{name}")
                session.execute(f"DELETE FROM contract.slice WHERE entity = {sql_literal(name)}")
                session.execute(ddl(entity))


def send_canonical(connection: Connection, session: PostgresSession) -> tuple[str, ...]:
    """Bring every canonical table up to date; the slices that were sent come back, as `entity/source`.

    Each slice is replaced in a transaction of its own, together with its fingerprint; one that is as it was is left.
    """
    sent = []
    known = {
        (entity, source): mark
        for entity, source, mark in session.rows("SELECT entity, source, fingerprint FROM contract.slice")
    }
    for name, entity in ENTITIES.items():
        wanted = _fingerprints(connection, name)
        held = {source for known_entity, source in known if known_entity == name}
        changed = [s for s in sorted({*wanted, *held}) if known.get((name, s)) != wanted.get(s)]
        for source in changed:
            _replace_slice(connection, session, entity, source, wanted.get(source))
            sent.append(f"{name}/{source}")
        if changed:
            session.analyze(f"canonical.{name}")
    return tuple(sent)


def send_table(connection: Connection, session: PostgresSession, table: str) -> None:
    """Replace all rows of a table, which has the same columns in both, in one transaction."""
    with session.transaction():
        session.execute(f"DELETE FROM {table}")
        _send(connection, session, table, f"SELECT * FROM {table}")
    session.analyze(table)


def send_raw(connection: Connection, session: PostgresSession, sources: Iterable[str]) -> None:
    """Add the raw versions of each source that PostgreSQL does not have yet; a table at a time, all or nothing.

    A version is never changed, and all of one batch are there or none. A batch that the file does not have goes.
    """
    for source in sources:
        schema = f"raw_{source}"
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for table, kinds in _raw_tables(connection, schema).items():
            name = f"{schema}.{sql_name(table)}"
            with session.transaction():
                wanted = ", ".join(f"{sql_name(column)} {_neutral(kind)}" for column, kind in kinds.items())
                session.execute(f"CREATE TABLE IF NOT EXISTS {name} ({wanted})")
                for column, kind in kinds.items():
                    session.execute(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {sql_name(column)} {_neutral(kind)}")
                _drop_batches(connection, session, name)
                held = [sql_literal(batch) for (batch,) in session.rows(f"SELECT DISTINCT batch_id FROM {name}")]
                new = f" WHERE batch_id NOT IN ({', '.join(held)})" if held else ""
                listed = ", ".join(map(sql_name, kinds))
                _send(connection, session, name, f"SELECT {listed} FROM {name}{new}")
                faultpoint(f"postgres.raw.{table}")


def _drop_batches(connection: Connection, session: PostgresSession, table: str) -> None:
    """Remove batches that the file does not have: it was restored from a backup made before they landed."""
    listed = f"SELECT DISTINCT batch_id FROM {table}"
    ours = {batch for (batch,) in connection.rows(listed)}
    gone = [sql_literal(batch) for (batch,) in session.rows(listed) if batch not in ours]
    if gone:
        session.execute(f"DELETE FROM {table} WHERE batch_id IN ({', '.join(gone)})")


def _raw_tables(connection: Connection, schema: str) -> dict[str, dict[str, str]]:
    """SQL type by column, by stream."""
    found = connection.column_types(schema)
    return {
        table: {name: kind for name, kind in kinds.items() if not name.startswith("_dlt")}
        for table, kinds in found.items()
        if "batch_id" in kinds and not table.endswith("__current")
    }


def _replace_slice(
    connection: Connection, session: PostgresSession, entity: type[Entity], source: str, fingerprint: str | None
) -> None:
    name, owner = str(entity.__tablename__), sql_literal(source)
    with session.transaction():
        session.execute(f"DELETE FROM canonical.{name} WHERE source = {owner}")
        session.execute(f"DELETE FROM contract.slice WHERE entity = {sql_literal(name)} AND source = {owner}")
        if fingerprint is not None:
            names = ", ".join(sql_name(c.name) for c in columns(entity))
            _send(
                connection,
                session,
                f"canonical.{name}",
                f"SELECT {names} FROM canonical.{name} WHERE source = {owner}",
            )
            session.execute(
                f"INSERT INTO contract.slice VALUES ({sql_literal(name)}, {owner}, {sql_literal(fingerprint)})"
            )
        faultpoint(f"postgres.slice.{name}")


def _send(connection: Connection, session: PostgresSession, table: str, sql: str) -> None:
    for batch in connection.raw.execute(sql).to_arrow_reader(_BATCH_ROWS):
        session.insert(table, pa.Table.from_batches([batch]))


def _fingerprints(connection: Connection, entity: str) -> dict[str, str]:
    """By source: rows and the sum of their hashes. Another version of DuckDB hashes otherwise, and sends all again."""
    rows = connection.rows(
        f"SELECT source, count(*) || ' ' || sum(CAST(hash(slice) AS HUGEINT)) "
        f"FROM canonical.{entity} AS slice GROUP BY source"
    )
    return {str(source): str(mark) for source, mark in rows}


def _neutral(kind: str) -> str:
    """What PostgreSQL calls a type of a raw table."""
    return "DOUBLE PRECISION" if kind == "DOUBLE" else kind


def _reported(kind: str) -> str:
    """What PostgreSQL calls a type of the contract."""
    return "CHARACTER VARYING" if kind == "VARCHAR" else kind
