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
from pacekeeper.landing.paths import sql_literal, sql_name
from pacekeeper.landing.spool import StreamManifest, parts
from pacekeeper.landing.stream_sql import IDENTITY, raw_columns
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

    file: versions and tombstones; null when there are none. is_first: the raw table holds nothing yet.
    latest: the latest value of the stream's cursor in this read.
    """

    file: Path | None
    is_first: bool
    inserted: int
    updated: int
    unchanged: int
    duplicate: int
    tombstones: int
    latest: datetime | None = None

    @property
    def rows(self) -> int:
        """How many versions and tombstones the file holds."""
        return self.inserted + self.updated + self.tombstones


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

    def find(self, stream: Stream, manifest: StreamManifest) -> NewVersions:
        """New versions of one stream."""
        is_first = not self._has_rows(stream)
        duplicate = self._load_batch(stream)
        self._load_current(stream, manifest)
        self._find_gone(stream, manifest)
        batch, current, changed = (_table(kind, stream) for kind in ("batch", "current", "changed"))
        self._raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {changed} AS SELECT b.row_key, b._seq, b.content_hash, "
            "c.version_id AS predecessor_id, coalesce(c.version_no, 0) + 1 AS version_no, "
            "c.row_key IS NULL OR c.is_deleted AS is_new "
            f"FROM {batch} b LEFT JOIN {current} c ON c.row_key = b.row_key "
            "WHERE c.row_key IS NULL OR c.is_deleted OR c.content_hash <> b.content_hash"
        )
        inserted = self._con.count(f"SELECT count(*) FROM {changed} WHERE is_new")
        updated = self._con.count(f"SELECT count(*) FROM {changed} WHERE NOT is_new")
        tombstones = self._con.count(f"SELECT count(*) FROM {_table('gone', stream)}")
        found = inserted + updated + tombstones
        return NewVersions(
            file=self._write(stream, is_all_new=is_first and not duplicate) if found else None,
            is_first=is_first,
            inserted=inserted,
            updated=updated,
            unchanged=self._con.count(f"SELECT count(*) FROM {batch}") - inserted - updated,
            duplicate=duplicate,
            tombstones=tombstones,
            latest=self._latest(stream),
        )

    def _has_rows(self, stream: Stream) -> bool:
        if not self._con.has_table(schema_of(self._source), stream.name):
            return False
        return self._con.count(f"SELECT count(*) FROM (FROM {self._landed(stream)} LIMIT 1)") > 0

    def _load_batch(self, stream: Stream) -> int:
        """Fill `batch`, of several rows with one key the last one read; returns how many rows that left out."""
        batch = _table("batch", stream)
        has_parent = stream.child_of is not None
        names = ["row_key", *(["parent_key"] if has_parent else []), "_seq"]
        files = parts(self._folder, stream.name, "rows")
        if not files:
            empty = ", ".join(f"NULL::{'BIGINT' if n == '_seq' else 'VARCHAR'} AS {n}" for n in names)
            self._raw.execute(f"CREATE OR REPLACE TEMP TABLE {batch} AS SELECT {empty}, '' AS content_hash WHERE false")
            return 0
        self._raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {batch} AS SELECT {', '.join(names)}, "
            f"_content_hash AS content_hash FROM read_parquet({_listed(files)})"
        )
        total = self._con.count(f"SELECT count(*) FROM {batch}")
        if has_parent:
            if stream.child_of not in self._with_duplicates:
                return 0
            # Elements follow the one record that counts: of a parent read twice, only the last one's.
            self._raw.execute(
                f"DELETE FROM {batch} b WHERE NOT EXISTS (SELECT 1 FROM {_parent('batch', stream)} p "
                "WHERE p.row_key = b.parent_key AND p._seq = b._seq)"
            )
        else:
            if total == self._con.count(f"SELECT count(DISTINCT row_key) FROM {batch}"):
                return 0
            self._raw.execute(
                f"DELETE FROM {batch} b WHERE _seq < (SELECT max(_seq) FROM {batch} o WHERE o.row_key = b.row_key)"
            )
        self._with_duplicates.add(stream.name)
        return total - self._con.count(f"SELECT count(*) FROM {batch}")

    def _load_current(self, stream: Stream, manifest: StreamManifest) -> None:
        current = _table("current", stream)
        names = ["row_key", *(["parent_key"] if stream.child_of else []), "version_id", "version_no", "content_hash"]
        if not self._con.has_table(schema_of(self._source), stream.name):
            typed = ", ".join(f"NULL::{all_columns(stream)[n]} AS {n}" for n in names)
            self._raw.execute(
                f"CREATE OR REPLACE TEMP TABLE {current} AS SELECT {typed}, false AS is_deleted WHERE false"
            )
            return
        touched = "true"
        if stream.child_of is not None:
            touched = (
                f"parent_key IN (SELECT row_key FROM {_parent('batch', stream)} "
                f"UNION ALL SELECT row_key FROM {_parent('gone', stream)})"
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

    def _find_gone(self, stream: Stream, manifest: StreamManifest) -> None:
        """Fill `gone`. A rejected record exists, so that it is not gone."""
        found = f"row_key IN ({self._keys(stream, 'deleted')})"
        spared = f"row_key NOT IN ({self._keys(stream, 'rejected')})"
        if stream.child_of is not None:
            found += (
                f" OR parent_key IN (SELECT row_key FROM {_parent('gone', stream)}) "
                f"OR (parent_key IN (SELECT row_key FROM {_parent('batch', stream)}) AND {spared})"
            )
        elif stream.deletes == "key_diff" and self._is_whole(stream, manifest):
            found += f" OR {spared}"
        self._raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {_table('gone', stream)} AS SELECT row_key "
            f"FROM {_table('current', stream)} WHERE NOT is_deleted "
            f"AND row_key NOT IN (SELECT row_key FROM {_table('batch', stream)}) AND ({found})"
        )

    def _is_whole(self, stream: Stream, manifest: StreamManifest) -> bool:
        """Whether what this read lacks does not exist.

        A read that found nothing proves no absence, nor does one with records whose key could not be read.
        """
        has_nameless = any(column in {"", stream.key} for column, _, _ in manifest.rejected)
        return manifest.was_full and manifest.read > 0 and not has_nameless

    def _write(self, stream: Stream, *, is_all_new: bool) -> Path:
        """The versions and tombstones of one stream, as a Parquet file. is_all_new: every row of the spool is one."""
        file = self._into / f"{stream.name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        columns = raw_columns(stream)
        landed = ", ".join(f"r.{sql_name(n)}" for n in columns)
        files = parts(self._folder, stream.name, "rows")
        selects = []
        if is_all_new:
            selects.append(
                f"SELECT {landed}, NULL::VARCHAR AS predecessor_id, 1::BIGINT AS version_no, "
                f"r._content_hash AS content_hash, false AS is_deleted FROM read_parquet({_listed(files)}) r"
            )
        elif files:
            selects.append(
                f"SELECT {landed}, v.predecessor_id, v.version_no, v.content_hash, false AS is_deleted "
                f"FROM read_parquet({_listed(files)}) r "
                f"JOIN {_table('changed', stream)} v ON v.row_key = r.row_key AND v._seq = r._seq"
            )
        empty = ", ".join(f"c.{n}" if n in IDENTITY else f"NULL::{t} AS {sql_name(n)}" for n, t in columns.items())
        selects.append(
            f"SELECT {empty}, c.version_id AS predecessor_id, c.version_no + 1 AS version_no, "
            f"'deleted' AS content_hash, true AS is_deleted FROM {_table('current', stream)} c "
            f"JOIN {_table('gone', stream)} g ON g.row_key = c.row_key"
        )
        values = {
            **{name: sql_name(name) for name in columns},
            "version_id": "md5(concat_ws(chr(31), row_key, coalesce(predecessor_id, ''), content_hash))",
            "predecessor_id": "predecessor_id",
            "version_no": "version_no",
            "content_hash": "content_hash",
            "is_deleted": "is_deleted",
            "observed_at": f"TIMESTAMPTZ {sql_literal(self._as_of.isoformat())}",
            "batch_id": sql_literal(self._batch_id),
        }
        listed = ", ".join(f"{value} AS {sql_name(name)}" for name, value in values.items())
        self._raw.execute(
            f"COPY (SELECT {listed} FROM ({' UNION ALL '.join(selects)})) TO {sql_literal(str(file))} "
            "(FORMAT parquet, COMPRESSION lz4)"
        )
        return file

    def _latest(self, stream: Stream) -> datetime | None:
        files = parts(self._folder, stream.name, "rows")
        if stream.cursor is None or not files:
            return None
        row = self._raw.execute(f"SELECT max({sql_name(stream.cursor)}) FROM read_parquet({_listed(files)})").fetchone()
        return row[0].astimezone(UTC) if row and isinstance(row[0], datetime) else None

    def _keys(self, stream: Stream, kind: str) -> str:
        """SQL for the keys in the spool's rejected or deleted parts."""
        files = parts(self._folder, stream.name, "deleted" if kind == "deleted" else "rejected")
        if not files:
            return "SELECT NULL::VARCHAR WHERE false"
        return f"SELECT row_key FROM read_parquet({_listed(files)}) WHERE row_key IS NOT NULL"

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


def _listed(files: Sequence[str]) -> str:
    return "[" + ", ".join(sql_literal(file) for file in files) + "]"
