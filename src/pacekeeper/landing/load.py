"""From spool to raw tables: new versions through dlt, rejected rows to quarantine, counts to the landing ledger."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.engine.made import forget, note
from pacekeeper.errors import ConfigError, DataError, FatalError
from pacekeeper.landing.boundary import PartKind
from pacekeeper.landing.dlt_load import load_versions
from pacekeeper.landing.gaps import gaps_of, held_back, remove_closed
from pacekeeper.landing.rejected import list_rejected
from pacekeeper.landing.spool import Manifest, StreamManifest, parts
from pacekeeper.landing.versions import NewVersions, VersionFinder, all_columns, parents_first, schema_of
from pacekeeper.ops import OpsDatabase, Run, StreamReason, StreamRun, StreamState
from pacekeeper.sql_text import sql_name

if TYPE_CHECKING:
    from pacekeeper.stream import Stream

#: Beside a source's raw tables: the id of the secret its keys were made under. No stream can have this name.
_KEY_TABLE = "_hash_key"
#: Columns of which nearly every value occurs once. They are hashes, which give up half their size at most, for a third
#: of the time that a load, a publication or a join takes.
_UNIQUE = ("row_key", "parent_key", "version_id", "content_hash")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_SPELLED_OUT = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}


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
    rejected_limit: float = 1.0,
    fingerprints: Mapping[str, str] | None = None,
    is_backfill: bool = False,
) -> list[StreamRun]:
    """Land one source's complete read, move its stream state, return its landing ledger.

    Safe to repeat after a kill at any moment: only what the raw tables lack is written, and the stream state moves
    last. Raises FatalError when the load fails or a declared column changed its type, ConfigError when the keys were
    made under another secret than those that have landed; the warehouse is then as it was. Raises DataError, with
    everything landed, where a stream lost more than `rejected_limit` of its rows in scope (0 to 1): that stream then
    does not count as read completely, and is read from the same point again. Raises FatalError, with everything landed
    and on record, where the ledger does not balance: nothing then counts as read completely.

    A read that lacks something leaves its streams' state where it was (`landing.gaps`).

    fingerprints: by stream, what this read's declarations were; kept beside the stream's state. is_backfill: it was
    read beside the nights, so that cursors, gaps and how far streams are complete stay as they are.
    """
    source = manifest.source
    work_dir = work_dir / source
    shutil.rmtree(work_dir, ignore_errors=True)
    try:
        _check_spool(folder, streams, source)
        found = _find(warehouse, folder, manifest, streams, run_id=run_id, as_of=as_of, into=work_dir / "new")
        faultpoint("load.found")
        new = {name: versions for name, versions in found.items() if versions.files}
        if new:
            with warehouse.connect() as connection:
                for stream in streams:
                    if stream.name in new:
                        _make_table(connection, source, stream)
                load_versions(new, connection, source=source, dataset=schema_of(source), work_dir=work_dir / "dlt")
    finally:
        shutil.rmtree(work_dir, ignore_errors=True)
    faultpoint("load.committed")
    suspect: dict[str, int] = {}
    with warehouse.connect() as connection, connection.transaction():
        # dlt keeps the batch it merged last; it counts as client data and nobody reads it.
        connection.raw.execute(f"DROP SCHEMA IF EXISTS {sql_name(schema_of(source) + '_staging')} CASCADE")
        landed, lists = connection.column_types(schema_of(source)), set(connection.column_types("quarantine"))
        for stream in streams:
            _complete_table(connection, source, stream, landed)
            suspect[stream.name] = list_rejected(
                connection, source, stream, folder, manifest.streams[stream.name], run_id=run_id, lists=lists
            )
    ledger = [
        _ledger_row(run_id, stream.name, manifest, found[stream.name], suspect=suspect[stream.name])
        for stream in streams
    ]
    reasons = [row for name in found for row in _reasons(run_id, source, name, manifest.streams[name])]
    unbalanced = [row for row in ledger if not row.is_balanced]
    if unbalanced:
        ops.add([*ledger, *reasons])
        _refuse(unbalanced)
    lossy = _lossy_streams(streams, ledger, rejected_limit)
    if is_backfill:
        ops.add([*ledger, *reasons])
        _refuse_lossy(source, lossy, rejected_limit)
        return ledger
    before, gaps = ops.rows(StreamState, source=source), gaps_of(manifest)
    moved = _states(manifest, streams, found, before, as_of=as_of, fingerprints=fingerprints or {})
    states = held_back(moved, before, gaps, streams)
    declared = {stream.name for stream in streams}
    ops.remove(state for state in before if state.stream not in declared)
    ops.add([*ledger, *reasons, *gaps, *(state for state in states if state.stream not in lossy)])
    # Last, so that a kill in between leaves a gap too many, never one too few.
    remove_closed(ops, source, gaps, unsure=lossy)
    _refuse_lossy(source, lossy, rejected_limit)
    if manifest.mark is not None and not gaps:
        with warehouse.connect() as connection:
            note(connection, schema_of(source), manifest.mark)
    return ledger


def complete_again(ops: OpsDatabase, source: str, *, run_id: str, as_of: datetime) -> None:
    """Put on record that a source was looked at and holds what has landed: its streams are complete up to as_of.

    The ledger has a row per stream in which nothing was read; records that were suspect still are.
    """
    started = {run.run_id: run.started_at for run in ops.rows(Run)}
    ledger = sorted(ops.rows(StreamRun, source=source), key=lambda row: started.get(row.run_id, _LONG_AGO))
    suspect = {row.stream: row.suspect for row in ledger}
    states = ops.rows(StreamState, source=source)
    for state in states:
        state.complete_through = as_of
    entries = [
        StreamRun(run_id=run_id, source=source, stream=state.stream, suspect=suspect.get(state.stream, 0))
        for state in states
    ]
    ops.add([*states, *entries])


def _check_spool(folder: Path, streams: Sequence[Stream], source: str) -> None:
    """Raise FatalError where a file of the spool cannot be read to its end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds: tuple[PartKind, ...] = ("rows", "past", "rejected", "deleted")
    for file in (file for stream in streams for kind in kinds for file in parts(folder, stream.name, kind)):
        try:
            pq.read_metadata(file)
        except (pa.ArrowException, OSError) as error:
            raise FatalError(
                f"source {source}: what was read of it lies damaged in the spool ({type(error).__name__}); "
                "yesterday's tables are as they were. Run again; if it happens again, look at the disk"
            ) from None


