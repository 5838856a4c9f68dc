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
from pacekeeper.measures.doubt import with_doubts
from pacekeeper.measures.mart import Mart, Step, column_ddl, sql_of
from pacekeeper.measures.tables import CanonicalTables, canonical_tables, open_table
from pacekeeper.measures.versions import merge_verdicts
from pacekeeper.policy import Policy
from pacekeeper.sql_text import sql_literal

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

SCHEMA = "marts"


def materialise_marts(
    con: Backend,
    marts: tuple[Mart, ...],
    *,
    as_of: datetime,
    policy: Policy,
    completeness: Iterable[SourceCompleteness],
) -> dict[str, int]:
    """Build the marts in order; rows per mart come back (of a versioned mart: rows of all versions)."""
    con.raw_sql("SET TimeZone='UTC'")
    con.raw_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    tables = with_doubts(con, with_completeness(con, canonical_tables(con), completeness))
    rows: dict[str, int] = {}
    steps: list[str] = []
    for mart in marts:
        for step in mart.steps:
            tables = _prepare(con, step, tables, policy, as_of)
            steps.append(step.name)
        if mart.versioned:
            candidates = mart.build(tables, policy, as_of)
            merge_verdicts(con, mart, candidates, as_of=as_of)
        else:
            _replace(con, mart, tables, policy, as_of)
        _comment(con, mart)
        tables = tables.with_table(mart.name, open_table(con, mart.name, SCHEMA))
        rows[mart.name] = con.raw_sql(f"SELECT count(*) FROM {SCHEMA}.{mart.name}").fetchall()[0][0]
    for name in steps:
        con.raw_sql(f"DROP TABLE temp.main.{_step_table(name)}")
    return rows


def with_completeness(
    con: Backend, tables: CanonicalTables, completeness: Iterable[SourceCompleteness]
) -> CanonicalTables:
    """Store what was read how far as `marts.source_completeness`, so that an unknown verdict can be traced."""
    con.raw_sql(f"CREATE OR REPLACE TABLE {SCHEMA}.{COMPLETENESS_TABLE} ({COMPLETENESS_DDL})")
    con.raw_sql(f"COMMENT ON TABLE {SCHEMA}.{COMPLETENESS_TABLE} IS {sql_literal(COMPLETENESS_DESCRIPTION)}")
    con.con.register("_completeness", arrow_rows(completeness))
    try:
        con.raw_sql(f"INSERT INTO {SCHEMA}.{COMPLETENESS_TABLE} SELECT * FROM _completeness")
    finally:
        con.con.unregister("_completeness")
    return tables.with_table(COMPLETENESS_TABLE, open_table(con, COMPLETENESS_TABLE, SCHEMA))


def _prepare(con: Backend, step: Step, tables: CanonicalTables, policy: Policy, as_of: datetime) -> CanonicalTables:
    name = _step_table(step.name)
    con.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql_of(con, step.build(tables, policy, as_of))}")
    return tables.with_table(step.name, open_table(con, name, ("temp", "main")))


def _step_table(name: str) -> str:
    return f"_step_{name}"


def _replace(con: Backend, mart: Mart, tables: CanonicalTables, policy: Policy, as_of: datetime) -> None:
    """The old rows stay until the new ones are complete."""
    rows = sql_of(con, mart.rows(tables, policy, as_of).order_by(*mart.primary_key))
    con.raw_sql("BEGIN")
    try:
        con.raw_sql(f"CREATE OR REPLACE TABLE {SCHEMA}.{mart.name} ({column_ddl(mart.columns)})")
        con.raw_sql(f"INSERT INTO {SCHEMA}.{mart.name} {rows}")
        con.raw_sql("COMMIT")
    except BaseException:
        con.raw_sql("ROLLBACK")
        raise


def _comment(con: Backend, mart: Mart) -> None:
    about = f"{mart.description} Grain: {mart.grain}. Primary key: {', '.join(mart.primary_key)}."
    con.raw_sql(f"COMMENT ON TABLE {SCHEMA}.{mart.name} IS {sql_literal(about)}")
    for column in mart.columns:
        unit = f" Unit: {column.unit}." if column.unit else ""
        con.raw_sql(
            f'COMMENT ON COLUMN {SCHEMA}.{mart.name}."{column.name}" IS {sql_literal(column.description + unit)}'
        )
