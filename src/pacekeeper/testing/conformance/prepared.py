"""What the practices of a suite have in common, made once per process: an empty warehouse, mappings as SQL."""

from __future__ import annotations

import ssl
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import Any
from unittest import mock

import httpx

#: Mappings that are kept; a suite has a few dozen.
_MOST_MAPPINGS = 1_000
_compiled: dict[Hashable, Any] = {}


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
    from pacekeeper.engine.duckdb import Warehouse

    folder = TemporaryDirectory(prefix="pacekeeper-suite-")
    Warehouse(Path(folder.name) / "empty.duckdb").create_schemas()
    return folder


@contextmanager
def mappings_compiled_once() -> Iterator[None]:
    """A mapping is a pure function: with the same raw tables, value maps and `as_of` it gives the same SQL."""
    from pacekeeper.mapping import stage

    compile_anew = stage.compiled

    def compiled(connection: Any, entity: Any, mapping: Any, raw: Any, **how: Any) -> tuple[str, frozenset[str]]:
        key = (_identity(mapping.build), entity.__tablename__, _setting(connection, raw), *sorted(how.items()))
        if key not in _compiled:
            if len(_compiled) >= _MOST_MAPPINGS:
                _compiled.clear()
            _compiled[key] = compile_anew(connection, entity, mapping, raw, **how)
        found: tuple[str, frozenset[str]] = _compiled[key]
        return found

    with mock.patch.object(stage, "compiled", compiled):
        yield


def _identity(build: Any) -> Hashable:  # Any: whatever a connector calls a mapping
    """Equal for the same mapping of two connector objects, which may make it anew from a file."""
    if isinstance(build, FunctionType) or not hasattr(build, "__dict__"):
        return build  # type: ignore[no-any-return]  # functions are hashable
    return type(build), repr(sorted(vars(build).items()))


def _setting(connection: Any, raw: Any) -> Hashable:
    """What a mapping sees besides the rows: columns of the raw tables that have landed, value maps, zone and time."""
    tables = connection.raw.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = ? ORDER BY ALL",
        [f"raw_{raw.source}"],
    ).fetchall()
    return tuple(tables), repr(raw.__dict__["_value_maps"]), raw.default_tz, raw.as_of
