"""Which rows of a read are new versions. Raw tables are append-only: an edit is a version, a deletion a tombstone.

Every function works on an open warehouse connection and leaves the warehouse as it is; what is new goes to a Parquet
file per stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pacekeeper.engine.duckdb import Connection
from pacekeeper.landing.past import PastVersions
from pacekeeper.landing.spool import StreamManifest, parts
from pacekeeper.landing.stream_sql import IDENTITY, raw_columns, version_id
from pacekeeper.sql_text import sql_literal, sql_name
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
    """The new versions of one stream, and the ledger's counts.

    files: versions and tombstones, as Parquet files in the form of the raw table. is_first: it holds nothing yet.
    latest: the latest value of the stream's cursor in this read.
    """

    files: Sequence[Path]
    is_first: bool
    inserted: int
    updated: int
    unchanged: int
    duplicate: int
    tombstones: int
    latest: datetime | None = None


#: SQL for the part a row is in; the elements of a record's lists are in a part of the same name.
_PART = "parse_filename(_file)"


def schema_of(source: str) -> str:
    """Name of the schema a source's raw tables lie in."""
    return f"raw_{source}"


def all_columns(stream: Stream) -> dict[str, str]:
    """SQL type by name of every column of a stream's raw table."""
    return {**raw_columns(stream), **VERSION_COLUMNS}


