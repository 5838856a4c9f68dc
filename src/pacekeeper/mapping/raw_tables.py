"""The raw tables of a source as Ibis tables, with exactly the columns its streams declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import ibis

from pacekeeper.columns import SQL_TYPES, Ref
from pacekeeper.connector import SourceContext
from pacekeeper.engine.duckdb import Connection
from pacekeeper.errors import ConfigError
from pacekeeper.expr import RawTables, Table
from pacekeeper.stream import Stream

#: Type of the columns landing adds.
_LANDING_TYPES: Mapping[str, str] = {
    "row_key": "VARCHAR",
    "parent_key": "VARCHAR",
    "version_id": "VARCHAR",
    "predecessor_id": "VARCHAR",
    "version_no": "BIGINT",
    "content_hash": "VARCHAR",
    "is_deleted": "BOOLEAN",
    "observed_at": "TIMESTAMPTZ",
    "batch_id": "VARCHAR",
}


def raw_tables(
    connection: Connection,
    streams: Sequence[Stream],
    *,
    context: SourceContext,
    home_tz: str,
    as_of: datetime,
    value_maps: Mapping[str, Mapping[str, str]],
) -> RawTables:
    """A source's raw tables. A stream that never landed is an empty table, a column that never landed is null."""
    versions = {stream.name: _versions(connection, context.source, stream) for stream in streams}
    current = {stream.name: _current(connection, context.source, stream) for stream in streams}
    return RawTables(
        source=context.source,
        default_tz=context.default_tz or home_tz,
        as_of=as_of,
        current=current,
        versions=versions,
        value_maps=value_maps,
    )


def merged_value_maps(
    source: str, shipped: Mapping[str, Mapping[str, str]], site: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """The connector's value maps with the site's single codes laid over them."""
    unknown = sorted(set(site) - set(shipped))
    if unknown:
        raise ConfigError(
            f"[sources.{source}.value_maps] names {', '.join(unknown)}; this connector has "
            f"{', '.join(sorted(shipped)) or 'none'}"
        )
    return {name: {**codes, **site.get(name, {})} for name, codes in shipped.items()}


def _versions(connection: Connection, source: str, stream: Stream) -> Table:
    return _declared(connection, f"raw_{source}", stream.name, _types(stream))


def _current(connection: Connection, source: str, stream: Stream) -> Table:
    """Current rows, copied once: several mappings read them, and each would find the newest versions anew."""
    schema, types = f"raw_{source}", _types(stream)
    if not connection.has_table(schema, stream.name):
        return _declared(connection, schema, stream.name, types)
    name = f"current__{source}__{stream.name}"
    found = {str(row[0]) for row in connection.raw.execute(f'DESCRIBE {schema}."{stream.name}"').fetchall()}
    columns = ", ".join(f'"{c}"' if c in found else f'CAST(NULL AS {kind}) AS "{c}"' for c, kind in types.items())
    connection.raw.execute(
        f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT {columns} FROM {schema}."{stream.name}" '
        "QUALIFY row_number() OVER (PARTITION BY row_key ORDER BY version_no DESC) = 1 AND NOT is_deleted"
    )
    return connection.ibis.table(name, database=("temp", "main"))


def _declared(connection: Connection, schema: str, name: str, types: Mapping[str, str]) -> Table:
    nulls = ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in types.items())
    nothing = connection.ibis.sql(f"SELECT {nulls} WHERE false")
    if not connection.has_table(schema, name):
        return nothing
    table, absent = connection.ibis.table(name, database=schema), nothing.schema()
    found = set(table.columns)
    return table.select(**{column: table[column] if column in found else ibis.null(absent[column]) for column in types})


def _types(stream: Stream) -> dict[str, str]:
    found = {name: str(SQL_TYPES[type(column)]) for name, column in stream.columns.items()}
    for name, column in stream.columns.items():
        if isinstance(column, Ref) and column.match is not None:
            found[f"{name}_match"] = "VARCHAR"
    landing = {name: kind for name, kind in _LANDING_TYPES.items() if name != "parent_key" or stream.child_of}
    return {**found, **landing}
