"""The boundary: pages in, typed and hashed rows out. Nothing that crosses it identifies a client.

Set-based in an in-memory DuckDB: records become one JSON text each, declared paths are read in one pass, identifiers
are replaced by keyed hashes (distinct values once), values that do not fit their type reject the row with a reason.
Undeclared fields are counted by name and go nowhere.
"""

from __future__ import annotations

import decimal
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from pacekeeper.errors import DataError, FatalError, PluginError
from pacekeeper.landing.identity_sql import install_keyed_hash, messages
from pacekeeper.landing.stream_sql import DOCUMENTS, StreamSql
from pacekeeper.privacy import HashKey, known_cause
from pacekeeper.sql_text import sql_literal
from pacekeeper.stream import Incomplete, JsonLines, Page, Rejected, Rows, Stream

#: Rows that a part's Parquet row group holds.
ROW_GROUP = 61_440
#: Records are worked on together when so many, or so many bytes of them, are waiting.
FLUSH_ROWS = 8 * ROW_GROUP
FLUSH_BYTES = 384 << 20
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
#: A source that has more undeclared names than this uses its data as names.
_UNDECLARED_NAMES = 200
_OTHER_NAMES = "(other names)"
_FILE_NAME = re.compile(r"([A-Za-z_]+)(\.\d{1,6})?(\.[a-z]{2,6})?")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LOCATOR = re.compile(r"[^\x00-\x1f\x7f]{1,200}")

_PAST_UNREADABLE = "past_version_unreadable"

PartKind = Literal["rows", "past", "rejected", "deleted"]


