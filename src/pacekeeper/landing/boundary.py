"""The boundary: pages in, typed and hashed rows out. Nothing that crosses it identifies a client.

Set-based in an in-memory DuckDB: records become one JSON text each, declared paths are read in one pass, identifiers
are replaced by keyed hashes (distinct values once), values that do not fit their type reject the row with a reason.
Undeclared fields are counted by name and go nowhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from pacekeeper import columns as c
from pacekeeper.errors import DataError, PluginError
from pacekeeper.landing import typing_sql
from pacekeeper.landing.paths import (
    any_value_expression,
    first_field,
    json_path,
    sql_literal,
    sql_name,
    text_expression,
)
from pacekeeper.stream import JsonLines, Page, Stream

if TYPE_CHECKING:
    from pacekeeper.privacy import HashKey

FLUSH_ROWS = 200_000
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")

PartKind = Literal["rows", "rejected", "deleted"]
Sink = Callable[[PartKind, str, pa.Table], None]


@dataclass
class StreamCounts:
    """What the boundary saw of one stream. read = kept + rejected_rows + sum(out_of_scope)."""

    read: int = 0
    kept: int = 0
    rejected_rows: int = 0
    deleted: int = 0
    out_of_scope: Counter[str] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    undeclared: Counter[str] = field(default_factory=Counter)


class Boundary:
    """Turns the pages of one source into spool parts; `sink` receives each part as an Arrow table."""

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
        self._streams = {stream.name: stream for stream in streams}
        self._children: dict[str, list[Stream]] = {}
        for stream in streams:
            if stream.child_of is not None:
                self._children.setdefault(stream.child_of, []).append(stream)
        self._source = source
        self._default_tz = default_tz
        self._sink = sink
        self._flush_rows = flush_rows
        self._pending: dict[str, list[pa.Table]] = {}
        self._pending_rows: Counter[str] = Counter()
        self.counts = {stream.name: StreamCounts() for stream in streams}
        self._con = duckdb.connect()
        self._con.execute("SET TimeZone='UTC'; SET threads=2; SET enable_progress_bar=false")
        block = key.secret.ljust(64, b"\0")
        self._con.execute("SET VARIABLE inner_pad = ?", [bytes(b ^ 0x36 for b in block)])
        self._con.execute("SET VARIABLE outer_pad = ?", [bytes(b ^ 0x5C for b in block)])
        # HMAC-SHA-256, cut to 128 bits; the same function as pacekeeper.privacy.keyed_hash.
        self._con.execute(
            "CREATE TEMP MACRO keyed_hash(m) AS left(sha256(getvariable('outer_pad') || "
            "unhex(sha256(getvariable('inner_pad') || encode(m)))), 32)"
        )

    def add(self, page: Page) -> None:
        """Take a page in; parts are handed to the sink whenever enough rows are waiting."""
        stream = self._streams.get(page.stream)
        if stream is None or stream.child_of is not None:
            raise PluginError(
                connector=self._source,
                reason=f"a page names {page.stream!r}, which is no declared top-level stream",
                fix="name a declared stream in Page(...)",
            )
        if len(page.rows):
            self._pending.setdefault(stream.name, []).append(self._documents(page, stream))
            self._pending_rows[stream.name] += len(page.rows)
            if self._pending_rows[stream.name] >= self._flush_rows:
                self._flush(stream)
        if page.deleted:
            self._delete(stream, page.deleted)

    def waiting(self, stream: str) -> int:
        """Rows taken in that have not been processed yet."""
        return self._pending_rows[stream]

    def close(self) -> None:
        """Hand over what is still waiting and release the engine."""
        for name in list(self._pending):
            self._flush(self._streams[name])
        self._con.close()

    def _documents(self, page: Page, stream: Stream) -> pa.Table:
        """One row per record: document, whether it is known to be an object, where it came from."""
        rows = page.rows
        if isinstance(rows, JsonLines):
            origin = rows.origin if rows.origin.split(".")[0] in {stream.resource_type, stream.name} else "file"
            documents, trusted, first_line = rows.documents, False, rows.first_line
        elif isinstance(rows, pa.Table):
            self._con.register("arrow_page", rows)
            documents = self._con.execute("SELECT to_json(t)::VARCHAR AS d FROM arrow_page t").to_arrow_table()["d"]
            self._con.unregister("arrow_page")
            origin, trusted, first_line = "table", True, 1
        else:
            documents, origin, trusted, first_line = _to_json(rows, stream, self._source), "page", True, 1
        n = len(documents)
        return pa.table(
            {
                "doc": documents.cast(pa.string()) if isinstance(documents, pa.ChunkedArray) else documents,
                "trusted": pa.repeat(trusted, n),
                "locator": pa.repeat(origin, n),
                "line": pa.array(np.arange(first_line, first_line + n)),
            }
        )

    def _flush(self, stream: Stream) -> None:
        tables = self._pending.pop(stream.name, [])
        self._pending_rows[stream.name] = 0
        if not tables:
            return
        documents = pa.concat_tables(tables)
        documents = documents.append_column("seq", pa.array(np.arange(documents.num_rows)))
        self._con.register("page_documents", documents)
        try:
            self._process(
                stream,
                "(SELECT seq, doc, trusted, locator || ' line ' || line AS locator, "
                "NULL::VARCHAR AS parent_key, NULL::BIGINT AS parent_index FROM page_documents)",
            )
        finally:
            self._con.unregister("page_documents")

    def _process(self, stream: Stream, documents: str) -> None:
        """Type, hash and hand over the rows of one stream; then explode its children from the rows that were kept."""
        con, counts = self._con, self.counts[stream.name]
        typed = sql_name(f"typed_{stream.name}")
        try:
            con.execute(f"CREATE OR REPLACE TEMP TABLE parsed AS {self._parsed_sql(stream, documents)}")
            self._hash_references(stream)
            con.execute(f"CREATE OR REPLACE TEMP TABLE {typed} AS {self._typed_sql(stream)}")
        except duckdb.Error as error:
            # The engine's own text quotes values.
            raise DataError(
                f"source {self._source}, stream {stream.name}: the boundary could not read a page "
                f"({type(error).__name__}); check the declared paths"
            ) from None
        counts.read += _scalar(con, f"SELECT count(*) FROM {typed}")
        counts.out_of_scope.update(
            dict(_pairs(con, f"SELECT scope, count(*) FROM {typed} WHERE scope IS NOT NULL GROUP BY 1"))
        )
        self._count_undeclared(stream, typed)
        self._reject(stream, typed)
        names = ", ".join(sql_name(name) for name in raw_columns(stream))
        kept = con.execute(
            f"SELECT {names} FROM {typed} WHERE scope IS NULL AND faults IS NULL ORDER BY seq"
        ).to_arrow_table()
        if kept.num_rows:
            counts.kept += kept.num_rows
            self._sink("rows", stream.name, kept)
        for child in self._children.get(stream.name, ()):
            found = sql_name("c_" + child.name)
            elements = sql_name("elements_" + child.name)
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE {elements} AS SELECT row_number() OVER () AS seq, * FROM "
                f"(SELECT row_key AS parent_key, unnest({found}) AS doc, true AS trusted, NULL::VARCHAR AS locator, "
                f"unnest(range(1, len({found}) + 1)) AS parent_index FROM "
                f"(SELECT * FROM {typed} WHERE scope IS NULL AND faults IS NULL ORDER BY seq))"
            )
            self._process(child, elements)
            con.execute(f"DROP TABLE {elements}")
        con.execute(f"DROP TABLE {typed}")

    def _parsed_sql(self, stream: Stream, documents: str) -> str:
        """Every declared text, trimmed, null when empty."""
        paths: list[str] = []

        def text_of(path: str) -> str:
            plain = "$" if path == "$" else json_path(path)
            if plain is None:
                return text_expression(path, "doc")
            if plain not in paths:
                paths.append(plain)
            return f"v[{paths.index(plain) + 1}]"

        texts = {name: f"nullif(trim({text_of(column.path or name)}), '')" for name, column in stream.columns.items()}
        scope = self._scope_sql(stream, text_of)
        read = ", ".join(sql_literal(path) for path in paths)
        children = "".join(
            f", TRY(json_extract(doc, {sql_literal((json_path(child.explode or '') or '$') + '[*]')})) "
            f"AS {sql_name('c_' + child.name)}"
            for child in self._children.get(stream.name, ())
        )
        broken = (
            "CASE WHEN trusted THEN NULL WHEN v IS NULL THEN 'malformed_json' "
            "WHEN len(fields) = 0 AND json_type(doc) <> 'OBJECT' THEN 'not_an_object' END"
        )
        text_columns = ", ".join(f"{sql} AS {sql_name('t_' + name)}" for name, sql in texts.items())
        return (
            f"WITH d AS (SELECT *, TRY(json_extract_string(doc, [{read}])) AS v, TRY(json_keys(doc)) AS fields "
            f"FROM {documents}) SELECT seq, locator, parent_key, parent_index, {broken} AS broken, "
            f"CASE WHEN v IS NOT NULL THEN {scope} END AS scope, fields{children}, {text_columns} FROM d"
        )

    def _scope_sql(self, stream: Stream, text_of: Callable[[str], str]) -> str:
        cases = []
        if stream.resource_type is not None:
            found = text_of("resourceType")
            cases.append(
                f"WHEN {found} IS DISTINCT FROM {sql_literal(stream.resource_type)} THEN 'other_resource_type'"
            )
        if stream.keep is not None:
            values = ", ".join(sql_literal(value) for value in sorted(stream.keep.values))
            found = any_value_expression(stream.keep.path, "doc")
            cases.append(
                f"WHEN NOT coalesce(list_has_any({found}, [{values}]), false) THEN {sql_literal(stream.keep.reason)}"
            )
        return f"CASE {' '.join(cases)} END" if cases else "NULL::VARCHAR"

    def _messages(self, name: str, column: c.Column, text: str) -> dict[str, str]:
        """SQL of the messages to hash, by name of the resulting column."""
        source = sql_literal(self._source)
        match column:
            case c.Key():
                identity = f"regexp_replace({text}, '^urn:(uuid|oid):', '')"
                return {name: typing_sql.message(source, sql_literal(column.entity), identity)}
            case c.Ref():
                entity = sql_literal(column.entity)
                if column.by_type is not None:
                    kind = typing_sql.reference_type(text)
                    cases = " ".join(
                        f"WHEN {sql_literal(t)} THEN {sql_literal(e)}" for t, e in sorted(column.by_type.items())
                    )
                    entity = f"CASE {kind} {cases} WHEN '' THEN {entity} END"
                found = {name: typing_sql.message(source, entity, typing_sql.reference_id(text))}
                if column.match is not None:
                    cases = " ".join(
                        f"WHEN {sql_literal(s)} THEN {sql_literal(d)}" for s, d in sorted(column.match.items())
                    )
                    domain = f"CASE {typing_sql.conditional_part(text, 1)} {cases} END"
                    value = f"nullif({typing_sql.normalised(typing_sql.conditional_part(text, 2))}, '')"
                    found[f"{name}_match"] = typing_sql.message("'match'", domain, value)
                return found
            case c.MatchKey():
                return {name: typing_sql.message("'match'", sql_literal(column.domain), typing_sql.normalised(text))}
        return {}

    def _hash_references(self, stream: Stream) -> None:
        """Normalise and hash every distinct text of the stream's references and match keys once."""
        for name, column in stream.columns.items():
            if isinstance(column, c.Ref | c.MatchKey):
                hashes = ", ".join(
                    f"keyed_hash({message}) AS {sql_name(result)}"
                    for result, message in self._messages(name, column, "t").items()
                )
                self._con.execute(
                    f"CREATE OR REPLACE TEMP TABLE {sql_name('hash_' + name)} AS SELECT t, {hashes} FROM "
                    f"(SELECT DISTINCT {sql_name('t_' + name)} AS t FROM parsed WHERE scope IS NULL) WHERE t IS NOT NULL"
                )

    def _typed_sql(self, stream: Stream) -> str:
        values, reasons, joins = [], {}, []
        for name, column in stream.columns.items():
            if isinstance(column, c.Key):
                message = self._messages(name, column, f"p.{sql_name('t_' + name)}")[name]
                values.append(f"keyed_hash({message}) AS {sql_name(name)}")
            elif isinstance(column, c.Ref | c.MatchKey):
                table = sql_name("hash_" + name)
                joins.append(f"LEFT JOIN {table} ON {table}.t = p.{sql_name('t_' + name)}")
                values += [f"{table}.{sql_name(result)}" for result in self._messages(name, column, "t")]
        for name, column in stream.columns.items():
            text, value = sql_name("t_" + name), sql_name(name)
            required = column.required or isinstance(column, c.Key)
            if not isinstance(column, c.Key | c.Ref | c.MatchKey):
                typed = typing_sql.typed(column, f"p.{text}", default_tz=self._default_tz)
                values.append(f"{typed.value} AS {value}")
                reason = typing_sql.typed(column, text, default_tz=self._default_tz).reason
                absent = "'missing'" if required else "NULL"
                reasons[name] = (
                    f"CASE WHEN {value} IS NOT NULL THEN NULL WHEN {text} IS NULL THEN {absent} ELSE {reason} END"
                )
            elif required:
                reasons[name] = f"CASE WHEN {text} IS NULL THEN 'missing' END"
        carried = ["seq", "locator", "parent_key", "scope", "broken", "fields"]
        carried += [sql_name("c_" + child.name) for child in self._children.get(stream.name, ())]
        faulty = " OR ".join(f"({reason}) IS NOT NULL" for reason in reasons.values()) or "false"
        listed = ", ".join(f"{{'column_name': {sql_literal(n)}, 'reason': {r}}}" for n, r in reasons.items())
        row_key = "p.parent_key || '#' || p.parent_index" if stream.child_of is not None else sql_name(stream.key or "")
        texts = "".join(f", p.{sql_name('t_' + name)}" for name in reasons)
        hidden = f"EXCLUDE ({', '.join(sql_name('t_' + name) for name in reasons)})" if reasons else ""
        return (
            f"WITH valued AS (SELECT {', '.join('p.' + name for name in carried)}, {', '.join(values)}, "
            f"{row_key} AS row_key{texts} FROM parsed p {' '.join(joins)}) "
            f"SELECT * {hidden}, CASE WHEN broken IS NOT NULL THEN [{{'column_name': '', 'reason': broken}}] "
            f"WHEN scope IS NULL AND ({faulty}) "
            f"THEN list_filter([{listed}]::STRUCT(column_name VARCHAR, reason VARCHAR)[], "
            "lambda f: f.reason IS NOT NULL) END AS faults FROM valued"
        )

    def _reject(self, stream: Stream, typed: str) -> None:
        rejected = self._con.execute(
            "SELECT row_key, f.column_name, f.reason, locator FROM "
            f"(SELECT seq, row_key, locator, unnest(faults) AS f FROM {typed} WHERE scope IS NULL) "
            "ORDER BY seq, f.column_name"
        ).to_arrow_table()
        if rejected.num_rows:
            counts = self.counts[stream.name]
            counts.rejected_rows += _scalar(
                self._con, f"SELECT count(*) FROM {typed} WHERE scope IS NULL AND faults IS NOT NULL"
            )
            columns, reasons = rejected["column_name"].to_pylist(), rejected["reason"].to_pylist()
            counts.rejected.update((str(column), str(reason)) for column, reason in zip(columns, reasons, strict=True))
            self._sink("rejected", stream.name, rejected)

    def _count_undeclared(self, stream: Stream, typed: str) -> None:
        declared = {first_field(column.path or name) for name, column in stream.columns.items() if column.path != "$"}
        declared |= {first_field(child.explode or "") for child in self._children.get(stream.name, ())}
        if stream.keep is not None:
            declared.add(first_field(stream.keep.path))
        if stream.resource_type is not None:
            declared.add("resourceType")
        known = ", ".join(sql_literal(name) for name in sorted(declared)) or "''"
        found = _pairs(
            self._con,
            f"SELECT name, count(*) FROM (SELECT unnest(fields) AS name FROM {typed} WHERE scope IS NULL) "
            f"WHERE name NOT IN ({known}) GROUP BY 1",
        )
        undeclared = self.counts[stream.name].undeclared
        for name, count in found:
            undeclared[name if _FIELD_NAME.fullmatch(name) else "(unprintable name)"] += count

    def _delete(self, stream: Stream, ids: Iterable[str]) -> None:
        column = stream.columns[stream.key or ""]
        self._con.register("page_ids", pa.table({"id": pa.array([str(i) for i in ids], pa.string())}))
        message = self._messages(stream.key or "", column, "id")[stream.key or ""]
        deleted = self._con.execute(
            f"SELECT DISTINCT keyed_hash({message}) AS row_key FROM page_ids ORDER BY 1"
        ).to_arrow_table()
        self._con.unregister("page_ids")
        self.counts[stream.name].deleted += deleted.num_rows
        self._sink("deleted", stream.name, deleted)


def raw_columns(stream: Stream) -> dict[str, str]:
    """SQL type by name of the columns a stream's rows land with, landing's own version columns left out."""
    found = {"row_key": "VARCHAR"}
    if stream.child_of is not None:
        found["parent_key"] = "VARCHAR"
    for name, column in stream.columns.items():
        found[name] = c.SQL_TYPES[type(column)]
        if isinstance(column, c.Ref) and column.match is not None:
            found[f"{name}_match"] = "VARCHAR"
    return found


def _to_json(rows: Sequence[Mapping[str, Any]], stream: Stream, source: str) -> pa.Array[Any]:
    try:
        return pa.array([orjson.dumps(row, option=orjson.OPT_NON_STR_KEYS) for row in rows], pa.string())
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise PluginError(
            connector=source,
            reason=f"a page of stream {stream.name} holds rows that are no JSON ({type(error).__name__})",
            fix="yield dicts of text, numbers, booleans, dates, lists and dicts",
        ) from None


def _scalar(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _pairs(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[str, int]]:
    return [(str(name), int(count)) for name, count in con.execute(sql).fetchall()]
