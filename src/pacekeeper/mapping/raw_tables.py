"""The raw tables of a source as Ibis tables, with exactly the columns its streams declare."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis

from pacekeeper.connector import SourceContext
from pacekeeper.engine.duckdb import Connection
from pacekeeper.expr import RawTables
from pacekeeper.landing.versions import all_columns, schema_of
from pacekeeper.stream import Stream

if TYPE_CHECKING:
    from pacekeeper.expr import Table

#: Stands for the instant of the run among the names of streams; no stream is called so.
AS_OF = "(as_of)"


class WatchedTables(RawTables):
    """Raw tables that keep what of them has been asked for: names of streams, and `AS_OF`."""

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self.asked: set[str] = set()

    @property
    def as_of(self) -> datetime:
        self.asked.add(AS_OF)
        return super().as_of

    @property
    def run_instant(self) -> datetime:
        """The same instant, for those who do not map."""
        return self._as_of

    def _find(self, tables: Mapping[str, Table], stream: str) -> Table:
        self.asked.add(stream)
        return super()._find(tables, stream)


def raw_tables(
    connection: Connection,
    streams: Sequence[Stream],
    *,
    context: SourceContext,
    home_tz: str,
    as_of: datetime,
    value_maps: Mapping[str, Mapping[str, str]],
) -> WatchedTables:
    """A source's raw tables. A stream that never landed is an empty table, a column that never landed is null."""
    by_name = {stream.name: stream for stream in streams}
    versions = _Lazy(by_name, lambda name: _versions(connection, context.source, by_name[name]))
    current = _Lazy(by_name, lambda name: _current(connection, context.source, by_name[name], versions))
    return WatchedTables(
        source=context.source,
        default_tz=context.default_tz or home_tz,
        as_of=as_of,
        current=current,
        versions=versions,
        value_maps=value_maps,
    )


class _Lazy(Mapping[str, "Table"]):
    """Tables by name, each looked up when it is first asked for: a mapping asks for few of a source's streams."""

    def __init__(self, names: Collection[str], make: Callable[[str], Table]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, Table] = {}

    def __getitem__(self, name: str) -> Table:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


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
    if found.issuperset(types):
        return table.select(*types)
    absent = connection.ibis.sql(
        "SELECT " + ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in types.items())
    ).schema()
    return table.select(**{column: table[column] if column in found else ibis.null(absent[column]) for column in types})
