"""The DuckDB file that BI opens: about nobody in particular, unless the settings ask for rows of persons."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pacekeeper.bi.people import Reader
from pacekeeper.bi.rows import person_labels_sql, rows_sql
from pacekeeper.bi.view import BI_SCHEMA, BiContract, BiView
from pacekeeper.engine.publication import swap_in
from pacekeeper.engine.readers import RESTRICTED_SCHEMA, VERDICTS, hidden_guardrails
from pacekeeper.measures.mart import MARTS_SCHEMA
from pacekeeper.sql_text import sql_literal, sql_name

if TYPE_CHECKING:
    import duckdb


def publish_bi(
    warehouse: Path, to: Path, contract: BiContract, *, named: Iterable[Reader] = (), person_rows: bool = False
) -> None:
    """Swap in schema `bi`, views on the tables of schema `marts` beside it, which have what BI may see and no more.

    named: whose names `person_label` gives, where there are rows of persons. See `engine.publication.swap_in`.
    """
    people = list(named)

    def fill(connection: duckdb.DuckDBPyConnection) -> None:
        # One transaction: written out statement by statement it would take minutes.
        connection.execute("USE warehouse; BEGIN TRANSACTION")
        existing = _columns(connection, MARTS_SCHEMA)
        hidden = _hidden(connection) if VERDICTS in existing else []
        for schema in (MARTS_SCHEMA, BI_SCHEMA):
            connection.execute(f"CREATE SCHEMA published.{schema}")
        # Made table by table: deleting from a whole copy would leave rows in the file's free blocks.
        for view in contract.views:
            is_labels = view.source == "person_label"
            rows = person_labels_sql(people) if is_labels else rows_sql(contract, view, existing, hidden)
            shown = "true" if person_rows else view.aggregate_condition
            _make(connection, view, f"SELECT * FROM ({rows}) AS found WHERE {shown}")
        connection.execute("USE published")
        for view in contract.views:
            for statement in view_sql(view, MARTS_SCHEMA):
                connection.execute(statement)
        connection.execute("COMMIT")

    swap_in(warehouse, to, fill, mode=0o640)


def view_sql(view: BiView, schema: str, *, options: str = "") -> list[str]:
    """Statements that make `bi.<name>` on the table of that name, with comments."""
    name = f"{BI_SCHEMA}.{sql_name(view.name)}"
    columns = ", ".join(sql_name(column.name) for column in view.columns)
    return [
        f"CREATE VIEW {name} {options} AS SELECT {columns} FROM {schema}.{sql_name(view.name)}",
        f"COMMENT ON VIEW {name} IS {sql_literal(view.comment)}",
        *(f"COMMENT ON COLUMN {name}.{sql_name(c.name)} IS {sql_literal(c.comment)}" for c in view.columns),
    ]


def _make(connection: duckdb.DuckDBPyConnection, view: BiView, rows: str) -> None:
    table = f"published.{MARTS_SCHEMA}.{sql_name(view.name)}"
    connection.execute(f"CREATE TABLE {table} ({view.ddl})")
    connection.execute(f"INSERT INTO {table} {rows}")


def _columns(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, set[str]]:
    """Names of columns by table of the warehouse."""
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'warehouse' AND schema_name = ?",
        [schema],
    ).fetchall():
        found.setdefault(str(table), set()).add(str(column))
    return found


def _hidden(connection: duckdb.DuckDBPyConnection) -> list[str]:
    restricted = _columns(connection, RESTRICTED_SCHEMA)
    found = connection.execute(hidden_guardrails(f"{MARTS_SCHEMA}.{VERDICTS}", restricted)).fetchall()
    return [str(name) for (name,) in found]
