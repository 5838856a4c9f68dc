"""A few records through the real boundary into raw tables in memory, and one mapping over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from pacekeeper.connector import Connector, EntityMapping, SourceContext
from pacekeeper.expr import RawTables, memtable_backend
from pacekeeper.landing.boundary import Boundary, Part, StreamCounts
from pacekeeper.landing.versions import all_columns
from pacekeeper.privacy import HashKey, keyed_hash
from pacekeeper.stream import Page, Window

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
KEY = HashKey.of(b"0" * 32)
Row = dict[str, Any]
_COMPILED: dict[Callable[..., Any], str] = {}


def context(source: str = "ehr", default_tz: str | None = None) -> SourceContext:
    return SourceContext(source, default_tz, lambda: AS_OF)


def key(entity: str, identity: str, source: str = "ehr") -> str:
    """What an id lands as."""
    return keyed_hash(KEY, source, entity, identity)


def match(domain: str, value: str) -> str:
    """What a shared identifier lands as."""
    return keyed_hash(KEY, "match", domain, value)


class RawBench:
    """Raw tables of one connector. Every `read` is a later read than the one before; `counts` are the last one's."""

    def __init__(self, connector: Connector[Any]) -> None:
        self.connector = connector
        self.counts: dict[str, StreamCounts] = {}
        self._reads = 0
        self._backend: Any = memtable_backend()  # Any: Ibis does not say which engine it is
        self._engine: duckdb.DuckDBPyConnection = self._backend.con
        self._made: set[str] = set()
        self._versions: dict[str, dict[str, list[Row]]] = {stream.name: {} for stream in connector.streams}

    def read(self, pages: Iterable[Page] | None = None) -> dict[str, StreamCounts]:
        """Take pages in, the connector's own where none are given; returns what the boundary counted."""
        self._reads += 1
        observed = AS_OF - timedelta(days=30) + timedelta(days=self._reads)
        boundary = Boundary(
            self.connector.streams,
            source=self.connector.context.source,
            key=KEY,
            default_tz=self.connector.context.default_tz,
            sink=lambda kind, stream, part: self._take(kind, stream, part, observed),
        )
        for page in self.connector.read(self.connector.streams, Window()) if pages is None else pages:
            boundary.add(page)
        boundary.close()
        self.counts = {name: counts for name, counts in boundary.counts.items() if counts.read}
        return self.counts

    def _take(self, kind: str, stream: str, part: Part, observed: datetime) -> None:
        rows = part.to_pylist() if kind in {"rows", "deleted"} else []
        for row in sorted(rows, key=lambda found: found.pop("_seq", 0)):
            versions = self._versions[stream].setdefault(row["row_key"], [])
            content = {name: value for name, value in row.items() if name != "last_updated"}
            if kind == "rows" and versions and versions[-1]["content"] == content:
                continue
            landed = {"version_no": len(versions) + 1, "observed_at": observed, "is_deleted": kind == "deleted"}
            versions.append({"row": row | landed, "content": content})

    def mapped(self, entity: str) -> list[Row]:
        """Rows of every mapping to an entity, one per row of its stream, ordered; nulls left out."""
        self._fill_tables()
        found: list[Row] = []
        for mapping in self.connector.entity_mappings():
            if mapping.entity == entity:
                rows = self._engine.execute(self._sql_of(mapping)).to_arrow_table().to_pylist()
                of = mapping.of.removesuffix("@versions")
                table = of if mapping.of.endswith("@versions") else f"{of}__current"
                expected = self._engine.execute(f'SELECT count(*) FROM "{table}"').fetchone()
                assert (len(rows),) == expected, "a mapping gives one row per row of its stream"
                found += [{name: value for name, value in row.items() if value is not None} for row in rows]
        return sorted(found, key=str)

    def wanted(self, entity: str) -> list[Row]:
        """Mapped rows that are in scope."""
        return [row for row in self.mapped(entity) if "out_of_scope" not in row]

    def reasons(self, entity: str) -> list[str]:
        """Reasons of the rows that are out of scope, sorted."""
        return sorted(row["out_of_scope"] for row in self.mapped(entity) if "out_of_scope" in row)

    def _fill_tables(self) -> None:
        for stream in self.connector.streams:
            records = self._versions[stream.name].values()
            if not records and stream.name in self._made:
                continue
            self._made.add(stream.name)
            versions = [version["row"] for record in records for version in record]
            newest = [record[-1]["row"] for record in records if not record[-1]["row"]["is_deleted"]]
            types = all_columns(stream)
            columns = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
            places = ", ".join("?" for _ in types)
            for name, rows in ((stream.name, versions), (f"{stream.name}__current", newest)):
                self._engine.execute(f'CREATE OR REPLACE TABLE "{name}" ({columns})')
                for row in rows:
                    values = [row.get(column) for column in types]
                    self._engine.execute(f'INSERT INTO "{name}" VALUES ({places})', values)

    def _sql_of(self, mapping: EntityMapping) -> str:
        """The mapping as SQL; compiling takes far longer than running it on a handful of rows."""
        if mapping.build not in _COMPILED:
            streams = [stream.name for stream in self.connector.streams]
            raw = RawTables(
                source=self.connector.context.source,
                default_tz="America/New_York",
                as_of=AS_OF,
                current={name: self._backend.table(f"{name}__current") for name in streams},
                versions={name: self._backend.table(name) for name in streams},
                value_maps=self.connector.site_value_maps(),
            )
            _COMPILED[mapping.build] = self._backend.compile(mapping.build(raw))
        return _COMPILED[mapping.build]
