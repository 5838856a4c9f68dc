"""The expressions we promise connector authors: Ibis, in the house dialect, behind names of our own.

The dialect (equal results on every engine): elapsed time from epoch seconds, wall-clock time by joining
`calendar_day`, counts with `where=`; no `.delta(`, no time-zone casts, no `asof_join`, no `iso_year`, no cast of a
boolean to a number, no `.round()` to whole numbers (`nearest`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import ibis
from ibis import cases, coalesce, ifelse, literal, null, row_number, union, window

from pacekeeper.errors import PluginError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    Table: TypeAlias = ir.Table
    Value: TypeAlias = ir.Value

__all__ = [
    "RawTables",
    "Table",
    "Value",
    "cases",
    "cents",
    "coalesce",
    "ifelse",
    "literal",
    "nearest",
    "null",
    "reason",
    "row_number",
    "union",
    "value_map",
    "window",
]

_CENTS = 100
_HALF = 0.5


def __getattr__(name: str) -> object:
    if name in {"Table", "Value"}:
        import ibis.expr.types as types

        return getattr(types, name)
    raise AttributeError(name)


def value_map(code: Value, values: Mapping[str, str], *, default: str = "unknown") -> Value:
    """The canonical value of a vendor code; a code the map does not know, or none at all, gives `default`."""
    if not values:
        return literal(default)
    return code.cases(*values.items(), else_=default)


def reason(*conditions: tuple[Value, str | Value]) -> Value:
    """The first reason whose condition holds, for column `out_of_scope`; null where the row is wanted."""
    return cases(*conditions, else_=null("string"))


def cents(amount: Value) -> Value:
    """An amount in units of its currency as whole cents."""
    return nearest(amount * _CENTS)


def nearest(number: Value) -> Value:
    """The nearest whole number; a half goes away from zero. Rounding by the engine's own function differs there."""
    return ((number.abs() + _HALF).floor() * number.sign()).cast("int64")


class RawTables:
    """The raw tables of one source, as a mapping sees them.

    `raw.appointment` or `raw["appointment"]`: the current version of every record that is not deleted, with the
    declared columns, `row_key`, `parent_key` (child streams), `version_no`, `observed_at`.
    `raw.versions("appointment")`: every version, tombstones (`is_deleted`) included.
    default_tz: the source's IANA zone for what has none of its own (falls back to the practice's home zone).
    """

    def __init__(
        self,
        *,
        source: str,
        default_tz: str,
        as_of: datetime,
        current: Mapping[str, Table],
        versions: Mapping[str, Table],
        value_maps: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.source = source
        self.default_tz = default_tz
        self._as_of = as_of
        self._current = current
        self._versions = versions
        self._value_maps = value_maps

    @property
    def as_of(self) -> datetime:
        """The instant the run judges by. A mapping that asks for it is run anew for every instant."""
        return self._as_of

    def __getitem__(self, stream: str) -> Table:
        return self._find(self._current, stream)

    def __getattr__(self, stream: str) -> Table:
        if stream.startswith("_"):
            raise AttributeError(stream)
        return self._find(self._current, stream)

    def versions(self, stream: str) -> Table:
        """Every landed version of a stream's records, oldest first by `version_no`."""
        return self._find(self._versions, stream)

    def value_map(self, name: str, code: Value) -> Value:
        """The connector's named value map with the site's overrides; unknown codes give `unknown`."""
        if name not in self._value_maps:
            raise PluginError(
                connector=self.source,
                reason=f"mapping asks for value map {name!r}; declared are {sorted(self._value_maps)}",
                fix="declare it in the connector's value_maps",
            )
        return value_map(code, self._value_maps[name])

    def _find(self, tables: Mapping[str, Table], stream: str) -> Table:
        if stream not in tables:
            raise PluginError(
                connector=self.source,
                reason=f"mapping asks for stream {stream!r}; declared are {sorted(tables)}",
                fix="declare the stream, or correct the mapping",
            )
        return tables[stream]


def memtable_backend() -> ibis.BaseBackend:
    """An in-memory engine in UTC, for trying a mapping on a few rows."""
    backend = ibis.duckdb.connect()
    backend.raw_sql("SET TimeZone='UTC'")
    return backend
