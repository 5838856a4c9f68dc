"""Which canonical columns a connector's mappings really fill, and from which raw columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import ibis

from pacekeeper.capability.lineage import Told, told_by, told_of
from pacekeeper.expr import RawTables, Table, Value
from pacekeeper.landing.versions import all_columns
from pacekeeper.stream import Stream

if TYPE_CHECKING:
    from pacekeeper.connector import Connector, EntityMapping

#: What a mapping adds beside the entity's columns.
_OUT_OF_SCOPE = "out_of_scope"
_MAPPING_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_IBIS_TYPES: Mapping[str, str] = {
    "VARCHAR": "string",
    "TIMESTAMPTZ": "timestamp('UTC', 6)",
    "DATE": "date",
    "BIGINT": "int64",
    "DOUBLE": "float64",
    "DECIMAL(18,4)": "decimal(18, 4)",
    "BOOLEAN": "boolean",
    "SMALLINT": "int16",
}


@dataclass(frozen=True)
class Mapped:
    """What one connector's mappings fill.

    entities: by entity, what each column can hold; a column that is not there is always null.
    value_maps: names of the value maps that read a raw column, by (stream, column).
    """

    entities: Mapping[str, Mapping[str, Told]]
    value_maps: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def fills(self, entity: str, column: str) -> bool:
        """Whether a column of an entity can hold anything but null and `unknown`."""
        told = self.entities.get(entity, {}).get(column)
        return told is not None and told.is_filled


def mapped_by_source(
    connector: Connector[Any], *, site_value_maps: Mapping[str, Mapping[str, str]] | None = None
) -> Mapped:
    """What a configured source's mappings fill. Raises what its mappings raise; call it inside `plugin_border`."""
    from pacekeeper.value_maps import merged_value_maps

    return mapped(
        connector.streams,
        connector.entity_mappings(),
        merged_value_maps(connector.context.source, connector.site_value_maps(), site_value_maps or {}),
    )


def mapped_by_class(connector: type[Connector[Any]]) -> Mapped | None:
    """What a connector's mappings fill by its class alone; null where streams depend on a source's settings."""
    streams = connector.streams
    if not isinstance(streams, tuple | list) or not streams:
        return None
    return mapped(streams, connector.mappings, connector.value_maps)


def mapped(
    streams: Sequence[Stream], mappings: Iterable[EntityMapping], value_maps: Mapping[str, Mapping[str, str]]
) -> Mapped:
    """Evaluate mappings against raw tables that have columns and no rows."""
    raw = _watched(streams, value_maps)
    entities: dict[str, dict[str, Told]] = {}
    for mapping in mappings:
        told = told_by(mapping.build(raw))
        filled = entities.setdefault(mapping.entity, {})
        for name, column in told.items():
            if name != _OUT_OF_SCOPE:
                filled[name] = filled[name] | column if name in filled else column
    maps = {read: tuple(sorted(names)) for read, names in raw.asked.items()}
    return Mapped(entities, maps)


def _watched(streams: Sequence[Stream], value_maps: Mapping[str, Mapping[str, str]]) -> _WatchedTables:
    tables = {
        stream.name: ibis.table(
            {name: _IBIS_TYPES[kind] for name, kind in all_columns(stream).items()}, name=stream.name
        )
        for stream in streams
    }
    return _WatchedTables(tables, value_maps)


class _WatchedTables(RawTables):
    """Raw tables without rows that remember which columns each value map was asked about."""

    def __init__(self, tables: Mapping[str, Table], value_maps: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__(
            source="capability",
            default_tz="UTC",
            as_of=_MAPPING_TIME,
            current=tables,
            versions=tables,
            value_maps=value_maps,
        )
        self.asked: dict[tuple[str, str], set[str]] = {}

    def value_map(self, name: str, code: Value) -> Value:
        for read in told_of(code).reads:
            self.asked.setdefault(read, set()).add(name)
        return super().value_map(name, code)