class VersionFinder:
    """Compares one source's spool with its raw tables, parents before children. One finder per connection.

    For each stream it leaves temp tables that the stream's children need: `batch_<stream>` (the keys of this read, one
    row each), `current_<stream>` (the newest version of every key that this read can touch), `gone_<stream>` (keys of
    current records that this read shows to be deleted).
    """

    def __init__(
        self, connection: Connection, *, source: str, folder: Path, into: Path, batch_id: str, as_of: datetime
    ) -> None:
        self._con = connection
        self._raw = connection.raw
        self._source = source
        self._folder = folder
        self._into = into
        self._batch_id = batch_id
        self._as_of = as_of
        self._with_duplicates: set[str] = set()
        landed = self._raw.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = ?",
            [schema_of(source)],
        ).fetchall()
        self._tables = {str(row[0]) for row in landed}

    def find(self, stream: Stream, manifest: StreamManifest) -> NewVersions:
        """New versions of one stream."""
        is_first = not self._has_rows(stream)
        duplicate = self._load_batch(stream, is_first=is_first)
        read = self._con.count(f"SELECT count(*) FROM {_table('batch', stream)}")
        past = PastVersions(self._raw, stream, parts(self._folder, stream.name, "past"))
        self._load_current(stream, manifest, past.needs)
        if is_first and not duplicate and not past.files:
            inserted, updated, tombstones = read, 0, 0
            self._raw.execute(f"CREATE OR REPLACE TEMP TABLE {_table('gone', stream)} (row_key VARCHAR)")
            files = [Path(file) for file in parts(self._folder, stream.name, "rows")]
        else:
            self._find_changed(stream)
            read += past.put_before(parts(self._folder, stream.name, "rows"))
            inserted, updated = past.count()
            tombstones = self._find_gone(stream, manifest)
            files = [self._write(stream, past)] if inserted + updated + tombstones else []
        return NewVersions(
            files=files,
            is_first=is_first,
            inserted=inserted,
            updated=updated,
            unchanged=read - inserted - updated,
            duplicate=duplicate + manifest.duplicate,
            tombstones=tombstones,
            latest=self._latest(stream),
        )

    def _has_rows(self, stream: Stream) -> bool:
        if stream.name not in self._tables:
            return False
        return self._con.count(f"SELECT count(*) FROM (FROM {self._landed(stream)} LIMIT 1)") > 0

    def _load_batch(self, stream: Stream, *, is_first: bool) -> int:
        """Fill `batch`, of several rows with one key the last one read; returns how many rows that left out.

        is_first: nothing is compared with it, so that a view of the files will do unless rows are left out.
        """
        batch = _table("batch", stream)
        has_parent = stream.child_of is not None
        names = ", ".join(["row_key", *(["parent_key"] if has_parent else []), "content_hash"])
        files = parts(self._folder, stream.name, "rows")
        if not files:
            empty = names.replace(",", " VARCHAR,")
            self._raw.execute(f"CREATE OR REPLACE TEMP TABLE {batch} ({empty} VARCHAR, part VARCHAR)")
            return 0
        rows = f"SELECT {names}, {_PART} AS part FROM {_read(files)}"
        self._raw.execute(f"CREATE OR REPLACE TEMP {'VIEW' if is_first else 'TABLE'} {batch} AS {rows}")
        # A part holds a key once, so that one part holds no duplicates.
        if has_parent:
            if stream.child_of not in self._with_duplicates:
                return 0
            # Elements follow the one reading that counts: of a record read twice, only the last one's.
            superseded = (
                f"NOT EXISTS (SELECT 1 FROM {_parent('batch', stream)} p "
                "WHERE p.row_key = b.parent_key AND p.part = b.part)"
            )
        elif len(files) == 1:
            return 0
        else:
            superseded = f"part < (SELECT max(o.part) FROM {batch} o WHERE o.row_key = b.row_key)"
            if self._con.count(f"SELECT count(*) - count(DISTINCT row_key) FROM {batch}") == 0:
                return 0
        if is_first:
            self._raw.execute(f"DROP VIEW {batch}; CREATE TEMP TABLE {batch} AS {rows}")
        row = self._raw.execute(f"DELETE FROM {batch} b WHERE {superseded}").fetchone()
        self._with_duplicates.add(stream.name)
        return int(row[0]) if row else 0

    def _find_changed(self, stream: Stream) -> None:
        """Fill `changed`: what the read holds and the raw table does not."""
        changed = _table("changed", stream)
        self._raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {changed} AS SELECT b.row_key, b.part, b.content_hash, "
            "c.version_id AS predecessor_id, coalesce(c.version_no, 0) + 1 AS version_no, "
            "c.row_key IS NULL OR c.is_deleted AS is_new "
            f"FROM {_table('batch', stream)} b LEFT JOIN {_table('current', stream)} c ON c.row_key = b.row_key "
            "WHERE c.row_key IS NULL OR c.is_deleted OR c.content_hash <> b.content_hash"
        )

    def _load_current(self, stream: Stream, manifest: StreamManifest, more: Sequence[str]) -> None:
        current = _table("current", stream)
        names = ["row_key", *(["parent_key"] if stream.child_of else []), "version_id", "version_no", "content_hash"]
        names += more
        if stream.name not in self._tables:
            typed = ", ".join(f"NULL::{all_columns(stream)[n]} AS {n}" for n in names)
            self._raw.execute(
                f"CREATE OR REPLACE TEMP TABLE {current} AS SELECT {typed}, false AS is_deleted WHERE false"
            )
            return
        touched = "true"
        if stream.child_of is not None:
            touched = (
                f"parent_key IN (SELECT row_key FROM {_parent('batch', stream)} "
                f"UNION ALL SELECT row_key FROM {_parent('gone', stream)} "
                f"UNION ALL SELECT row_key FROM {_parent('current', stream)} WHERE is_deleted)"
            )
        elif not manifest.was_full:
            touched = (
                f"row_key IN (SELECT row_key FROM {_table('batch', stream)} UNION ALL {self._keys(stream, 'deleted')})"
            )
        self._raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {current} AS SELECT {', '.join([*names, 'is_deleted'])} "
            f"FROM {self._landed(stream)} WHERE {touched} "
            "QUALIFY row_number() OVER (PARTITION BY row_key ORDER BY version_no DESC) = 1"
        )

    def _find_gone(self, stream: Stream, manifest: StreamManifest) -> int:
        """Fill `gone`; returns how many there are. A rejected record exists, so that it is not gone."""
        gone = _table("gone", stream)
        found = f"row_key IN ({self._keys(stream, 'deleted')})"
        spared = f"row_key NOT IN ({self._keys(stream, 'rejected')})"
        if stream.child_of is not None:
            found += (
                f" OR parent_key IN (SELECT row_key FROM {_parent('gone', stream)}) "
                # A run killed between the two tables has buried the parent already.
                f"OR parent_key IN (SELECT row_key FROM {_parent('current', stream)} WHERE is_deleted "
                f"AND row_key NOT IN (SELECT row_key FROM {_parent('batch', stream)})) "
                f"OR (parent_key IN (SELECT row_key FROM {_parent('batch', stream)}) AND {spared})"
            )
        elif stream.deletes == "key_diff" and self._is_whole(stream, manifest):
            found += f" OR {spared}"
        self._raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {gone} AS SELECT row_key "
            f"FROM {_table('current', stream)} WHERE NOT is_deleted "
            f"AND row_key NOT IN (SELECT row_key FROM {_table('batch', stream)}) AND ({found})"
        )
        return self._con.count(f"SELECT count(*) FROM {gone}")

    def _is_whole(self, stream: Stream, manifest: StreamManifest) -> bool:
        """Whether what this read lacks does not exist.

        A read that found nothing proves no absence, nor does one with records whose key could not be read.
        """
        has_nameless = any(column in {"", stream.key} for column, _, _ in manifest.rejected)
        return manifest.was_full and manifest.read > 0 and not has_nameless

    def _write(self, stream: Stream, past: PastVersions) -> Path:
        """The versions and tombstones of one stream, as a Parquet file."""
        file = self._into / f"{stream.name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        columns = raw_columns(stream)
        selects = []
        if files := parts(self._folder, stream.name, "rows"):
            landed = ", ".join(f"r.{sql_name(n)}" for n in columns)
            versions = f"JOIN {_table('changed', stream)} v ON v.row_key = r.row_key AND v.part = {_PART}"
            selects.append(
                f"SELECT {landed}, v.predecessor_id, v.version_no, v.content_hash, false AS is_deleted "
                f"FROM {_read(files)} r {versions}"
            )
        selects += past.rows(list(columns))
        empty = ", ".join(f"c.{n}" if n in IDENTITY else f"NULL::{t} AS {sql_name(n)}" for n, t in columns.items())
        selects.append(
            f"SELECT {empty}, c.version_id AS predecessor_id, c.version_no + 1 AS version_no, "
            f"'deleted' AS content_hash, true AS is_deleted FROM {_table('current', stream)} c "
            f"JOIN {_table('gone', stream)} g ON g.row_key = c.row_key"
        )
        values = {
            "version_id": version_id("predecessor_id", "content_hash"),
            "observed_at": f"TIMESTAMPTZ {sql_literal(self._as_of.isoformat())}",
            "batch_id": sql_literal(self._batch_id),
        }
        listed = ", ".join(f"{values.get(name, sql_name(name))} AS {sql_name(name)}" for name in all_columns(stream))
        self._raw.execute(
            f"COPY (SELECT {listed} FROM ({' UNION ALL '.join(selects)})) TO {sql_literal(str(file))} "
            "(FORMAT parquet, COMPRESSION uncompressed, WRITE_BLOOM_FILTER false)"
        )
        return file

    def _latest(self, stream: Stream) -> datetime | None:
        files = parts(self._folder, stream.name, "rows")
        if stream.cursor is None or not files:
            return None
        row = self._raw.execute(f"SELECT max({sql_name(stream.cursor)}) FROM {_read(files)}").fetchone()
        return row[0].astimezone(UTC) if row and isinstance(row[0], datetime) else None

    def _keys(self, stream: Stream, kind: str) -> str:
        """SQL for the keys in the spool's rejected or deleted parts."""
        files = parts(self._folder, stream.name, "deleted" if kind == "deleted" else "rejected")
        if not files:
            return "SELECT NULL::VARCHAR WHERE false"
        return f"SELECT row_key FROM {_read(files)} WHERE row_key IS NOT NULL"

    def _landed(self, stream: Stream) -> str:
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


def _table(kind: str, stream: Stream) -> str:
    return sql_name(f"{kind}_{stream.name}")


def _parent(kind: str, stream: Stream) -> str:
    return sql_name(f"{kind}_{stream.child_of}")


def _read(files: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(sql_literal(file) for file in files)}], filename = '_file')"
