"""Marts as SQL: compiled once for a policy and an engine, run for any `as_of`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import ibis
import ibis.expr.operations as ops

from pacekeeper.errors import ConfigError
from pacekeeper.measures.bands import BAND_VALUE, BAND_VALUE_STEP, POLICY_TABLES, policy_tables
from pacekeeper.measures.exact import with_exact_sums
from pacekeeper.measures.guardrail import Catalogue
from pacekeeper.measures.mart import IBIS_TYPES, Mart, MartColumn, Step, conformed
from pacekeeper.measures.tables import CanonicalTables, declared_table, declared_tables, step_table
from pacekeeper.measures.timed import CUT, WEEK, behind, recent_table
from pacekeeper.policy import Policy

if TYPE_CHECKING:
    import pyarrow as pa

    from pacekeeper.expr import Table

_QUOTED = re.compile(r'"(\w+)"')

#: Keys are hexadecimal digests: between these lie equal shares.
_CUTS = ("4", "8", "c")

#: Columns of a versioned mart that merging fills, no candidate.
VERSION_COLUMNS = frozenset({"version", "is_current", "is_retracted"})


@dataclass(frozen=True)
class PlannedStep:
    """A temporary table of the rows of every query. Columns are declared where they do not follow from one query."""

    step: Step
    sql: tuple[str, ...]

    @property
    def table(self) -> str:
        return step_table(self.step.name)

    @property
    def text(self) -> str:
        return "\n".join(self.sql)

    @property
    def is_weekly(self) -> bool:
        return self.step.is_weekly


@dataclass(frozen=True)
class PlannedMart:
    """A mart and its rows; of a versioned mart, the candidates."""

    mart: Mart
    sql: str

    @property
    def text(self) -> str:
        return self.sql

    @property
    def is_weekly(self) -> bool:
        return self.mart.weekly_reach is not None


@dataclass(frozen=True)
class Plan:
    """What to run, in order, and the tables of the policy that it reads."""

    items: tuple[PlannedStep | PlannedMart, ...]
    policy: Policy
    policy_tables: Mapping[str, pa.Table]

    @property
    def weekly_reach(self) -> int:
        """Days by which a row of a weekly mart may look beyond its week."""
        marts = [item.mart for item in self.items if isinstance(item, PlannedMart)]
        return max((mart.weekly_reach(self.policy) for mart in marts if mart.weekly_reach is not None), default=0)


def compile_plan(catalogue: Catalogue, policy: Policy, *, dialect: str = "duckdb", built: Iterable[Mart] = ()) -> Plan:
    """The SQL of every step and mart of the catalogue, in building order. Opens no database.

    built: marts that are there already.
    """
    items: list[PlannedStep | PlannedMart] = []
    for what, queries in expressions(catalogue, policy, built=built):
        sql = tuple(_sql(query, dialect) for query in queries.values())
        items.append(PlannedStep(what, sql) if isinstance(what, Step) else PlannedMart(what, sql[0]))
    return Plan(_whole_first(items), policy, policy_tables(catalogue.guardrails.values(), policy))


def _whole_first(items: list[PlannedStep | PlannedMart]) -> tuple[PlannedStep | PlannedMart, ...]:
    """The whole steps that weekly items read, then the others: what changed is told from them."""
    weekly = {item.table if isinstance(item, PlannedStep) else item.mart.name for item in items if item.is_weekly}
    steps = {item.table: item for item in items if isinstance(item, PlannedStep) and not item.is_weekly}
    marts = {item.mart.name for item in items if isinstance(item, PlannedMart) and not item.is_weekly}
    first: dict[str, PlannedStep] = {}

    def visit(item: PlannedStep | PlannedMart) -> None:
        read = named_tables(item.text)
        wrong = read & (marts if item.is_weekly else weekly | marts)
        if wrong:
            raise ConfigError(f"weekly marts cannot be built from {', '.join(sorted(wrong))}, which is no whole step")
        for table in sorted(read & steps.keys() - first.keys()):
            visit(steps[table])
            first[table] = steps[table]

    for item in items:
        if item.is_weekly:
            visit(item)
    return (*first.values(), *(item for item in items if not isinstance(item, PlannedStep) or item.table not in first))


def named_tables(sql: str) -> set[str]:
    """Names that a statement quotes, tables and columns, those of views of recent rows as the tables behind them."""
    return {behind(name) for name in _QUOTED.findall(sql)}


def expressions(
    catalogue: Catalogue, policy: Policy, *, built: Iterable[Mart] = ()
) -> Iterator[tuple[Step | Mart, dict[str, Table]]]:
    """Every step and mart in building order, with its rows by name; of `band_value`, by guardrail."""
    tables = declared_tables()
    for name, columns in POLICY_TABLES.items():
        tables = tables.with_table(name, declared_table(step_table(name), _schema(columns)))
    for mart in built:
        tables = _with_mart(tables, mart)
    recent = {name: declared_table(recent_table(name), tables[name].schema()) for name in CUT}
    done: set[str] = set()
    for mart in catalogue.marts.values():
        for step in _needed(mart, done):
            if step.name == BAND_VALUE_STEP:
                rows = _band_values(catalogue, tables, policy)
            else:
                found = step.build(tables.with_tables(recent) if step.is_weekly else tables, policy)
                rows = _parts(found, step) if step.refine is None else {step.name: _in_order(found)}
            yield step, {name: with_exact_sums(query) for name, query in rows.items()}
            schema = _schema(step.columns) if step.columns else found.schema()
            tables = tables.with_table(step.name, declared_table(step_table(step.name), schema))
            if WEEK in schema and not step.is_weekly:
                recent[step.name] = declared_table(recent_table(step.name), schema)
        rows = mart.build(tables if mart.weekly_reach is None else tables.with_tables(recent), policy)
        if mart.versioned:
            rows = conformed(rows, carried(mart))
        elif mart.refine is None:
            rows = conformed(rows, mart.columns).order_by(*mart.primary_key)
        else:
            rows = _in_order(rows)
        yield mart, {mart.name: with_exact_sums(rows)}
        tables = _with_mart(tables, mart)


def _parts(rows: Table, step: Step) -> dict[str, Table]:
    """The rows, in ranges of the step's key that leave none out, where it is computed in parts."""
    if step.in_parts is None:
        return {step.name: rows}
    key = rows[step.in_parts]
    ranges = [key < _CUTS[0], *((key >= low) & (key < high) for low, high in pairwise(_CUTS)), key >= _CUTS[-1]]
    return {f"{step.name}_{number}": rows.filter(within) for number, within in enumerate(ranges, start=1)}


