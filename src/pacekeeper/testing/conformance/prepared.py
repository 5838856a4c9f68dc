"""What the practices of a suite have in common, made once per process: an empty warehouse, mappings as SQL."""

from __future__ import annotations

import ssl
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import TYPE_CHECKING, Any

import httpx

from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.home import PracticeHome
from pacekeeper.registry import Builder

if TYPE_CHECKING:
    from pacekeeper.connector import Connector, EntityMapping
    from pacekeeper.contract import Entity
    from pacekeeper.expr import RawTables

#: Mappings that are kept; a suite has a few dozen.
_MOST_MAPPINGS = 1_000
_compiled: dict[Hashable, tuple[str, frozenset[str]]] = {}


@lru_cache(maxsize=1)
def certificate_authorities() -> ssl.SSLContext:
    """Reading them takes longer than a read on loopback."""
    return httpx.create_ssl_context()


def empty_warehouse() -> Path:
    """A warehouse with all its schemas and no row, to be copied: making one takes longer than to land a corpus."""
    return Path(_folder().name) / "empty.duckdb"


@lru_cache(maxsize=1)
def _folder() -> TemporaryDirectory[str]:
    """Removed when the process ends."""
    folder = TemporaryDirectory(prefix="pacekeeper-suite-")
    Warehouse(Path(folder.name) / "empty.duckdb").create_schemas()
    return folder


@dataclass(frozen=True)
class PreparedHome(PracticeHome):
    """A practice whose connectors `build` makes, and whose warehouse is a copy of the empty one."""

    build: Builder

    def connector(self, source: str) -> Connector[Any]:
        return self.build(source, self.settings.sources[source], self.settings, lambda: datetime.now(UTC))

    @cached_property
    def warehouse(self) -> Warehouse:
        return _PreparedWarehouse(self.data_dir / "warehouse.duckdb", memory_limit=self.memory_limit)


class _PreparedWarehouse(Warehouse):
    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[Connection]:
        with super().connect(read_only=read_only) as connection:
            yield _PreparedConnection(connection.raw)


class _PreparedConnection(Connection):
    def create_schemas(self) -> None:
        """They are there: making sure of it takes half of a landing's time."""


def compiled_once(
    connection: Connection, entity: type[Entity], mapping: EntityMapping, raw: RawTables, **how: str
) -> tuple[str, frozenset[str]]:
    """A mapping is a pure function: with the same raw tables, value maps and `as_of` it gives the same SQL."""
    from pacekeeper.mapping.stage import compiled

    key = (_identity(mapping.build), entity.__tablename__, _setting(connection, raw), *sorted(how.items()))
    if key not in _compiled:
        if len(_compiled) >= _MOST_MAPPINGS:
            _compiled.clear()
        _compiled[key] = compiled(connection, entity, mapping, raw, **how)
    return _compiled[key]


def _identity(build: Any) -> Hashable:  # Any: whatever a connector calls a mapping
    """Equal for the same mapping of two connector objects, which may make it anew from a file."""
    if isinstance(build, FunctionType) or not hasattr(build, "__dict__"):
        return build  # type: ignore[no-any-return]  # functions are hashable
    return type(build), repr(sorted(vars(build).items()))


def _setting(connection: Connection, raw: RawTables) -> Hashable:
    """What a mapping sees besides the rows: columns of the raw tables that have landed, value maps, zone and time."""
    tables = connection.raw.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = ? ORDER BY ALL",
        [f"raw_{raw.source}"],
    ).fetchall()
    return tuple(tables), repr(raw.__dict__["_value_maps"]), raw.default_tz, raw.as_of
