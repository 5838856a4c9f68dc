"""One source's landing in a folder of its own: pages through the real boundary, spool and dlt into a warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pacekeeper.engine.duckdb import LINEAGE_COLUMNS, Warehouse
from pacekeeper.landing.boundary import Boundary
from pacekeeper.landing.load import load_source
from pacekeeper.landing.spool import Manifest, SpoolWriter, stream_manifest, write_manifest
from pacekeeper.ops import OpsDatabase, StreamReason, StreamRun, StreamState
from pacekeeper.privacy import HashKey, keyed_hash
from pacekeeper.stream import Page, Stream

FIRST_NIGHT = datetime(2026, 3, 2, 3, tzinfo=UTC)
KEY = HashKey.of(b"0" * 32)
Row = dict[str, Any]


class LandingSite:
    """Lands pages night after night; every `land` is a new run, one day after the one before."""

    def __init__(self, folder: Path, streams: Sequence[Stream], *, default_tz: str | None = None) -> None:
        self.folder = folder
        self.streams = list(streams)
        self.default_tz = default_tz
        self.warehouse = Warehouse(folder / "warehouse.duckdb")
        self.ops = OpsDatabase(folder / "ops.sqlite")
        self.nights = 0

    @property
    def as_of(self) -> datetime:
        """The instant that the run of this night judges by."""
        return FIRST_NIGHT + timedelta(days=self.nights - 1)

    def spool(
        self,
        *pages: Page,
        is_full: bool = True,
        watermarks: Mapping[str, datetime] | None = None,
        key: HashKey = KEY,
        flush_rows: int = 1000,
    ) -> tuple[Path, Manifest]:
        """Take pages as far as the spool."""
        self.nights += 1
        folder = self.folder / "spool" / f"night-{self.nights}"
        sink = SpoolWriter(folder, self.streams, batch_id=f"night-{self.nights}", as_of=self.as_of)
        boundary = Boundary(
            self.streams, source="ehr", key=key, default_tz=self.default_tz, sink=sink, flush_rows=flush_rows
        )
        for page in pages:
            boundary.add(page)
        boundary.close()
        streams = {
            stream.name: stream_manifest(
                boundary.counts[stream.name], watermark=(watermarks or {}).get(stream.name), was_full=is_full
            )
            for stream in self.streams
        }
        manifest = Manifest(source="ehr", key_id=key.key_id, streams=streams)
        write_manifest(folder, manifest)
        return folder, manifest

    def load(self, folder: Path, manifest: Manifest) -> dict[str, StreamRun]:
        """Land a spool; returns the landing ledger by stream."""
        ledger = load_source(
            self.warehouse,
            self.ops,
            folder=folder,
            manifest=manifest,
            streams=self.streams,
            run_id=f"night-{self.nights}",
            as_of=self.as_of,
            work_dir=self.folder / "work",
        )
        assert all(row.is_balanced for row in ledger)
        return {row.stream: row for row in ledger}

    def land(self, *pages: Page, **how: Any) -> dict[str, StreamRun]:
        """Take pages all the way into the raw tables; returns the landing ledger by stream."""
        return self.load(*self.spool(*pages, **how))

    def query(self, sql: str) -> list[Row]:
        """Rows of a query on the warehouse."""
        with self.warehouse.connect() as connection:
            rows: list[Row] = connection.raw.execute(sql).to_arrow_table().to_pylist()
        return rows

    def versions(self, stream: str, identity: str | None = None) -> list[Row]:
        """Every version in a raw table, of one record where its source id is given, oldest first."""
        of = f"WHERE row_key = '{self.key(stream, identity)}'" if identity else ""
        return self.query(f'SELECT * FROM raw_ehr."{stream}" {of} ORDER BY row_key, version_no')

    def current(self, stream: str) -> list[Row]:
        """The current version of every record that is not deleted."""
        return self.query(f'SELECT * FROM raw_ehr."{stream}__current" ORDER BY row_key')

    def key(self, stream: str, identity: str) -> str:
        """What a record's id lands as."""
        entity = next(s.columns[s.key or ""].entity for s in self.streams if s.name == stream)  # type: ignore[attr-defined]
        return keyed_hash(KEY, "ehr", entity, identity)

    def state(self, stream: str) -> StreamState:
        """Where the next read of a stream starts."""
        return self.ops.rows(StreamState, source="ehr", stream=stream)[0]

    def reasons(self, stream: str) -> dict[tuple[str, str], int]:
        """Rows by (kind, reason) of the last run."""
        found = self.ops.rows(StreamReason, stream=stream, run_id=f"night-{self.nights}")
        return {(row.kind, row.reason): row.rows for row in found}

    def content(self) -> dict[str, str]:
        """Content hash of every raw and quarantine table, lineage columns and dlt's own tables aside."""
        with self.warehouse.connect() as connection:
            tables = connection.raw.execute(
                "SELECT schema_name || '.\"' || table_name || '\"' FROM duckdb_tables() "
                "WHERE NOT starts_with(table_name, '_dlt') "
                "AND (starts_with(schema_name, 'raw') OR schema_name = 'quarantine')"
            ).fetchall()
            return {name: connection.content_hash(name, exclude=LINEAGE_COLUMNS) for (name,) in tables}