def _in_order(rows: Table) -> Table:
    """Rows for a statistic in an order that is always the same: sums of fractions depend on it."""
    return rows if isinstance(rows.op(), ops.Sort) else rows.order_by(*rows.columns)


def _with_mart(tables: CanonicalTables, mart: Mart) -> CanonicalTables:
    return tables.with_table(mart.name, declared_table(mart.name, _schema(mart.columns), database=mart.schema))


def carried(mart: Mart) -> tuple[MartColumn, ...]:
    """The columns of a versioned mart that a candidate has."""
    return tuple(column for column in mart.columns if column.name not in VERSION_COLUMNS)


def _needed(mart: Mart, done: set[str]) -> list[Step]:
    """Steps of the mart that are not planned yet, each after those it reads."""
    order: list[Step] = []

    def visit(step: Step) -> None:
        if step.name not in done:
            done.add(step.name)
            for below in step.reads:
                visit(below)
            order.append(step)

    for step in mart.steps:
        visit(step)
    return order


def _band_values(catalogue: Catalogue, tables: CanonicalTables, policy: Policy) -> dict[str, Table]:
    wanted = [rail for rail in catalogue.guardrails.values() if rail.id in policy.guardrail_ids]
    return {rail.id: conformed(rail.values(tables, policy), BAND_VALUE) for rail in wanted}


def _schema(columns: tuple[MartColumn, ...]) -> ibis.Schema:
    return ibis.schema({column.name: IBIS_TYPES[column.type] for column in columns})


def _sql(table: Table, dialect: str) -> str:
    """Ibis does not merge its nested selects: the engine does that faster."""
    merged = ibis.options.sql.fuse_selects
    ibis.options.sql.fuse_selects = False
    try:
        return str(ibis.to_sql(table, dialect=dialect, pretty=False))
    finally:
        ibis.options.sql.fuse_selects = merged
