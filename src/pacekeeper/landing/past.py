"""Past versions that a read brings beside what its records are now: which of them land, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from pacekeeper.sql_text import sql_literal, sql_name
from pacekeeper.stream import Stream

#: Where a row of a part comes from.
_PLACE = "_file, file_row_number"


@dataclass(frozen=True)
class PastVersions:
    """Past versions of one stream. files: parts that hold them; mostly there are none, and nothing is done.

    A past version lands where it is earlier than what this read says its record is now, and later than the newest
    version that has landed (later than when that was seen, where it has no time of its own). So a version never comes
    between two that are there: raw versions are immutable, and the order of the read does not matter.
    """

    raw: duckdb.DuckDBPyConnection
    stream: Stream
    files: Sequence[str]

    @property
    def needs(self) -> list[str]:
        """Columns of `current_<stream>` that are compared, besides those that always are."""
        return [self.stream.cursor or "", "observed_at"] if self.files else []

    def put_before(self, rows: Sequence[str]) -> int:
        """Fill `past_<stream>`, and give the rows of `changed_<stream>` the predecessors that they now have.

        rows: the parts of what the records are now. Returns how many past versions were read.
        """
        if not self.files:
            return 0
        self.raw.execute(f"CREATE OR REPLACE TEMP TABLE {self._table('steps')} AS {self._steps(rows)}")
        changed, past, steps = self._table("changed"), self._table("past"), self._table("steps")
        self.raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {past} AS SELECT * FROM {steps} WHERE _file IS NOT NULL; "
            f"DELETE FROM {changed} WHERE row_key IN (SELECT row_key FROM {past}); "
            f"INSERT INTO {changed} SELECT s.row_key, b.part, s.content_hash, s.predecessor_id, s.version_no, s.is_new "
            f"FROM {steps} s JOIN {self._table('batch')} b ON b.row_key = s.row_key "
            f"WHERE s._file IS NULL AND s.row_key IN (SELECT row_key FROM {past})"
        )
        row = self.raw.execute(f"SELECT count(*) FROM {_read(self.files)}").fetchone()
        return int(row[0]) if row else 0

    def count(self) -> tuple[int, int]:
        """New and edited records among everything that lands."""
        tables = [self._table("changed"), *([self._table("past")] if self.files else [])]
        landing = " UNION ALL ".join(f"SELECT is_new FROM {table}" for table in tables)
        row = self.raw.execute(f"SELECT count(*) FILTER (is_new), count(*) FILTER (NOT is_new) FROM ({landing})")
        inserted, updated = row.fetchone() or (0, 0)
        return int(inserted), int(updated)

    def rows(self, columns: Sequence[str]) -> list[str]:
        """SQL of the past versions that land; none where there are none."""
        if not self.files:
            return []
        landed = ", ".join(f"r.{sql_name(name)}" for name in columns)
        return [
            f"SELECT {landed}, p.predecessor_id, p.version_no, p.content_hash, false AS is_deleted "
            f"FROM {_read(self.files)} r JOIN {self._table('past')} p USING ({_PLACE})"
        ]

    def _steps(self, rows: Sequence[str]) -> str:
        """SQL of what lands of the records that have past versions: each step with the version before it.

        _file: null for what the record is now. A version that says the same as the one before it is none.
        """
        at, batch, current = sql_name(self.stream.cursor or ""), self._table("batch"), self._table("current")
        earlier = f"p.{at} > coalesce(c.{at}, c.observed_at)"
        same = "md5(concat_ws(chr(31), row_key, coalesce(before, ''), content))"
        return (
            f"WITH _now AS (SELECT b.row_key, b.content_hash, r.{at} FROM {batch} b JOIN {_read(rows)} r "
            "ON r.row_key = b.row_key AND parse_filename(r._file) = b.part), "
            f"_past AS (SELECT p.row_key, p.content_hash, p.{at}, p._file, p.file_row_number "
            f"FROM {_read(self.files)} p JOIN _now n ON n.row_key = p.row_key AND p.{at} < n.{at} "
            f"LEFT JOIN {current} c ON c.row_key = p.row_key WHERE c.row_key IS NULL OR {earlier} "
            f"QUALIFY row_number() OVER (PARTITION BY p.row_key, p.{at} ORDER BY p._file, p.file_row_number) = 1), "
            f"_all AS (SELECT * FROM _past UNION ALL SELECT *, NULL, NULL FROM _now WHERE row_key IN "
            "(SELECT row_key FROM _past)), "
            "_new AS (SELECT a.*, c.version_id, coalesce(c.version_no, 0) AS base, c.row_key IS NULL OR c.is_deleted "
            f"AS is_unknown FROM _all a LEFT JOIN {current} c ON c.row_key = a.row_key "
            "QUALIFY a.content_hash IS DISTINCT FROM coalesce("
            f"lag(a.content_hash) OVER (PARTITION BY a.row_key ORDER BY a.{at}), c.content_hash)), "
            f"_placed AS (SELECT *, row_number() OVER (PARTITION BY row_key ORDER BY {at}) AS place, "
            f"list(content_hash) OVER (PARTITION BY row_key ORDER BY {at} "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_it FROM _new) "
            f"SELECT row_key, {_PLACE}, content_hash, base + place AS version_no, place = 1 AND is_unknown AS is_new, "
            "list_reduce(list_prepend(version_id, coalesce(before_it, [])), "
            f"lambda before, content: {same}) AS predecessor_id FROM _placed"
        )

    def _table(self, kind: str) -> str:
        return sql_name(f"{kind}_{self.stream.name}")


def _read(files: Sequence[str]) -> str:
    listed = ", ".join(sql_literal(file) for file in files)
    return f"read_parquet([{listed}], filename = '_file', file_row_number = true)"