def _refuse_lossy(source: str, lossy: Collection[str], limit: float) -> None:
    """Raise DataError where streams lost more of their rows than they may."""
    if lossy:
        raise DataError(
            f"source {source}: more than {limit:.0%} of the rows of {', '.join(sorted(lossy))} were rejected; "
            "what depends on them is unknown. See `pacekeeper quarantine list`, then correct the source, its "
            f"default_tz or quarantine_limit in [sources.{source}]"
        )


def _refuse(unbalanced: Sequence[StreamRun]) -> NoReturn:
    lines = ", ".join(
        f"{row.stream} (read {row.read} = {row.inserted} new + {row.updated} changed + {row.unchanged} same + "
        f"{row.duplicate} double + {row.rejected} rejected + {row.out_of_scope} out of scope)"
        for row in unbalanced
    )
    raise FatalError(
        f"source {unbalanced[0].source}: the landing ledger does not balance for {lines}. This is a fault in "
        "Pacekeeper: please report it with this line"
    )


def _lossy_streams(streams: Sequence[Stream], ledger: Sequence[StreamRun], limit: float) -> set[str]:
    """Streams of which, or of whose parent or children, more than `limit` of the rows in scope were rejected."""
    parents = {stream.name: stream.child_of for stream in streams}

    def root(name: str) -> str:
        while (parent := parents[name]) is not None:
            name = parent
        return name

    over = {root(row.stream) for row in ledger if row.rejected > limit * (row.read - row.out_of_scope)}
    return {name for name in parents if root(name) in over}


def _find(
    warehouse: Warehouse,
    folder: Path,
    manifest: Manifest,
    streams: Sequence[Stream],
    *,
    run_id: str,
    as_of: datetime,
    into: Path,
) -> dict[str, NewVersions]:
    source = manifest.source
    with warehouse.connect() as connection:
        connection.create_schemas()
        _check_key(connection, source, manifest.key_id)
        forget(connection, schema_of(source))
        finder = VersionFinder(connection, source=source, folder=folder, into=into, batch_id=run_id, as_of=as_of)
        found = {}
        landed = connection.column_types(schema_of(source))
        for stream in parents_first(streams):
            _check_types(source, stream, landed.get(stream.name, {}))
            found[stream.name] = finder.find(stream, manifest.streams[stream.name])
    return found


def _check_key(connection: Connection, source: str, key_id: str) -> None:
    """Raise ConfigError where the raw tables hold keys made under another secret; remember the id otherwise."""
    table = f"{schema_of(source)}.{_KEY_TABLE}"
    connection.raw.execute(f"CREATE SCHEMA IF NOT EXISTS {schema_of(source)}")
    connection.raw.execute(f"CREATE TABLE IF NOT EXISTS {table} (key_id VARCHAR)")
    row = connection.raw.execute(f"SELECT key_id FROM {table}").fetchone()
    if row is None:
        connection.raw.execute(f"INSERT INTO {table} VALUES (?)", [key_id])
    elif row[0] != key_id:
        raise ConfigError(
            f"source {source}: the warehouse's keys were made under hash secret {row[0]}, this run has {key_id}; "
            "no record would be recognised. Restore the hash secret that belongs to this warehouse"
        )


