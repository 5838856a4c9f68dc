"""Which rows of a read are new versions. Raw tables are append-only: an edit is a version, a deletion a tombstone.

Every function works on an open warehouse connection and leaves the warehouse as it is; what is new comes back as Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from pacekeeper.columns import Key
from pacekeeper.engine.duckdb import Connection
from pacekeeper.landing.boundary import raw_columns
from pacekeeper.landing.paths import sql_name
from pacekeeper.landing.spool import StreamManifest, parts
from pacekeeper.stream import Stream

#: SQL types of the columns landing adds to the declared ones.
VERSION_COLUMNS: Mapping[str, str] = {
    "version_id": "VARCHAR",
    "predecessor_id": "VARCHAR",
    "version_no": "BIGINT",
    "content_hash": "VARCHAR",
    "is_deleted": "BOOLEAN",
    "observed_at": "TIMESTAMPTZ",
    "batch_id": "VARCHAR",
}


@dataclass(frozen=True)
class NewVersions:
    """The new versions of one stream, and the ledger's counts. rows holds versions and tombstones."""

    rows: pa.Table
    inserted: int
    updated: int
    unchanged: int
    duplicate: int
    tombstones: int


def schema_of(source: str) -> str:
    """Name of the schema a source's raw tables lie in."""
    return f"raw_{source}"


def all_columns(stream: Stream) -> dict[str, str]:
    """SQL type by name of every column of a stream's raw table."""
    return {**raw_columns(stream), **VERSION_COLUMNS}


