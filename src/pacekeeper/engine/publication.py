"""Copies of the warehouse for readers, swapped in atomically."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from pathlib import Path

import duckdb

from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.engine.readers import RESTRICTED_SCHEMA, VERDICTS, hidden_guardrails, without
from pacekeeper.sql_text import sql_literal


def publish(warehouse: Path, to: Path, *, schemas: Collection[str] | None = None, mode: int = 0o600) -> None:
    """Copy a warehouse and put the copy in the place of `to` in one step.

    A reader that has the old copy open keeps it; whoever opens the file afterwards sees the new one, never a
    half-made one. schemas: only these, their tables and views (null = everything); what verdicts on restricted marts
    say is left out of them. The copy is made in a folder of its own, readable by nobody else. Raises what opening a
    warehouse raises.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}.") as folder:
        copy = Path(folder) / to.name
        _copy(warehouse, copy, schemas)
        copy.chmod(mode)
        _flush(copy)
        faultpoint("publish.before_replace")
        copy.replace(to)


def _copy(warehouse: Path, copy: Path, schemas: Collection[str] | None) -> None:
    from pacekeeper.engine.duckdb import opening_error

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            connection.execute(f"ATTACH {sql_literal(str(warehouse))} AS warehouse (READ_ONLY)")
        except duckdb.Error as exc:
            raise opening_error(warehouse, exc) from None
        connection.execute(f"ATTACH {sql_literal(str(copy))} AS published")
        if schemas is None:
            connection.execute("COPY FROM DATABASE warehouse TO published")
        else:
            for schema in schemas:
                _copy_schema(connection, schema, _hidden(connection, schema))
        connection.execute("DETACH published")


def _tables(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, str | None]:
    """Comment by name of a table."""
    return dict(
        connection.execute(
            "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = ?",
            [schema],
        ).fetchall()
    )


def _hidden(connection: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    if VERDICTS not in _tables(connection, schema):
        return []
    restricted = _tables(connection, RESTRICTED_SCHEMA)
    found = connection.execute(hidden_guardrails(f'warehouse."{schema}".{VERDICTS}', restricted)).fetchall()
    return [name for (name,) in found]


def _copy_schema(connection: duckdb.DuckDBPyConnection, schema: str, hidden: Collection[str]) -> None:
    # Copied table by table: dropping schemas from a whole copy would leave their rows in the file's free blocks.
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS published."{schema}"')
    for table, comment in _tables(connection, schema).items():
        name = f'"{schema}"."{table}"'
        columns = dict(
            connection.execute(
                "SELECT column_name, comment FROM duckdb_columns() WHERE database_name = 'warehouse'"
                " AND schema_name = ? AND table_name = ?",
                [schema, table],
            ).fetchall()
        )
        connection.execute(f"CREATE TABLE published.{name} AS FROM warehouse.{name}{without(hidden, columns)}")
        if comment is not None:
            connection.execute(f"COMMENT ON TABLE published.{name} IS {sql_literal(comment)}")
        for column, text in columns.items():
            if text is not None:
                connection.execute(f'COMMENT ON COLUMN published.{name}."{column}" IS {sql_literal(text)}')
    views = connection.execute(
        "SELECT sql FROM duckdb_views() WHERE database_name = 'warehouse' AND schema_name = ? AND NOT internal"
        " ORDER BY view_oid",
        [schema],
    ).fetchall()
    connection.execute("USE published")
    for (statement,) in views:
        connection.execute(statement)
    connection.execute("USE memory")


def _flush(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
