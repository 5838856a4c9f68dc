"""Arrow schema, Ibis schema and DDL of an entity, derived from its row model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, get_args

import annotated_types
import pyarrow as pa
import sqlalchemy as sa
from sqlmodel.sql.sqltypes import AutoString

from pacekeeper.contract.entity import Entity, entity_name
from pacekeeper.sql_text import sql_literal

if TYPE_CHECKING:
    import ibis.expr.schema as ibis_schema_types

#: Columns of every quarantine table: which row, which column, why, in which run. Never a value.
QUARANTINE_COLUMNS: Mapping[str, str] = {
    "source": "VARCHAR",
    "row_key": "VARCHAR",
    "column_name": "VARCHAR",
    "reason": "VARCHAR",
    "run_id": "VARCHAR",
    "as_of": "TIMESTAMP WITH TIME ZONE",
}

_DUCKDB_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}


@dataclass(frozen=True)
class ContractColumn:
    """One column of the contract. vocabulary: allowed values, null where any; bounds: null where none."""

    name: str
    type: pa.DataType
    nullable: bool
    primary_key: bool
    description: str
    vocabulary: tuple[str, ...] | None
    ge: float | None
    gt: float | None
    le: float | None
    is_zone: bool
    reason_name: str

    @property
    def is_key(self) -> bool:
        """Whether it holds a keyed hash."""
        return self.name.endswith(("_key", "_token"))

    @property
    def duckdb_type(self) -> str:
        return _DUCKDB_TYPES[self.type]

    @property
    def sql_type(self) -> str:
        """As DuckDB and PostgreSQL both know it."""
        return "DOUBLE PRECISION" if self.duckdb_type == "DOUBLE" else self.duckdb_type


@cache
def columns(entity: type[Entity]) -> tuple[ContractColumn, ...]:
    """Columns of an entity, `source` first, in the order every schema has."""
    table: sa.Table = entity.__table__  # type: ignore[attr-defined]  # set by SQLModel for table models
    return tuple(_column(entity, column) for column in table.columns)


def primary_key(entity: type[Entity]) -> tuple[str, ...]:
    """Names of the columns that identify a row."""
    return tuple(column.name for column in columns(entity) if column.primary_key)


def arrow_schema(entity: type[Entity]) -> pa.Schema:
    """Arrow schema; instants are microseconds in UTC."""
    return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in columns(entity)])


def ibis_schema(entity: type[Entity]) -> ibis_schema_types.Schema:
    """Ibis schema, nullability included."""
    import ibis

    return ibis.Schema.from_pyarrow(arrow_schema(entity))


def ddl(entity: type[Entity]) -> str:
    """Statements that create the canonical table, with comments.

    The primary key is stated in the comment and proven before each swap: DuckDB's key index makes replacing a
    slice slower, and refuses a key that one transaction deletes and inserts again.
    """
    name = entity_name(entity)
    body = ",\n".join(f'    "{c.name}" {c.sql_type}{"" if c.nullable else " NOT NULL"}' for c in columns(entity))
    about = f"{description(entity)} Grain: {entity.grain}. Primary key: {', '.join(primary_key(entity))}."
    comments = [f"COMMENT ON TABLE canonical.{name} IS {sql_literal(about)};"]
    comments += [
        f'COMMENT ON COLUMN canonical.{name}."{c.name}" IS {sql_literal(c.description)};' for c in columns(entity)
    ]
    return f"CREATE TABLE IF NOT EXISTS canonical.{name} (\n{body}\n);\n" + "\n".join(comments)


def quarantine_ddl(entity: type[Entity]) -> str:
    """DuckDB statement that creates the entity's quarantine table."""
    body = ", ".join(f"{name} {sql_type}" for name, sql_type in QUARANTINE_COLUMNS.items())
    return f"CREATE TABLE IF NOT EXISTS quarantine.{entity_name(entity)} ({body});"


def description(entity: type[Entity]) -> str:
    """First line of the row model's docstring."""
    return (entity.__doc__ or "").strip().splitlines()[0]


def _column(entity: type[Entity], column: sa.Column[object]) -> ContractColumn:
    field = entity.model_fields[column.name]
    bounds: dict[str, float] = {}
    for limit in field.metadata:
        match limit:
            case annotated_types.Ge(ge=bound):
                bounds["ge"] = float(bound)  # type: ignore[arg-type]  # typed as a protocol, a number here
            case annotated_types.Gt(gt=bound):
                bounds["gt"] = float(bound)  # type: ignore[arg-type]
            case annotated_types.Le(le=bound):
                bounds["le"] = float(bound)  # type: ignore[arg-type]
            case _:
                pass
    return ContractColumn(
        name=column.name,
        type=_arrow_type(column.type),
        nullable=bool(column.nullable),
        primary_key=column.primary_key,
        description=field.description or "",
        vocabulary=_vocabulary(field.annotation),
        ge=bounds.get("ge"),
        gt=bounds.get("gt"),
        le=bounds.get("le"),
        is_zone=column.name in entity.zones,
        reason_name=entity.reason_names.get(column.name, column.name),
    )


def _vocabulary(annotation: object) -> tuple[str, ...] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Enum):
            return tuple(str(member.value) for member in candidate)
    return None


def _arrow_type(sql_type: sa.types.TypeEngine[object]) -> pa.DataType:
    match sql_type:
        case sa.Boolean():
            return pa.bool_()
        case sa.Integer():
            return pa.int64()
        case sa.Float():
            return pa.float64()
        case sa.DateTime():
            return pa.timestamp("us", "UTC")
        case sa.Date():
            return pa.date32()
        case sa.String() | AutoString():
            return pa.string()
    raise TypeError(f"the contract has no Arrow type for {sql_type!r}")
