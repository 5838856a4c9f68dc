"""The tables a mart is built from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis

from pacekeeper.errors import ConfigError
from pacekeeper.expr import Table

if TYPE_CHECKING:
    import ibis.expr.schema as ibis_schema_types
    from ibis.backends import BaseBackend


class CanonicalTables:
    """Canonical entities, `source_completeness` and the marts built so far, by name.

    `tables.session` or `tables["session"]`. An entity without a table is an empty one with the contract's columns,
    so that marts and verdicts are always built: whether anything maps it is said by `source_completeness`.
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

    def with_table(self, name: str, table: Table) -> CanonicalTables:
        return CanonicalTables({**self._tables, name: table})


def canonical_tables(con: BaseBackend, *, schema: str = "canonical") -> CanonicalTables:
    """Every entity of the contract as a table of the schema, empty where the schema does not have it yet."""
    from pacekeeper.contract import ENTITIES
    from pacekeeper.contract.schema import ibis_schema

    there = set(con.list_tables(database=schema)) if schema in con.list_databases() else set()
    return CanonicalTables(
        {
            name: open_table(con, name, schema) if name in there else no_rows(ibis_schema(entity))
            for name, entity in ENTITIES.items()
        }
    )


def open_table(con: BaseBackend, name: str, database: str | tuple[str, str]) -> Table:
    """A table of the engine with every column declared nullable.

    Ibis refuses a union of a column that is stored NOT NULL with one that is not, although the rows fit.
    """
    table = con.table(name, database=database).op()
    return table.copy(schema=nullable(table.schema)).to_expr()


def nullable(schema: ibis_schema_types.Schema) -> ibis_schema_types.Schema:
    """The same columns, each of which may be null."""
    return ibis.schema({column: dtype.copy(nullable=True) for column, dtype in schema.items()})


def no_rows(schema: ibis_schema_types.Schema) -> Table:
    """A table of these columns without rows, bound to no engine."""
    nothing = ibis.range(0, 0).unnest().name("nothing").as_table()
    return nothing.select(**{name: ibis.null(dtype) for name, dtype in nullable(schema).items()})
