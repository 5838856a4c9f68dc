"""Building marts into the warehouse."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from pacekeeper.measures.completeness import (
    COMPLETENESS_DDL,
    COMPLETENESS_DESCRIPTION,
    COMPLETENESS_TABLE,
    SourceCompleteness,
    arrow_rows,
)
from pacekeeper.measures.doubt import DOUBT_SCHEMA, DOUBT_TABLES
from pacekeeper.measures.mart import MARTS_SCHEMA, RESTRICTED_SCHEMA, Mart, MartColumn, Refine, column_ddl
from pacekeeper.measures.plan import Plan, PlannedMart, PlannedStep, step_table
from pacekeeper.measures.tables import RUN_TABLE
from pacekeeper.measures.versions import merge_verdicts
from pacekeeper.policy import Policy
from pacekeeper.sql_text import sql_literal

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis.backends.duckdb import Backend


def materialise_marts(
    con: Backend, plan: Plan, *, as_of: datetime, completeness: Iterable[SourceCompleteness]
) -> dict[str, int]:
    """Build the marts in order; rows per mart come back (of a versioned mart: rows of all versions)."""
    con.raw_sql("SET TimeZone='UTC'")
    for schema in (MARTS_SCHEMA, RESTRICTED_SCHEMA, DOUBT_SCHEMA):
        con.raw_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for doubt in DOUBT_TABLES:
        con.raw_sql(doubt.ddl)
    _store_completeness(con, completeness)
    con.raw_sql(f"CREATE OR REPLACE TEMP TABLE {RUN_TABLE} AS SELECT TIMESTAMPTZ '{as_of.isoformat()}' AS as_of")
    for name, policy_rows in plan.policy_tables.items():
        _store_temporary(con, step_table(name), policy_rows)
    rows: dict[str, int] = {}
    for item in plan.items:
        if isinstance(item, PlannedStep):
            _prepare(con, item, plan.policy)
        else:
            mart = item.mart
            if mart.versioned:
                merge_verdicts(con, mart, item.sql, as_of=as_of)
            else:
                _replace(con, item, plan.policy)
            _comment(con, mart)
            rows[mart.name] = con.raw_sql(f"SELECT count(*) FROM {mart.table}").fetchall()[0][0]
    for item in plan.items:
        if isinstance(item, PlannedStep):
            con.raw_sql(f"DROP TABLE {item.table}")
    for table in (RUN_TABLE, *map(step_table, plan.policy_tables)):
        con.raw_sql(f"DROP TABLE {table}")
    return rows


def _store_temporary(con: Backend, table: str, rows: pa.Table) -> None:
    con.con.register("_rows", rows)
    try:
        con.raw_sql(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM _rows")
    finally:
        con.con.unregister("_rows")


def _store_completeness(con: Backend, completeness: Iterable[SourceCompleteness]) -> None:
    """Store what was read how far as `marts.source_completeness`, so that an unknown verdict can be traced."""
    con.raw_sql(f"CREATE OR REPLACE TABLE {MARTS_SCHEMA}.{COMPLETENESS_TABLE} ({COMPLETENESS_DDL})")
    con.raw_sql(f"COMMENT ON TABLE {MARTS_SCHEMA}.{COMPLETENESS_TABLE} IS {sql_literal(COMPLETENESS_DESCRIPTION)}")
    con.con.register("_completeness", arrow_rows(completeness))
    try:
        con.raw_sql(f"INSERT INTO {MARTS_SCHEMA}.{COMPLETENESS_TABLE} SELECT * FROM _completeness")
    finally:
        con.con.unregister("_completeness")


def _prepare(con: Backend, item: PlannedStep, policy: Policy) -> None:
    step = item.step
    if not step.columns:
        con.raw_sql(f"CREATE OR REPLACE TEMP TABLE {item.table} AS {item.sql[0]}")
        return
    con.raw_sql(f"CREATE OR REPLACE TEMP TABLE {item.table} ({column_ddl(step.columns)})")
    for sql in item.sql:
        if step.refine is None:
            con.raw_sql(f"INSERT INTO {item.table} {sql}")
        else:
            _insert_refined(con, item.table, sql, step.refine, step.columns, policy)


def _replace(con: Backend, item: PlannedMart, policy: Policy) -> None:
    """The old rows stay until the new ones are complete."""
    mart, sql = item.mart, item.sql
    table = mart.table
    con.raw_sql("BEGIN")
    try:
        con.raw_sql(f"CREATE OR REPLACE TABLE {table} ({column_ddl(mart.columns)})")
        if mart.refine is None:
            con.raw_sql(f"INSERT INTO {table} {sql}")
        else:
            _insert_refined(con, table, sql, mart.refine, mart.columns, policy)
        con.raw_sql("COMMIT")
    except BaseException:
        con.raw_sql("ROLLBACK")
        raise


def _insert_refined(
    con: Backend, table: str, sql: str, refine: Refine, columns: tuple[MartColumn, ...], policy: Policy
) -> None:
    con.con.register("_refined", refine(con.raw_sql(sql).to_arrow_table(), policy))
    try:
        names = ", ".join(f'"{column.name}"' for column in columns)
        con.raw_sql(f"INSERT INTO {table} SELECT {names} FROM _refined")
    finally:
        con.con.unregister("_refined")


def _comment(con: Backend, mart: Mart) -> None:
    about = f"{mart.description} Grain: {mart.grain}. Primary key: {', '.join(mart.primary_key)}."
    comments = [f"COMMENT ON TABLE {mart.table} IS {sql_literal(about)}"]
    for column in mart.columns:
        unit = f" Unit: {column.unit}." if column.unit else ""
        comments.append(f'COMMENT ON COLUMN {mart.table}."{column.name}" IS {sql_literal(column.description + unit)}')
    # Ibis would parse each of them; the engine takes all at once.
    con.con.execute(";\n".join(comments))
