"""What a mart is: a table with a grain, described columns, named inputs and one expression that builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pacekeeper.engine.readers import RESTRICTED_SCHEMA
from pacekeeper.measures.needs import Needs
from pacekeeper.policy import Policy

if TYPE_CHECKING:
    import pyarrow as pa

    from pacekeeper.expr import Table
    from pacekeeper.measures.tables import CanonicalTables

MARTS_SCHEMA = "marts"

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
#: As DuckDB and PostgreSQL both know them.
SQL_TYPES = MappingProxyType(
    {
        "text": "VARCHAR",
        "date": "DATE",
        "instant": "TIMESTAMP WITH TIME ZONE",
        "number": "DOUBLE PRECISION",
        "count": "BIGINT",
        "flag": "BOOLEAN",
    }
)


@dataclass(frozen=True)
class MartColumn:
    """One column. The description names formula, rule and what null means; unit is empty for keys, codes and dates.

    needs: what a measure is computed from; null for keys, dates and texts.
    rules: ids of the practice articles' statements that it answers.
    """

    name: str
    type: ColumnType
    unit: str
    description: str
    needs: Needs | None = None
    rules: tuple[str, ...] = ()


Build = Callable[["CanonicalTables", Policy], "Table"]
Refine = Callable[["pa.Table", Policy], "pa.Table"]


@dataclass(frozen=True)
class Step:
    """A table that several marts are computed from: built when the first of them asks, and dropped at the end.

    reads: steps it is computed from. marts: marts it is computed from. refine: a statistic over the rows that `build`
    gives, from Arrow to Arrow; `columns` then says what comes back.
    in_parts: by ranges of this key, one after the other, so that a large practice needs less memory at a time; no row
    may depend on rows of another key.
    is_weekly: its rows follow from what happens in the weeks around them, so that a build may ask for recent weeks
    alone. It reads whole steps, weekly ones, entities, and marts that are weekly; only such may read it.
    """

    name: str
    build: Build
    reads: tuple[Step, ...] = ()
    marts: tuple[str, ...] = ()
    refine: Refine | None = None
    columns: tuple[MartColumn, ...] = ()
    in_parts: str | None = None
    is_weekly: bool = False


@dataclass(frozen=True, kw_only=True)
class Mart:
    """A table for readers, in schema `marts` unless it is restricted.

    inputs: canonical entities and earlier marts it reads.
    steps: what is computed first.
    build: from tables and policy to the rows; column order and types are put right by `conformed`.
    refine: a statistic over the rows that `build` gives, from Arrow to Arrow.
    versioned: rows are merged as versions (verdicts) instead of replaced.
    weekly_reach: of a mart with `week_id` of which recent weeks alone can be made again, how many days a row may look
    beyond its week, by the policy; null: it is always made whole.
    restricted: it tells of one person's pay or leave. It stands in a schema of its own, which no copy for BI has.
    """

    name: str
    description: str
    grain: str
    primary_key: tuple[str, ...]
    columns: tuple[MartColumn, ...]
    inputs: tuple[str, ...]
    build: Build
    steps: tuple[Step, ...] = ()
    refine: Refine | None = None
    versioned: bool = False
    weekly_reach: Callable[[Policy], int] | None = None
    restricted: bool = False

    @property
    def schema(self) -> str:
        """Schema of the warehouse it stands in."""
        return RESTRICTED_SCHEMA if self.restricted else MARTS_SCHEMA

    @property
    def table(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"


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
    """Column definitions of a table. Sums are wide in every engine: the declared type decides."""
    return ", ".join(f'"{column.name}" {SQL_TYPES[column.type]}' for column in columns)