class VersionFinder:
    """Compares one source's spool with its raw tables, parents before children."""

    def __init__(self, connection: Connection, *, source: str, folder: Path, batch_id: str, as_of: datetime) -> None:
        self._con = connection
        self._source = source
        self._folder = folder
        self._batch_id = batch_id
        self._as_of = as_of

    def find(self, stream: Stream, manifest: StreamManifest) -> NewVersions:
        """New versions of one stream. Leaves temp tables that its child streams need."""
        raw = self._con.raw
        batch, current, gone = (sql_name(f"{kind}_{stream.name}") for kind in ("batch", "current", "gone"))
        duplicate = self._load_batch(stream, batch)
        self._load_current(stream, current)
        self._find_gone(stream, manifest, batch=batch, current=current, gone=gone)
        names = list(raw_columns(stream))
        carried = ", ".join(f"b.{sql_name(n)}" for n in names)
        empty = ", ".join(
            f"c.{sql_name(n)}" if n in {"row_key", "parent_key"} else f"NULL::{t}"
            for n, t in raw_columns(stream).items()
        )
        version = "md5(c2.row_key || chr(31) || coalesce(c2.predecessor_id, '') || chr(31) || c2.content_hash)"
        rows = raw.execute(
            f"WITH changed AS (SELECT {carried}, c.version_id AS predecessor_id, "
            "coalesce(c.version_no, 0) + 1 AS version_no, b.content_hash, false AS is_deleted "
            f"FROM {batch} b LEFT JOIN {current} c ON c.row_key = b.row_key "
            "WHERE c.row_key IS NULL OR c.is_deleted OR c.content_hash <> b.content_hash "
            f"UNION ALL SELECT {empty}, c.version_id, c.version_no + 1, 'deleted', true "
            f"FROM {current} c JOIN {gone} g ON g.row_key = c.row_key) "
            f"SELECT {', '.join('c2.' + sql_name(n) for n in names)}, {version} AS version_id, c2.predecessor_id, "
            "c2.version_no, c2.content_hash, c2.is_deleted, $1::TIMESTAMPTZ AS observed_at, $2 AS batch_id "
            "FROM changed c2",
            [self._as_of, self._batch_id],
        ).to_arrow_table()
        inserted, updated = self._new_counts(batch, current)
        return NewVersions(
            rows=rows,
            inserted=inserted,
            updated=updated,
            unchanged=self._con.count(f"SELECT count(*) FROM {batch}") - inserted - updated,
            duplicate=duplicate,
            tombstones=self._con.count(f"SELECT count(*) FROM {gone}"),
        )

    def _load_batch(self, stream: Stream, batch: str) -> int:
        """Fill the batch table with one row per key, the last one read; returns how many rows that left out."""
        raw = self._con.raw
        files = parts(self._folder, stream.name, "rows")
        content = [n for n, column in stream.columns.items() if n != stream.cursor and not isinstance(column, Key)]
        content += [n for n in raw_columns(stream) if n not in stream.columns and n not in {"row_key", "parent_key"}]
        # Names are hashed with the values and nulls are skipped: a column added later changes no old hash.
        cells = ", ".join(f"'{n}=' || {sql_name(n)}::VARCHAR" for n in content) or "''"
        hashed = f"md5(concat_ws(chr(31), {cells})) AS content_hash"
        if not files:
            typed = ", ".join(f"NULL::{t} AS {sql_name(n)}" for n, t in raw_columns(stream).items())
            raw.execute(f"CREATE OR REPLACE TEMP TABLE {batch} AS SELECT {typed}, '' AS content_hash WHERE false")
            return 0
        read = f"read_parquet({_listed(files)}, filename=true, file_row_number=true)"
        total, distinct = raw.execute(f"SELECT count(*), count(DISTINCT row_key) FROM {read}").fetchone() or (0, 0)
        last = (
            ""
            if total == distinct
            else " QUALIFY row_number() OVER (PARTITION BY row_key ORDER BY filename DESC, file_row_number DESC) = 1"
        )
        raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {batch} AS "
            f"SELECT * EXCLUDE (filename, file_row_number), {hashed} FROM {read}{last}"
        )
        return int(total) - int(distinct)

    def _load_current(self, stream: Stream, current: str) -> None:
        names = ["row_key", *(["parent_key"] if stream.child_of else []), "version_id", "version_no", "content_hash"]
        if self._con.has_table(schema_of(self._source), stream.name):
            picked = ", ".join([*names, "is_deleted"])
            self._con.raw.execute(
                f"CREATE OR REPLACE TEMP TABLE {current} AS SELECT {picked} FROM {self._table(stream)} "
                "QUALIFY row_number() OVER (PARTITION BY row_key ORDER BY version_no DESC) = 1"
            )
        else:
            typed = ", ".join(f"NULL::{all_columns(stream)[n]} AS {n}" for n in names)
            self._con.raw.execute(
                f"CREATE OR REPLACE TEMP TABLE {current} AS SELECT {typed}, false AS is_deleted WHERE false"
            )

    def _find_gone(self, stream: Stream, manifest: StreamManifest, *, batch: str, current: str, gone: str) -> None:
        """Current records that this read shows to be deleted."""
        found: list[str] = []
        if deleted := parts(self._folder, stream.name, "deleted"):
            found.append(f"SELECT row_key FROM read_parquet({_listed(deleted)})")
        rejected = parts(self._folder, stream.name, "rejected")
        is_whole = manifest.was_full and manifest.read > 0 and not any(c == "" for c, _, _ in manifest.rejected)
        if stream.child_of is None and stream.deletes == "key_diff" and is_whole:
            # A rejected record exists; a read that found nothing, or an unreadable record, proves no absence.
            spared = f" AND row_key NOT IN (SELECT row_key FROM read_parquet({_listed(rejected)}))" if rejected else ""
            found.append(
                f"SELECT row_key FROM {current} WHERE NOT is_deleted "
                f"AND row_key NOT IN (SELECT row_key FROM {batch}){spared}"
            )
        if stream.child_of is not None:
            parent_batch, parent_gone = (sql_name(f"{kind}_{stream.child_of}") for kind in ("batch", "gone"))
            spared = f" AND row_key NOT IN (SELECT row_key FROM read_parquet({_listed(rejected)}))" if rejected else ""
            found.append(
                f"SELECT row_key FROM {current} WHERE (parent_key IN (SELECT row_key FROM {parent_batch}) "
                f"AND row_key NOT IN (SELECT row_key FROM {batch}){spared}) "
                f"OR parent_key IN (SELECT row_key FROM {parent_gone})"
            )
        union = " UNION ".join(found) or "SELECT ''::VARCHAR AS row_key WHERE false"
        self._con.raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {gone} AS SELECT DISTINCT f.row_key FROM ({union}) f "
            f"JOIN {current} c ON c.row_key = f.row_key WHERE NOT c.is_deleted "
            f"AND f.row_key NOT IN (SELECT row_key FROM {batch})"
        )

    def _new_counts(self, batch: str, current: str) -> tuple[int, int]:
        row = self._con.raw.execute(
            "SELECT count(*) FILTER (c.row_key IS NULL OR c.is_deleted), "
            "count(*) FILTER (NOT c.is_deleted AND c.content_hash <> b.content_hash) "
            f"FROM {batch} b LEFT JOIN {current} c ON c.row_key = b.row_key"
        ).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def _table(self, stream: Stream) -> str:
        return f"{schema_of(self._source)}.{sql_name(stream.name)}"


def parents_first(streams: Sequence[Stream]) -> list[Stream]:
    """Streams in an order in which every parent comes before its children."""
    ordered: list[Stream] = []
    placed: set[str | None] = {None}
    waiting = list(streams)
    while waiting:
        ready = [stream for stream in waiting if stream.child_of in placed]
        ordered += ready
        placed |= {stream.name for stream in ready}
        waiting = [stream for stream in waiting if stream not in ready]
    return ordered


def _listed(files: Sequence[str]) -> str:
    return "[" + ", ".join("'" + f.replace("'", "''") + "'" for f in files) + "]"
