"""The tables a mart is built from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis

from pacekeeper.errors import ConfigError
from pacekeeper.expr import Table, Value

if TYPE_CHECKING:
    import ibis.expr.schema as ibis_schema_types

#: Temporary table of one row, `as_of`: the instant the run judges by.
RUN_TABLE = "_run"


def step_table(name: str) -> str:
    """Name of a step's temporary table."""
    return f"_step_{name}"


class CanonicalTables:
    """Canonical entities, `source_completeness`, `run`, and the steps and marts built so far, by name.

    `tables.session` or `tables["session"]`. Whether anything maps an entity is said by `source_completeness`.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = dict(tables)

    def __getitem__(self, name: str) -> Table:
        if name not in self._tables:
            raise ConfigError(f"a mart asks for table {name!r}; there are {', '.join(sorted(self._tables))}")
        return self._tables[name]

    def __getattr__(self, name: str) -> Table:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    @property
    def as_of(self) -> Value:
        """The instant the run judges by, as a scalar."""
        return self["run"].as_of.as_scalar()

    def with_table(self, name: str, table: Table) -> CanonicalTables:
        return self.with_tables({name: table})

    def with_tables(self, tables: Mapping[str, Table]) -> CanonicalTables:
        return CanonicalTables({**self._tables, **tables})


def declared_tables() -> CanonicalTables:
    """Every entity of the contract, the completeness of sources, the doubts and the run, bound to no engine."""
    from pacekeeper.contract import ENTITIES
    from pacekeeper.contract.schema import ibis_schema
    from pacekeeper.measures.completeness import COMPLETENESS_SCHEMA, COMPLETENESS_TABLE
    from pacekeeper.measures.doubt import DOUBT_SCHEMA, DOUBT_TABLES

    entities = {
        name: declared_table(name, ibis_schema(entity), database="canonical") for name, entity in ENTITIES.items()
    }
    doubts = {table.name: declared_table(table.name, table.schema, database=DOUBT_SCHEMA) for table in DOUBT_TABLES}
    reads = declared_table(COMPLETENESS_TABLE, ibis.schema(COMPLETENESS_SCHEMA), database="marts")
    run = declared_table(RUN_TABLE, ibis.schema({"as_of": "timestamp('UTC', 6)"}))
    return CanonicalTables({**entities, **doubts, COMPLETENESS_TABLE: reads, "run": run})


def declared_table(name: str, schema: ibis_schema_types.Schema, *, database: str | None = None) -> Table:
    """A table by name and columns, bound to no engine; a temporary one where no database is named.

    Every column may be null: Ibis refuses a union of one that may not with one that may, although the rows fit.
    """
    return ibis.table(nullable(schema), name=name, database=database)


def nullable(schema: ibis_schema_types.Schema) -> ibis_schema_types.Schema:
    """The same columns, each of which may be null."""
    return ibis.schema({column: dtype.copy(nullable=True) for column, dtype in schema.items()})