@dataclass(frozen=True)
class Part:
    """Rows on their way out, still inside the engine; good only while the sink that receives them runs."""

    _con: duckdb.DuckDBPyConnection
    _query: str

    def to_arrow(self) -> pa.Table:
        return self._con.execute(self._query).to_arrow_table()

    def to_pylist(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return rows

    def write(self, file: Path, *, columns: str = "*") -> None:
        """Write a Parquet file. columns: SQL for the columns it gets."""
        # Hashes do not compress, and nobody looks one up in a spool: a third of the time for a tenth more bytes.
        # Half a row group of the warehouse's: a load joins them into whole ones, and leaves its threads less to wait.
        how = (
            "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION uncompressed, WRITE_BLOOM_FILTER false, "
            f"ROW_GROUP_SIZE {ROW_GROUP}"
        )
        self._con.execute(f"COPY (SELECT {columns} FROM ({self._query})) TO {sql_literal(str(file))} ({how})")


Sink = Callable[[PartKind, str, Part], None]


@dataclass
class StreamCounts:
    """What the boundary saw of one stream. read = kept + duplicate + rejected_rows + sum(out_of_scope).

    duplicate: records of which the same part holds a later reading. incomplete, notes: as its pages said, each once.
    """

    read: int = 0
    kept: int = 0
    duplicate: int = 0
    rejected_rows: int = 0
    deleted: int = 0
    out_of_scope: Counter[str] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    undeclared: Counter[str] = field(default_factory=Counter)
    incomplete: list[Incomplete] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Boundary:
    """Turns the pages of one source into spool parts; `sink` receives each part.

    rows: the columns that land, content_hash, and the version_id that the row has if it is its record's first version;
    a key once. Parts come in the order of the read; the children of a part's records come right after it.
    past: the same of past versions, a key as often as it comes, without children.
    rejected: row_key, column_name, reason, locator. deleted: row_key.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        *,
        source: str,
        key: HashKey,
        default_tz: str | None,
        sink: Sink,
        flush_rows: int = FLUSH_ROWS,
    ) -> None:
        self._source = source
        self._sink = sink
        self._flush_rows = flush_rows
        self._sql = {sql.stream.name: sql for sql in _sql_of(streams, None, source, default_tz)}
        self._pending: dict[str, list[pa.Table]] = {}
        self._pending_past: dict[str, list[pa.Table]] = {}
        self._seen: Counter[str] = Counter()
        self.counts = {stream.name: StreamCounts() for stream in streams}
        self._con = duckdb.connect()
        self._con.execute("SET TimeZone='UTC'; SET enable_progress_bar=false; SET preserve_insertion_order=false")
        install_keyed_hash(self._con, key)

    def add(self, page: Page) -> None:
        """Take a page in; parts are handed to the sink whenever enough rows are waiting."""
        sql = self._sql.get(page.stream) if isinstance(page, Page) else None
        if sql is None or sql.stream.child_of is not None:
            raise PluginError(
                connector=self._source,
                reason="what it yields is no Page of a declared top-level stream",
                fix="yield Page(<name of a stream without child_of>, rows)",
            )
        name = page.stream
        documents = self._documents(page.rows, sql.stream)
        if documents.num_rows and page.is_past:
            self._add_past(sql, documents)
        elif documents.num_rows:
            self._pending.setdefault(name, []).append(documents)
            self._seen[name] += documents.num_rows
            while self.waiting(name) >= self._flush_rows:
                self._flush(sql, self._flush_rows)
            if sum(table.nbytes for table in self._pending.get(name, ())) >= FLUSH_BYTES:
                self._flush(sql)
        if page.deleted:
            self._delete(sql.stream, page.deleted)
        if page.rejected:
            self._reject(sql.stream, page.rejected)
        if page.incomplete or page.notes:
            self._remark(page)

    def identities(self, stream: str, keys: Collection[str]) -> dict[str, str]:
        """By key, the ids that the source itself has for records of the part that the sink is being handed.

        For the eyes of a person who asked: never to be stored or logged.
        """
        wanted = ", ".join(map(sql_literal, keys)) or "NULL"
        found = self._con.execute(f"FROM ({self._sql[stream].identities}) WHERE row_key IN ({wanted})").fetchall()
        return {str(key): str(identity) for key, identity in found}

    def waiting(self, stream: str) -> int:
        """Rows taken in that have not been processed yet."""
        return sum(table.num_rows for table in self._pending.get(stream, ()))

    def close(self) -> None:
        """Hand over what is still waiting and release the engine."""
        for name in list(self._pending):
            self._flush(self._sql[name])
        for name in list(self._pending_past):
            self._flush_past(self._sql[name])
        self._con.close()

    def _add_past(self, sql: StreamSql, documents: pa.Table) -> None:
        name = sql.stream.name
        if sql.stream.cursor is None:
            raise PluginError(
                connector=self._source,
                reason=f"a page of stream {name} holds past versions, and nothing tells their order",
                fix="declare the stream's cursor",
            )
        waiting = self._pending_past.setdefault(name, [])
        waiting.append(documents)
        self._seen[name] += documents.num_rows
        if sum(table.num_rows for table in waiting) >= self._flush_rows:
            self._flush_past(sql)

    def _documents(self, rows: Rows, stream: Stream) -> pa.Table:
        """One row per record: position in the read, document, where it came from."""
        origin, first_line = "page", 1
        if isinstance(rows, JsonLines):
            documents, first_line = rows.documents, rows.first_line
            named = _FILE_NAME.fullmatch(rows.origin)
            origin = rows.origin if named and named[1] in {stream.resource_type, stream.name} else "file"
        else:
            try:
                documents = self._arrow_documents(rows) if isinstance(rows, pa.Table) else _documents_of(rows)
            except (TypeError, ValueError, pa.ArrowException, duckdb.Error) as error:
                raise PluginError(
                    connector=self._source,
                    reason=f"a page of stream {stream.name} holds rows that are no JSON ({type(error).__name__})",
                    fix="yield dicts of text, numbers, booleans, dates, lists and dicts",
                ) from None
        n, seen = len(documents), self._seen[stream.name]
        return pa.table(
            {
                "_seq": pa.array(np.arange(seen, seen + n)),
                "doc": documents.cast(pa.string()),
                "_origin": pa.repeat(origin, n),
                "_line": pa.array(np.arange(first_line, first_line + n)),
            }
        )

    def _arrow_documents(self, rows: pa.Table) -> pa.ChunkedArray[Any]:
        self._con.register("_page", rows)
        try:
            return self._con.execute("SELECT to_json(_page)::VARCHAR AS doc FROM _page").to_arrow_table()["doc"]
        finally:
            self._con.unregister("_page")

    def _flush(self, sql: StreamSql, rows: int | None = None) -> None:
        """Work on what is waiting; rows: on so many, because a part that fills its row groups loads faster."""
        waiting = pa.concat_tables(self._pending.pop(sql.stream.name))
        if rows is not None and waiting.num_rows > rows:
            self._pending[sql.stream.name] = [waiting.slice(rows)]
            waiting = waiting.slice(0, rows)
        self._work_on(waiting, sql, self._process)

    def _flush_past(self, sql: StreamSql) -> None:
        self._work_on(pa.concat_tables(self._pending_past.pop(sql.stream.name)), sql, self._process_past)

    def _work_on(self, documents: pa.Table, sql: StreamSql, process: Callable[[StreamSql], None]) -> None:
        self._con.register(DOCUMENTS, documents)
        try:
            process(sql)
        except duckdb.Error as error:
            # The engine's own text quotes values.
            if (cause := known_cause(error)) is not None:
                raise FatalError(
                    f"source {self._source}: what was read cannot be written to the spool: {cause}"
                ) from None
            raise DataError(
                f"source {self._source}, stream {sql.stream.name}: the boundary could not read a page "
                f"({type(error).__name__}); check the declared paths"
            ) from None
        finally:
            self._con.unregister(DOCUMENTS)

    def _process(self, sql: StreamSql, records: str | None = None) -> None:
        """Type, hash and hand over the rows of one stream; then explode its children from the rows that were kept."""
        self._type(sql, records)
        self._count(sql)
        if sql.stream.child_of is None:
            self._drop_superseded(sql)
        self._hand_over(sql)
        for child in sql.children:
            self._process(child, sql.explode(child))
        self._con.execute(f"DROP TABLE {sql.typed}")

    def _process_past(self, sql: StreamSql) -> None:
        """Type, hash and hand over past versions. One that cannot be read leaves its record as good as it is."""
        counts = self.counts[sql.stream.name]
        self._type(sql)
        rows = self._con.execute(
            f"SELECT coalesce(_scope, CASE WHEN _faults IS NOT NULL THEN '{_PAST_UNREADABLE}' END), count(*) "
            f"FROM {sql.typed} GROUP BY ALL"
        ).fetchall()
        for why_not, found in rows:
            counts.read += found
            if why_not is None:
                counts.kept += found
                self._sink("past", sql.stream.name, Part(self._con, sql.kept))
            else:
                counts.out_of_scope[why_not] += found
        self._con.execute(f"DROP TABLE {sql.typed}")

    def _type(self, sql: StreamSql, records: str | None = None) -> None:
        self._con.execute(sql.parse(records))
        for statement in sql.hash_tables():
            self._con.execute(statement)
        self._con.execute(sql.type_rows())

    def _count(self, sql: StreamSql) -> None:
        counts = self.counts[sql.stream.name]
        outcomes = self._con.execute(
            f"SELECT _scope, _faults IS NOT NULL, count(*) FROM {sql.typed} GROUP BY ALL"
        ).fetchall()
        for scope, is_faulty, rows in outcomes:
            counts.read += rows
            if scope is not None:
                counts.out_of_scope[scope] += rows
            elif is_faulty:
                counts.rejected_rows += rows
            else:
                counts.kept += rows
        found = self._con.execute(sql.undeclared).fetchall()
        for name, records in found:
            is_name = _FIELD_NAME.fullmatch(name) and (
                name in counts.undeclared or len(counts.undeclared) < _UNDECLARED_NAMES
            )
            counts.undeclared[name if is_name else _OTHER_NAMES] += int(records)

    def _drop_superseded(self, sql: StreamSql) -> None:
        """Of a record that a part holds more than once, keep the last reading."""
        counts = self.counts[sql.stream.name]
        row = self._con.execute(
            f"SELECT count(*) - count(DISTINCT row_key) FROM {sql.typed} WHERE _scope IS NULL AND _faults IS NULL"
        ).fetchone()
        if row and row[0]:
            self._con.execute(sql.superseded)
            counts.kept -= int(row[0])
            counts.duplicate += int(row[0])

    def _hand_over(self, sql: StreamSql) -> None:
        name, counts = sql.stream.name, self.counts[sql.stream.name]
        if self._con.execute(f"SELECT 1 FROM ({sql.kept}) LIMIT 1").fetchone():
            self._sink("rows", name, Part(self._con, sql.kept))
        faults = self._con.execute(
            f"SELECT column_name, reason, count(*) FROM ({sql.rejected}) GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        counts.rejected.update({(column, reason): rows for column, reason, rows in faults})
        if faults:
            self._sink("rejected", name, Part(self._con, sql.rejected))

    def _delete(self, stream: Stream, ids: Sequence[str]) -> None:
        key = stream.key or ""
        self._con.register("_ids", pa.table({"id": pa.array([str(i) for i in ids], pa.string())}))
        message = messages(key, stream.columns[key], "id", source=self._source)[key]
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE _deleted AS SELECT DISTINCT keyed_hash({message}) AS row_key FROM _ids"
        )
        self._con.unregister("_ids")
        row = self._con.execute("SELECT count(*) FROM _deleted").fetchone()
        self.counts[stream.name].deleted += int(row[0]) if row else 0
        self._sink("deleted", stream.name, Part(self._con, "SELECT row_key FROM _deleted"))

    def _reject(self, stream: Stream, units: Sequence[Rejected]) -> None:
        """Put on record what the connector itself could not read."""
        if any(not _REASON.fullmatch(unit.reason) or not _LOCATOR.fullmatch(unit.locator) for unit in units):
            raise PluginError(
                connector=self._source,
                reason=f"a page of stream {stream.name} rejects something under a reason or a locator of a wrong form",
                fix="give a lower_snake_case reason, and a printable locator of at most 200 characters",
            )
        counts = self.counts[stream.name]
        counts.read += len(units)
        counts.rejected_rows += len(units)
        counts.rejected.update(("", unit.reason) for unit in units)
        found = {"reason": [unit.reason for unit in units], "locator": [unit.locator for unit in units]}
        self._con.register("_units", pa.table(found, schema=pa.schema(dict.fromkeys(found, pa.string()))))
        query = "SELECT NULL::VARCHAR AS row_key, '' AS column_name, reason, locator FROM _units"
        self._sink("rejected", stream.name, Part(self._con, query))
        self._con.unregister("_units")

    def _remark(self, page: Page) -> None:
        """Put on record what the connector says about the read as a whole."""
        gaps, notes = list(page.incomplete), list(page.notes)
        is_sound = all(
            _REASON.fullmatch(gap.reason)
            and _LOCATOR.fullmatch(gap.advice)
            and (gap.first_day is None or gap.last_day is None or gap.first_day <= gap.last_day)
            for gap in gaps
        ) and all(_LOCATOR.fullmatch(note) for note in notes)
        if not is_sound:
            raise PluginError(
                connector=self._source,
                reason=f"a page of stream {page.stream} is incomplete for a reason, or has a note, of a wrong form",
                fix="give a lower_snake_case reason, days in order, and printable texts of at most 200 characters",
            )
        counts = self.counts[page.stream]
        counts.incomplete = list(dict.fromkeys([*counts.incomplete, *gaps]))
        counts.notes = list(dict.fromkeys([*counts.notes, *notes]))


def _sql_of(
    streams: Sequence[Stream], parent: Stream | None, source: str, default_tz: str | None, *, is_fhir: bool = False
) -> list[StreamSql]:
    """SQL of the streams below a parent (null: of the top-level ones), each with the SQL of its own children."""
    found = []
    for stream in streams:
        if stream.child_of == (parent.name if parent else None):
            is_resource = is_fhir or stream.resource_type is not None
            below = _sql_of(streams, stream, source, default_tz, is_fhir=is_resource)
            own = [sql for sql in below if sql.stream.child_of == stream.name]
            found += [StreamSql(stream, own, source, default_tz, is_fhir=is_resource), *below]
    return found


def _documents_of(rows: Sequence[Mapping[str, Any]]) -> pa.Array[Any]:
    return pa.array([orjson.dumps(row, default=_plain, option=orjson.OPT_NON_STR_KEYS) for row in rows], pa.string())


def _plain(value: object) -> str:
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError
