"""The SQL by which the documents of one stream become typed rows.

Three steps, each over a table of the step before: `parse` reads every declared text out of the JSON documents,
`hash_tables` hashes every distinct text of a reference once, `type_rows` types, joins the hashes and finds the faults.
Names with a leading underscore are ours; a declared column cannot have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pacekeeper import columns as c
from pacekeeper.errors import PluginError
from pacekeeper.landing import typing_sql
from pacekeeper.landing.identity_sql import messages
from pacekeeper.landing.paths import Shape, first_field, json_path
from pacekeeper.sql_text import sql_literal, sql_name
from pacekeeper.stream import Stream

#: Columns landing adds before a row has versions.
IDENTITY = ("row_key", "parent_key")
#: The records of a part: _seq, their position in the read; doc, the JSON text; _origin and _line, where they were.
DOCUMENTS = "_documents"
PARSED = "_parsed"


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


def version_id(predecessor: str, content_hash: str) -> str:
    """SQL for the identity of a version: its record, the version before it (null for the first), its content."""
    return f"md5(concat_ws(chr(31), row_key, coalesce({predecessor}, ''), {content_hash}))"


@dataclass(frozen=True)
class _Reading:
    """What one pass over a record's document takes.

    texts: SQL by name. scope: SQL for why it is out of scope. nested: SQL for the elements of the child streams that
    are read in the same pass; others are handed on as JSON texts.
    """

    shape: Shape
    structure: str | None
    texts: Mapping[str, str]
    scope: str
    nested: Mapping[str, str]


@dataclass(frozen=True)
class StreamSql:
    """What is declared about one stream, as SQL. children: the streams exploded from its records.

    is_fhir: its records are FHIR resources, or elements of them.
    """

    stream: Stream
    children: Sequence[StreamSql]
    source: str
    default_tz: str | None
    is_fhir: bool = False

    @property
    def typed(self) -> str:
        """Name of the table `type_rows` fills."""
        return sql_name(f"_typed_{self.stream.name}")

    @property
    def landed(self) -> str:
        """Columns of a typed row that land."""
        return ", ".join(sql_name(name) for name in raw_columns(self.stream))

    @property
    def kept(self) -> str:
        """SQL of the rows that land, with content_hash and the version_id of a record's first version."""
        return (
            f"SELECT {self.landed}, {self._content_hash()} AS content_hash, "
            f"{version_id('NULL', 'content_hash')} AS version_id "
            f"FROM {self.typed} WHERE _scope IS NULL AND _faults IS NULL"
        )

    @property
    def identities(self) -> str:
        """SQL of the records in scope of a stream that is no child: row_key, and the id that the source has for it."""
        return (
            f"SELECT t.row_key, p.{self._text_of(self.stream.key or '')} AS identity "
            f"FROM {self.typed} t JOIN {PARSED} p USING (_seq) WHERE t._scope IS NULL"
        )

    @property
    def rejected(self) -> str:
        """SQL of what is wrong with the rows that do not land: no values, one row per fault, in the order read."""
        is_record = self.stream.child_of is None
        locator = "d._origin || ' line ' || d._line" if is_record else "NULL::VARCHAR"
        return (
            f"SELECT row_key, f.column_name, f.reason, {locator} AS locator FROM "
            f"(SELECT _seq, row_key, unnest(_faults) AS f FROM {self.typed} WHERE _scope IS NULL) r "
            f"{f'JOIN {DOCUMENTS} d ON d._seq = r._seq ' if is_record else ''}"
            "ORDER BY r._seq, row_key, f.column_name"
        )

    @property
    def superseded(self) -> str:
        """SQL that removes kept rows of which the same part holds a later one."""
        same = "o.row_key = t.row_key AND o._scope IS NULL AND o._faults IS NULL"
        return (
            f"DELETE FROM {self.typed} t WHERE _scope IS NULL AND _faults IS NULL "
            f"AND _seq < (SELECT max(o._seq) FROM {self.typed} o WHERE {same})"
        )

    def _content_hash(self) -> str:
        """SQL for the hash by which two contents of a record are compared; the cursor alone makes no new content."""
        cells = []
        for name, kind in raw_columns(self.stream).items():
            if name in IDENTITY or name in {self.stream.cursor, self.stream.key}:
                continue
            # Formatting an instant takes ten times as long as formatting the number it is stored as.
            value = f"epoch_us({sql_name(name)})" if kind == "TIMESTAMPTZ" else sql_name(name)
            # Names are hashed with the values and nulls are skipped: a column added later changes no old hash.
            cells.append(f"'{name}=' || {value}::VARCHAR")
        return f"md5(concat_ws(chr(31), {', '.join(cells)}))" if cells else "md5('')"

    @property
    def undeclared(self) -> str:
        """SQL for the names of fields that nothing declared reads, and in how many records in scope each is."""
        declared = ", ".join(sql_literal(name) for name in sorted(self._declared_fields())) or "''"
        return (
            "SELECT name, sum(records) FROM "
            "(SELECT unnest(string_split(_fields, chr(31))) AS name, count(*) AS records "
            f"FROM {PARSED} WHERE _scope IS NULL AND _fields <> '' GROUP BY _fields) "
            f"WHERE name NOT IN ({declared}) GROUP BY name ORDER BY 2 DESC, 1"
        )

    def _declared_fields(self) -> set[str]:
        """Top-level fields of a record that something declared reads."""
        stream = self.stream
        found = {first_field(path) for path in self._paths().values() if path != "$"}
        found |= {first_field(child.stream.explode or "") for child in self.children}
        found |= {first_field(stream.keep.path)} if stream.keep is not None else set()
        found |= {first_field(drop.path) for drop in stream.drop}
        return found | ({"resourceType"} if stream.resource_type is not None else set())

    def parse(self, records: str | None = None) -> str:
        """Fill `_parsed`: every declared text, trimmed, null when empty, one row per record.

        records: what `explode` returns; null for the documents of a top-level stream.
        _broken: why a document is no record. _scope: why it is out of scope. _fields: its top-level field names,
        joined, because a list of them costs as much as everything else.
        _c_<child>: elements for the child streams. _t_<column>: texts; columns with the same path share one.
        """
        reading = self._reading()
        texts = "".join(f", {text} AS {name}" for name, text in reading.texts.items())
        trimmed = "".join(f", {_trimmed(name)} AS {name}" for name in reading.texts)
        elements = "".join(f", {sql} AS {name}" for child in self.children for name, sql in self._found(child).items())
        broken = (
            "CASE WHEN _fields IS NULL THEN 'malformed_json' "
            "WHEN _fields = '' AND TRY(json_type(doc)) <> 'OBJECT' THEN 'not_an_object' END"
            if self.stream.child_of is None
            else "NULL::VARCHAR"
        )
        place = "" if self.stream.child_of is None else ", _parent_key, _index"
        return (
            f"CREATE OR REPLACE TEMP TABLE {PARSED} AS "
            f"WITH _r AS (SELECT *{texts} FROM {records or self._records(DOCUMENTS)}) "
            f"SELECT _seq{place}, {broken} AS _broken, "
            f"CASE WHEN _broken IS NULL THEN {reading.scope} END AS _scope, _fields{elements}{trimmed} FROM _r"
        )

    def _records(self, documents: str) -> str:
        """Documents with `v`, the declared fields of each, and `_fields`, as a relation."""
        structure = self._reading().structure
        record = f"TRY(from_json(doc, {sql_literal(structure)}))" if structure else "NULL"
        fields = "array_to_string(TRY(json_keys(doc)), chr(31))"
        return f"(SELECT *, {record} AS v, {fields} AS _fields FROM {documents})"

    def _reading(self) -> _Reading:
        shape = Shape(record="v", document="doc")
        texts = {
            self._text(name): self._read(shape, name, path)
            for name, path in self._paths().items()
            if self._first_with(path) == name
        }
        scope = self._scope(shape)
        nested = {}
        if self.stream.child_of is None:
            for child in self.children:
                found = None if child.children else shape.elements(child.stream.explode or "", child._reading().shape)
                if found is not None:
                    nested[child.stream.name] = found
        return _Reading(shape, shape.structure, texts, scope, nested)

    def _read(self, shape: Shape, name: str, path: str) -> str:
        """SQL for a column's text; of a RefSet, the references of its types in one text."""
        column = self.stream.columns[name]
        if not isinstance(column, c.RefSet):
            return shape.text(path)
        types = sorted(column.by_type or ())
        # Asked first, because it is cheap and mostly false.
        may_be = " OR ".join([*(f"contains(r, '{name}/')" for name in types), "starts_with(r, 'urn:')"])
        wanted = f"lambda r: ({may_be}) AND regexp_matches(r, '(^|/)({'|'.join(types)})/|^urn:')"
        return f"array_to_string(list_filter({shape.every_text(path)}, {wanted}), chr(30))"

    def _found(self, child: StreamSql) -> dict[str, str]:
        """SQL for the elements of a child stream, by column: JSON texts; or STRUCTs, and the field names of each."""
        path = self._explode(child.stream) + "[*]"
        nested = self._reading().nested.get(child.stream.name)
        if nested is None:
            return {_elements(child): f"TRY(json_extract(doc, {sql_literal(path)}))"}
        return {_elements(child): nested, _element_fields(child): f"TRY(json_keys(doc, {sql_literal(path)}))"}

    def hash_tables(self) -> Iterator[str]:
        """Fill one table per text that references share: the text and the hash of every column that reads it."""
        for text, names in self._hashed_texts().items():
            hashes = ", ".join(
                f"keyed_hash({message}) AS {sql_name(result)}"
                for name in names
                for result, message in self._messages(name, "t").items()
            )
            yield (
                f"CREATE OR REPLACE TEMP TABLE {_hash_table(text)} AS SELECT t, {hashes} FROM "
                f"(SELECT DISTINCT {text} AS t FROM {PARSED} WHERE _scope IS NULL) WHERE t IS NOT NULL"
            )

    def type_rows(self) -> str:
        """Fill `typed`: the columns that land, with _seq, _scope, _c_<child>, and _faults.

        _faults: null, or a list of (column_name, reason); a document that is no record has one without column.
        """
        stream = self.stream
        hashed = self._hashed_texts()
        values = [
            f"{_hash_table(text)}.{sql_name(result)}"
            for text, names in hashed.items()
            for name in names
            for result in self._messages(name, "t")
        ]
        for name, column in stream.columns.items():
            text = f"p.{self._text_of(name)}"
            if isinstance(column, c.Key):
                values.append(f"keyed_hash({self._messages(name, text)[name]}) AS {sql_name(name)}")
            elif not isinstance(column, c.Ref | c.MatchKey):
                value = typing_sql.typed(column, text, default_tz=self.default_tz).value
                values.append(f"{value} AS {sql_name(name)}")
        is_child = stream.child_of is not None
        row_key = "p._parent_key || '#' || p._index" if is_child else sql_name(stream.key or "")
        found = [name for child in self.children for name in self._found(child)]
        carried = ["_seq", "_scope", "_broken", *found]
        carried += sorted({self._text_of(name) for name in stream.columns})
        joins = " ".join(f"LEFT JOIN {_hash_table(text)} ON {_hash_table(text)}.t = p.{text}" for text in hashed)
        kept = ", ".join(["_scope", *found])
        read = ", ".join([*(f"p.{name}" for name in carried), *values, f"{row_key} AS row_key"])
        read += ", p._parent_key AS parent_key" if is_child else ""
        return (
            f"CREATE OR REPLACE TEMP TABLE {self.typed} AS "
            f"WITH _valued AS (SELECT {read} FROM {PARSED} p {joins}) "
            f"SELECT _seq, {self.landed}, {kept}, {self._faults()} AS _faults FROM _valued"
        )

    def explode(self, child: StreamSql) -> str:
        """The elements of a child stream, from the rows that are kept, as a relation that its `parse` reads."""
        found = _elements(child)
        place = f"_seq, row_key AS _parent_key, unnest(range(1, len({found}) + 1)) AS _index"
        kept = f"FROM {self.typed} WHERE _scope IS NULL AND _faults IS NULL"
        if len(self._found(child)) == 1:
            return child._records(f"(SELECT {place}, unnest({found}) AS doc {kept})")
        elements = f"(SELECT {place}, unnest({found}) AS v, unnest({_element_fields(child)}) AS _names {kept})"
        return f"(SELECT *, array_to_string(_names, chr(31)) AS _fields FROM {elements})"

    def _faults(self) -> str:
        """SQL for the list of what is wrong with a row; null when nothing is."""
        reasons = {}
        for name, column in self.stream.columns.items():
            text = self._text_of(name)
            is_required = column.required or isinstance(column, c.Key)
            if isinstance(column, c.Key | c.Ref | c.MatchKey):
                if is_required:
                    reasons[name] = f"CASE WHEN {text} IS NULL THEN 'missing' END"
                continue
            reason = typing_sql.typed(column, text, default_tz=self.default_tz).reason
            absent = "'missing'" if is_required else "NULL"
            reasons[name] = (
                f"CASE WHEN {sql_name(name)} IS NOT NULL THEN NULL WHEN {text} IS NULL THEN {absent} ELSE {reason} END"
            )
        # Asked first, because it is cheap and nearly always true that nothing is wrong.
        is_faulty = " OR ".join(f"({reason}) IS NOT NULL" for reason in reasons.values()) or "false"
        listed = ", ".join(f"{{'column_name': {sql_literal(n)}, 'reason': {r}}}" for n, r in reasons.items())
        faults = f"[{listed}]::STRUCT(column_name VARCHAR, reason VARCHAR)[]"
        return (
            "CASE WHEN _broken IS NOT NULL THEN [{'column_name': '', 'reason': _broken}] "
            f"WHEN _scope IS NULL AND ({is_faulty}) THEN "
            f"list_filter({faults}, lambda f: f.reason IS NOT NULL) END"
        )

    def _scope(self, shape: Shape) -> str:
        """SQL for the reason why a record is out of scope; null when it is in."""
        cases = []
        if self.stream.resource_type is not None:
            wanted = sql_literal(self.stream.resource_type)
            cases.append(f"WHEN {shape.text('resourceType')} IS DISTINCT FROM {wanted} THEN 'other_resource_type'")
        if self.stream.keep is not None:
            values = ", ".join(sql_literal(value) for value in sorted(self.stream.keep.values))
            found = shape.texts(self.stream.keep.path)
            reason = sql_literal(self.stream.keep.reason)
            cases.append(f"WHEN NOT coalesce(list_has_any({found}, [{values}]), false) THEN {reason}")
        for drop in self.stream.drop:
            values = ", ".join(sql_literal(value) for value in sorted(drop.values))
            cases.append(f"WHEN list_has_any({shape.texts(drop.path)}, [{values}]) THEN {sql_literal(drop.reason)}")
        return f"CASE {' '.join(cases)} END" if cases else "NULL::VARCHAR"

    def _messages(self, name: str, text: str) -> dict[str, str]:
        return messages(name, self.stream.columns[name], text, source=self.source, is_fhir=self.is_fhir)

    def _hashed_texts(self) -> dict[str, list[str]]:
        """Names of the columns that hold a hashed reference, by the text they read."""
        found: dict[str, list[str]] = {}
        for name, column in self.stream.columns.items():
            if isinstance(column, c.Ref | c.MatchKey):
                found.setdefault(self._text_of(name), []).append(name)
        return found

    def _paths(self) -> dict[str, str]:
        return {name: column.path or name for name, column in self.stream.columns.items()}

    def _first_with(self, path: str) -> str:
        return next(name for name, other in self._paths().items() if other == path)

    def _text_of(self, name: str) -> str:
        return self._text(self._first_with(self._paths()[name]))

    def _text(self, name: str) -> str:
        return sql_name(f"_t_{name}")

    def _explode(self, child: Stream) -> str:
        path = json_path(child.explode or "")
        if path is None:
            raise PluginError(
                connector=self.source,
                reason=f"stream {child.name} explodes {child.explode!r}, which has a filter",
                fix="explode the whole list, and scope the child stream by its columns",
            )
        return path


def _trimmed(text: str) -> str:
    """SQL for a text without blanks around it; null when nothing is left."""
    # Nearly every text begins and ends in a visible ASCII character; asking that costs a third of trimming it.
    is_trim = f"{text} >= '!' AND NOT ends_with({text}, ' ') AND strlen({text}) = length({text})"
    return f"CASE WHEN {is_trim} THEN {text} ELSE nullif(trim({text}), '') END"


def _elements(child: StreamSql) -> str:
    return sql_name(f"_c_{child.stream.name}")


def _element_fields(child: StreamSql) -> str:
    return sql_name(f"_f_{child.stream.name}")


def _hash_table(text: str) -> str:
    return sql_name("_hash" + text.strip('"'))