def _check_types(source: str, stream: Stream, landed: Mapping[str, str]) -> None:
    """Raise FatalError where a declared column has another type than the one that has landed."""
    for name, kind in all_columns(stream).items():
        wanted = _SPELLED_OUT.get(kind, kind)
        if landed.get(name, wanted) != wanted:
            raise FatalError(
                f"source {source}, stream {stream.name}: column {name} is declared as {wanted}, but what has landed is "
                f"{landed[name]}. Types of landed columns are frozen: give the column another name"
            )


def _make_table(connection: Connection, source: str, stream: Stream) -> None:
    """Make a stream's raw table where there is none."""
    unique = {stream.key, *_UNIQUE}
    columns = ", ".join(
        f"{sql_name(name)} {kind}{' USING COMPRESSION uncompressed' if name in unique else ''}"
        for name, kind in all_columns(stream).items()
    )
    connection.raw.execute(f"CREATE TABLE IF NOT EXISTS {schema_of(source)}.{sql_name(stream.name)} ({columns})")


def _complete_table(
    connection: Connection, source: str, stream: Stream, tables: Mapping[str, Mapping[str, str]]
) -> None:
    """Make what no row has made yet: the table, columns that have held nothing, and the view of current versions.

    tables: SQL type by column, by table and view of the source's schema.
    """
    table = f"{schema_of(source)}.{sql_name(stream.name)}"
    columns = all_columns(stream)
    landed = tables.get(stream.name, {})
    view = f"{stream.name}__current"
    if landed.keys() >= columns.keys() and list(tables.get(view, {})) == list(columns):
        return
    if not landed:
        _make_table(connection, source, stream)
    else:
        for name in columns.keys() - landed.keys():
            connection.raw.execute(f"ALTER TABLE {table} ADD COLUMN {sql_name(name)} {columns[name]}")
    # Named columns, because a view of * breaks when the next load adds one and dies before this line.
    connection.raw.execute(
        f"CREATE OR REPLACE VIEW {schema_of(source)}.{sql_name(view)} AS "
        f"SELECT {', '.join(sql_name(name) for name in columns)} FROM {table} "
        "QUALIFY row_number() OVER (PARTITION BY row_key ORDER BY version_no DESC) = 1 AND NOT is_deleted"
    )


def _ledger_row(run_id: str, stream: str, manifest: Manifest, found: NewVersions, *, suspect: int) -> StreamRun:
    counts = manifest.streams[stream]
    return StreamRun(
        run_id=run_id,
        source=manifest.source,
        stream=stream,
        read=counts.read,
        inserted=found.inserted,
        updated=found.updated,
        unchanged=found.unchanged,
        duplicate=found.duplicate,
        rejected=counts.rejected_rows,
        out_of_scope=sum(counts.out_of_scope.values()),
        tombstones=found.tombstones,
        suspect=suspect,
    )


def _reasons(run_id: str, source: str, stream: str, counts: StreamManifest) -> list[StreamReason]:
    rejected: dict[str, int] = {}
    for column, reason, rows in counts.rejected:
        label = f"{column}: {reason}" if column else reason
        rejected[label] = rejected.get(label, 0) + rows
    kinds: Mapping[str, Mapping[str, int]] = {
        "rejected": rejected,
        "out_of_scope": counts.out_of_scope,
        "undeclared": counts.undeclared,
        "note": dict.fromkeys(counts.notes, 0),
    }
    return [
        StreamReason(run_id=run_id, source=source, stream=stream, kind=kind, reason=reason, rows=rows)
        for kind, found in kinds.items()
        for reason, rows in found.items()
    ]


def _states(
    manifest: Manifest,
    streams: Sequence[Stream],
    found: Mapping[str, NewVersions],
    before: Sequence[StreamState],
    *,
    as_of: datetime,
    fingerprints: Mapping[str, str],
) -> list[StreamState]:
    marks = {state.stream: state.watermark for state in before}
    return [
        StreamState(
            source=manifest.source,
            stream=stream.name,
            watermark=_watermark(
                stream, manifest.streams[stream.name], found[stream.name], marks.get(stream.name), as_of=as_of
            ),
            complete_through=as_of,
            fingerprint=fingerprints.get(stream.name),
        )
        for stream in streams
    ]


def _watermark(
    stream: Stream, manifest: StreamManifest, found: NewVersions, before: datetime | None, *, as_of: datetime
) -> datetime | None:
    """Where the next read of this stream starts: the server's own time, else the latest cursor seen.

    Never after as_of: a record stamped in the future must not hide those that come before it.
    """
    if stream.cursor is None or stream.child_of is not None:
        return None
    if manifest.watermark is not None:
        return min(datetime.fromisoformat(manifest.watermark), as_of)
    seen = max((moment for moment in (found.latest, before) if moment is not None), default=None)
    return None if seen is None else min(seen, as_of)
