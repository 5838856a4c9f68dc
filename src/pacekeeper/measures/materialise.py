"""Building marts into the warehouse, whichever engine holds it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.engine.readers import RESTRICTED_SCHEMA
from pacekeeper.engine.session import Session
from pacekeeper.measures.bands import POLICY_TABLES
from pacekeeper.measures.completeness import (
    COMPLETENESS_DDL,
    COMPLETENESS_DESCRIPTION,
    COMPLETENESS_TABLE,
    SourceCompleteness,
    arrow_rows,
)
from pacekeeper.measures.doubt import DOUBT_SCHEMA, DOUBT_TABLES
from pacekeeper.measures.mart import MARTS_SCHEMA, Mart, MartColumn, Refine, column_ddl
from pacekeeper.measures.plan import Plan, PlannedMart, PlannedStep
from pacekeeper.measures.recent import Window, changed_weeks, remember
from pacekeeper.measures.tables import RUN_TABLE, step_table
from pacekeeper.measures.timed import WEEK
from pacekeeper.measures.versions import merge_verdicts
from pacekeeper.policy import Policy
from pacekeeper.sql_text import sql_literal


def materialise_marts(
    session: Session,
    plan: Plan,
    *,
    as_of: datetime,
    completeness: Iterable[SourceCompleteness],
    keeps: bool = False,
) -> dict[str, int]:
    """Build the marts in order; rows per mart come back (of a versioned mart: rows of all versions).

    plan: compiled for the session's dialect. keeps: the marts are as the last build of this database left them, so that
    of weekly marts the weeks may stay in which nothing has changed.
    """
    for schema in (MARTS_SCHEMA, RESTRICTED_SCHEMA, DOUBT_SCHEMA):
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for doubt in DOUBT_TABLES:
        session.execute(doubt.ddl)
    store_completeness(session, completeness)
    _make_temporary(session, RUN_TABLE, f"AS SELECT TIMESTAMPTZ '{as_of.isoformat()}' AS as_of")
    for name, policy_rows in plan.policy_tables.items():
        _make_temporary(session, step_table(name), f"({column_ddl(POLICY_TABLES[name])})")
        session.insert(step_table(name), policy_rows)
        session.analyze(step_table(name))
    rows: dict[str, int] = {}
    first_weekly = next((place for place, item in enumerate(plan.items) if item.is_weekly), None)
    window = Window()
    for place, item in enumerate(plan.items):
        if place == first_weekly:
            window = changed_weeks(session, plan, as_of=as_of, keeps=keeps)
        if isinstance(item, PlannedStep):
            _prepare(session, item, plan.policy)
        else:
            mart = item.mart
            if mart.versioned:
                merge_verdicts(session, mart, item.sql, as_of=as_of)
            elif item.is_weekly and window.since is not None:
                _replace_weeks(session, item, window.since)
            else:
                _replace(session, item, plan.policy)
            _comment(session, mart)
            session.analyze(mart.table)
            faultpoint(f"mart.built.{mart.name}")
            rows[mart.name] = int(session.rows(f"SELECT count(*) FROM {mart.table}")[0][0])
    if first_weekly is not None:
        remember(session, plan)
    for item in plan.items:
        if isinstance(item, PlannedStep):
            session.execute(f"DROP TABLE {item.table}")
    for table in (RUN_TABLE, *map(step_table, plan.policy_tables)):
        session.execute(f"DROP TABLE {table}")
    return rows


def copy_mart(source: Session, to: Session, mart: Mart) -> None:
    """A mart that another session has, in the place of what `to` has."""
    with to.transaction():
        _make_table(to, mart)
        to.insert(mart.table, source.arrow(f"SELECT {_names(mart)} FROM {mart.table}"))
        _comment(to, mart)


def _make_table(session: Session, mart: Mart) -> None:
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {mart.schema}")
    session.execute(f"DROP TABLE IF EXISTS {mart.table}")
    session.execute(f"CREATE TABLE {mart.table} ({column_ddl(mart.columns)})")


def _names(mart: Mart) -> str:
    return ", ".join(f'"{column.name}"' for column in mart.columns)


def _make_temporary(session: Session, table: str, what: str) -> None:
    """A temporary table, in the place of one that a build which failed has left in this session."""
    session.execute(f"DROP TABLE IF EXISTS {table}")
    session.execute(f"CREATE TEMP TABLE {table} {what}")


def store_completeness(session: Session, completeness: Iterable[SourceCompleteness]) -> None:
    """Store what was read how far as `marts.source_completeness`, so that an unknown verdict can be traced."""
    table = f"{MARTS_SCHEMA}.{COMPLETENESS_TABLE}"
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {MARTS_SCHEMA}")
    with session.transaction():
        session.execute(f"DROP TABLE IF EXISTS {table}")
        session.execute(f"CREATE TABLE {table} ({COMPLETENESS_DDL})")
        session.execute(f"COMMENT ON TABLE {table} IS {sql_literal(COMPLETENESS_DESCRIPTION)}")
        session.insert(table, arrow_rows(completeness))


def _prepare(session: Session, item: PlannedStep, policy: Policy) -> None:
    step = item.step
    if not step.columns:
        first, *others = item.sql
        _make_temporary(session, item.table, f"AS {first}")
        for sql in others:
            session.execute(f"INSERT INTO {item.table} {sql}")
    else:
        _make_temporary(session, item.table, f"({column_ddl(step.columns)})")
        for sql in item.sql:
            _insert(session, item.table, sql, step.refine, step.columns, policy)
    session.analyze(item.table)


def _replace(session: Session, item: PlannedMart, policy: Policy) -> None:
    """The old rows stay until the new ones are complete."""
    mart = item.mart
    with session.transaction():
        _make_table(session, mart)
        _insert(session, mart.table, item.sql, mart.refine, mart.columns, policy)


def _replace_weeks(session: Session, item: PlannedMart, since: date) -> None:
    """Earlier weeks stay as they are."""
    table, again = item.mart.table, f"{WEEK} >= DATE '{since}'"
    with session.transaction():
        session.execute(f"DELETE FROM {table} WHERE {again}")
        session.execute(f"INSERT INTO {table} SELECT * FROM ({item.sql}) WHERE {again}")


def _insert(
    session: Session, table: str, sql: str, refine: Refine | None, columns: tuple[MartColumn, ...], policy: Policy
) -> None:
    if refine is None:
        session.execute(f"INSERT INTO {table} {sql}")
    else:
        refined = refine(session.arrow(sql), policy)
        session.insert(table, refined.select([column.name for column in columns]))


def _comment(session: Session, mart: Mart) -> None:
    about = f"{mart.description} Grain: {mart.grain}. Primary key: {', '.join(mart.primary_key)}."
    comments = [f"COMMENT ON TABLE {mart.table} IS {sql_literal(about)}"]
    for column in mart.columns:
        unit = f" Unit: {column.unit}." if column.unit else ""
        comments.append(f'COMMENT ON COLUMN {mart.table}."{column.name}" IS {sql_literal(column.description + unit)}')
    session.execute(";\n".join(comments))
