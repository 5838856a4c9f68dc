"""From spool to raw tables: new versions through dlt, rejected rows to quarantine, counts to the landing ledger."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.errors import FatalError
from pacekeeper.landing.paths import sql_name
from pacekeeper.landing.spool import Manifest, parts
from pacekeeper.landing.versions import NewVersions, VersionFinder, all_columns, parents_first, schema_of
from pacekeeper.ops import OpsDatabase, StreamReason, StreamRun, StreamState

if TYPE_CHECKING:
    from pacekeeper.stream import Stream

#: What keeps dlt quiet and self-contained: no telemetry, staging emptied, nothing restored that we track ourselves.
_DLT_ENVIRONMENT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "RESTORE_FROM_DESTINATION": "false",
}


def load_source(
    warehouse: Warehouse,
    ops: OpsDatabase,
    *,
    folder: Path,
    manifest: Manifest,
    streams: Sequence[Stream],
    run_id: str,
    as_of: datetime,
    work_dir: Path,
) -> list[StreamRun]:
    """Land one source's complete read, move its stream state, return its landing ledger.

    Safe to repeat after a kill at any moment: versions are merged on their identity, and the stream state moves last.
    Raises FatalError when dlt cannot load.
    """
    source = manifest.source
    found: dict[str, NewVersions] = {}
    with warehouse.connect() as connection:
        connection.create_schemas()
        finder = VersionFinder(connection, source=source, folder=folder, batch_id=run_id, as_of=as_of)
        for stream in parents_first(streams):
            found[stream.name] = finder.find(stream, manifest.streams[stream.name])
    faultpoint("load.found")
    new = {name: versions for name, versions in found.items() if versions.rows.num_rows}
    if new:
        _run_dlt(warehouse, source, new, work_dir=work_dir / source)
    faultpoint("load.committed")
    with warehouse.connect() as connection, connection.transaction():
        for stream in streams:
            _create_current_view(connection, source, stream)
            _quarantine(connection, source, stream, folder, run_id=run_id)
    ledger = [_ledger_row(run_id, source, name, manifest, found[name]) for name in (s.name for s in streams)]
    reasons = [row for name in found for row in _reasons(run_id, source, name, manifest)]
    before = {state.stream: state.watermark for state in ops.rows(StreamState, source=source)}
    states = [
        StreamState(
            source=source,
            stream=stream.name,
            watermark=_watermark(stream, manifest, folder, warehouse, before.get(stream.name)),
            complete_through=as_of,
        )
        for stream in streams
    ]
    ops.add([*ledger, *reasons, *states])
    return ledger


def _run_dlt(warehouse: Warehouse, source: str, new: Mapping[str, NewVersions], *, work_dir: Path) -> None:
    shutil.rmtree(work_dir, ignore_errors=True)
    with _environment({**_DLT_ENVIRONMENT, "DLT_DATA_DIR": str(work_dir)}):
        import dlt
        from dlt.common.exceptions import DltException
        from dlt.pipeline.exceptions import PipelineStepFailed

        pipeline = dlt.pipeline(
            f"pacekeeper_{source}",
            pipelines_dir=str(work_dir),
            destination=dlt.destinations.duckdb(str(warehouse.path)),
            dataset_name=schema_of(source),
        )
        try:
            pipeline.extract(_dlt_resources(new), loader_file_format="parquet")
            faultpoint("load.extracted")
            pipeline.normalize()
            faultpoint("load.normalized")
            pipeline.load().raise_on_failed_jobs()
        except (PipelineStepFailed, DltException) as error:
            # dlt's own text quotes values and SQL.
            cause = error.__cause__ or error
            raise FatalError(
                f"source {source}: loading into {schema_of(source)} failed ({type(cause).__name__}). If a declared "
                "column changed its type, rename it; otherwise run again"
            ) from None
        finally:
            shutil.rmtree(work_dir, ignore_errors=True)


def _dlt_resources(new: Mapping[str, NewVersions]) -> list[Any]:
    import dlt

    return [
        dlt.resource(
            [versions.rows],
            name=name,
            primary_key="version_id",
            write_disposition={"disposition": "merge", "strategy": "insert-only"},
            schema_contract={"tables": "evolve", "columns": "evolve", "data_type": "freeze"},
        )
        for name, versions in new.items()
    ]


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set the environment variables that dlt reads its options from, for the block only."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _create_current_view(connection: Connection, source: str, stream: Stream) -> None:
    schema = schema_of(source)
    if not connection.has_table(schema, stream.name):
        return
    existing = {str(row[0]) for row in connection.raw.execute(f"DESCRIBE {schema}.{sql_name(stream.name)}").fetchall()}
    for name, kind in all_columns(stream).items():
        if name not in existing:  # dlt leaves out a column that has held nothing yet
            connection.raw.execute(f"ALTER TABLE {schema}.{sql_name(stream.name)} ADD COLUMN {sql_name(name)} {kind}")
    connection.raw.execute(
        f"CREATE OR REPLACE VIEW {schema}.{sql_name(stream.name + '__current')} AS SELECT * FROM "
        f"{schema}.{sql_name(stream.name)} "
        "QUALIFY row_number() OVER (PARTITION BY row_key ORDER BY version_no DESC) = 1 AND NOT is_deleted"
    )


def _quarantine(connection: Connection, source: str, stream: Stream, folder: Path, *, run_id: str) -> None:
    """Rejected rows of this read take the place of those of the last one, key and reason only."""
    table = f"quarantine.{sql_name(f'raw_{source}_{stream.name}')}"
    connection.raw.execute(
        f"CREATE TABLE IF NOT EXISTS {table} "
        "(row_key VARCHAR, column_name VARCHAR, reason VARCHAR, locator VARCHAR, batch_id VARCHAR)"
    )
    connection.raw.execute(f"DELETE FROM {table}")
    for file in parts(folder, stream.name, "rejected"):
        connection.raw.execute(
            f"INSERT INTO {table} SELECT row_key, column_name, reason, locator, ? FROM read_parquet(?)", [run_id, file]
        )


def _ledger_row(run_id: str, source: str, stream: str, manifest: Manifest, found: NewVersions) -> StreamRun:
    counts = manifest.streams[stream]
    row = StreamRun(
        run_id=run_id,
        source=source,
        stream=stream,
        read=counts.read,
        inserted=found.inserted,
        updated=found.updated,
        unchanged=found.unchanged,
        duplicate=found.duplicate,
        rejected=counts.rejected_rows,
        out_of_scope=sum(counts.out_of_scope.values()),
        tombstones=found.tombstones,
    )
    if not row.is_balanced:
        raise FatalError(
            f"source {source}, stream {stream}: the landing ledger does not balance (read {row.read} rows). "
            "This is a fault in Pacekeeper: please report it with this line"
        )
    return row


def _reasons(run_id: str, source: str, stream: str, manifest: Manifest) -> list[StreamReason]:
    counts = manifest.streams[stream]
    rejected: dict[str, int] = {}
    for column, reason, rows in counts.rejected:
        label = f"{column}: {reason}" if column else reason
        rejected[label] = rejected.get(label, 0) + rows
    kinds = {"rejected": rejected, "out_of_scope": counts.out_of_scope, "undeclared": counts.undeclared}
    return [
        StreamReason(run_id=run_id, source=source, stream=stream, kind=kind, reason=reason, rows=rows)
        for kind, found in kinds.items()
        for reason, rows in found.items()
    ]


def _watermark(
    stream: Stream, manifest: Manifest, folder: Path, warehouse: Warehouse, before: datetime | None
) -> datetime | None:
    """Where the next read of this stream starts: the server's own time, else the latest cursor seen."""
    if stream.cursor is None or stream.child_of is not None:
        return None
    told = manifest.streams[stream.name].watermark
    if told is not None:
        return datetime.fromisoformat(told)
    files = parts(folder, stream.name, "rows")
    if not files:
        return before
    with warehouse.connect() as connection:
        row = connection.raw.execute(f"SELECT max({sql_name(stream.cursor)}) FROM read_parquet(?)", [files]).fetchone()
    latest = row[0] if row else None
    seen = latest.astimezone(UTC) if isinstance(latest, datetime) else None
    return max((moment for moment in (seen, before) if moment is not None), default=None)
