"""The raw tables of a source as Ibis tables, with exactly the columns its streams declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import ibis

from pacekeeper.connector import SourceContext
from pacekeeper.engine.duckdb import Connection
from pacekeeper.errors import ConfigError
from pacekeeper.expr import RawTables, Table
from pacekeeper.landing.versions import all_columns, schema_of
from pacekeeper.stream import Stream


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
    current = {stream.name: _current(connection, context.source, stream, versions) for stream in streams}
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
    return _declared(connection, schema_of(source), stream.name, all_columns(stream))


def _current(connection: Connection, source: str, stream: Stream, versions: Mapping[str, Table]) -> Table:
    schema, view = schema_of(source), f"{stream.name}__current"
    if connection.has_table(schema, view) or not connection.has_table(schema, stream.name):
        return _declared(connection, schema, view, all_columns(stream))
    # Landing died between its first load and making the view.
    newest = ibis.row_number().over(group_by="row_key", order_by=ibis.desc("version_no"))
    table = versions[stream.name]
    return table.mutate(nth_newest=newest).filter(ibis._.nth_newest == 0, ~ibis._.is_deleted).drop("nth_newest")


def _declared(connection: Connection, schema: str, name: str, types: Mapping[str, str]) -> Table:
    if not connection.has_table(schema, name):
        nulls = ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in types.items())
        return connection.ibis.sql(f"SELECT {nulls} WHERE false")
    table = connection.ibis.table(name, database=schema)
    found = set(table.columns)
    absent = connection.ibis.sql(
        "SELECT " + ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in types.items())
    ).schema()
    return table.select(**{column: table[column] if column in found else ibis.null(absent[column]) for column in types})
