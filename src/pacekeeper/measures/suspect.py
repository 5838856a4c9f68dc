"""Suspect records: those whose latest reading was rejected, so that an older version of them is still in the tables.

Mapping lists them, marts turn what rests on them `unknown`, reason partial (decision 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacekeeper.measures.tables import CanonicalTables, no_rows, open_table

if TYPE_CHECKING:
    import ibis.expr.schema as ibis_schema_types
    from ibis.backends.duckdb import Backend

SUSPECT_SCHEMA = "quarantine"
SUSPECT_TABLE = "suspect_record"
#: One row per suspect canonical row and clinician it names. noted_at: since when it was known, null = not known;
#: from_at to to_at: the time the older version speaks of; null = open on that side, or not known.
SUSPECT_COLUMNS = {
    "source": "VARCHAR",
    "entity": "VARCHAR",
    "row_key": "VARCHAR",
    "clinician_key": "VARCHAR",
    "noted_at": "TIMESTAMP WITH TIME ZONE",
    "from_at": "TIMESTAMP WITH TIME ZONE",
    "to_at": "TIMESTAMP WITH TIME ZONE",
}
SUSPECT_DDL = ", ".join(f"{name} {kind}" for name, kind in SUSPECT_COLUMNS.items())


def with_suspects(con: Backend, tables: CanonicalTables) -> CanonicalTables:
    """The tables with `suspect_record`; empty in a warehouse that has never listed any."""
    has_schema = SUSPECT_SCHEMA in con.list_databases()
    if has_schema and SUSPECT_TABLE in con.list_tables(database=SUSPECT_SCHEMA):
        return tables.with_table(SUSPECT_TABLE, open_table(con, SUSPECT_TABLE, SUSPECT_SCHEMA))
    return tables.with_table(SUSPECT_TABLE, no_rows(suspect_schema()))


def suspect_schema() -> ibis_schema_types.Schema:
    """Ibis schema of the table."""
    import ibis

    kinds = {"VARCHAR": "string", "TIMESTAMP WITH TIME ZONE": "timestamp('UTC', 6)"}
    return ibis.schema({name: kinds[kind] for name, kind in SUSPECT_COLUMNS.items()})
