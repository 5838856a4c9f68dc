"""What a mart is: a table with a grain, described columns, named inputs and one expression that builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pacekeeper.policy import Policy

if TYPE_CHECKING:
    from ibis.backends import BaseBackend

    from pacekeeper.expr import Table
    from pacekeeper.measures.tables import CanonicalTables

ColumnType = Literal["text", "date", "instant", "number", "count", "flag"]

IBIS_TYPES = MappingProxyType(
    {
        "text": "string",
        "date": "date",
        "instant": "timestamp('UTC', 6)",
        "number": "float64",
        "count": "int64",
        "flag": "boolean",
    }
)
DUCKDB_TYPES = MappingProxyType(
    {
        "text": "VARCHAR",
        "date": "DATE",
        "instant": "TIMESTAMP WITH TIME ZONE",
        "number": "DOUBLE",
        "count": "BIGINT",
        "flag": "BOOLEAN",
    }
)


@dataclass(frozen=True)
class MartColumn:
    """One column. The description names formula, rule and what null means; unit is empty for keys, codes and dates."""

    name: str
    type: ColumnType
    unit: str
    description: str


@dataclass(frozen=True)
class Step:
    """A table that several marts are computed from: built with them, in the same connection, and dropped again."""

    name: str
    build: Callable[[CanonicalTables, Policy, datetime], Table]


@dataclass(frozen=True, kw_only=True)
class Mart:
    """A table of schema `marts`.

    inputs: canonical entities and earlier marts it reads.
    steps: what is computed first; a step reads canonical entities and the steps before it.
    build: from tables, policy and `as_of` to the rows; column order and types are put right by `rows`.
    versioned: rows are merged as versions (verdicts) instead of replaced.
    """

    name: str
    description: str
    grain: str
    primary_key: tuple[str, ...]
    columns: tuple[MartColumn, ...]
    inputs: tuple[str, ...]
    build: Callable[[CanonicalTables, Policy, datetime], Table]
    steps: tuple[Step, ...] = ()
    versioned: bool = False

    def rows(self, tables: CanonicalTables, policy: Policy, as_of: datetime) -> Table:
        """The mart's rows with exactly its columns, in order, in their declared types."""
        return conformed(self.build(tables, policy, as_of), self.columns)


def conformed(table: Table, columns: tuple[MartColumn, ...]) -> Table:
    """The named columns in order; numbers and counts are cast to their declared width, nothing else is cast."""
    return table.select(
        **{
            column.name: table[column.name].cast(IBIS_TYPES[column.type])
            if column.type in {"number", "count"}
            else table[column.name]
            for column in columns
        }
    )


def by_name(marts: tuple[Mart, ...]) -> Mapping[str, Mart]:
    """Marts by name, in building order: each reads only canonical entities and marts before it."""
    return MappingProxyType({mart.name: mart for mart in marts})


def column_ddl(columns: tuple[MartColumn, ...]) -> str:
    """Column definitions of a DuckDB table. Sums are wide in DuckDB: the declared type decides."""
    return ", ".join(f'"{column.name}" {DUCKDB_TYPES[column.type]}' for column in columns)


def sql_of(con: BaseBackend, table: Table) -> str:
    """The table's SQL. Ibis does not merge its nested selects: the engine does that faster."""
    import ibis

    merged = ibis.options.sql.fuse_selects
    ibis.options.sql.fuse_selects = False
    try:
        return str(con.compile(table))
    finally:
        ibis.options.sql.fuse_selects = merged
