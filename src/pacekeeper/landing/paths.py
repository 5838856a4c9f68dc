"""Column paths as DuckDB expressions over a JSON document. The grammar is in `pacekeeper.columns`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from pacekeeper.errors import ConfigError
from pacekeeper.sql_text import sql_literal, sql_name

_SEGMENT = re.compile(r"(?P<name>[^.\[\]]+)(?:\[(?:(?P<index>\d+|\*)|(?P<field>[^=\]]+)=(?P<value>[^\]]*))\])?")
_TEXT = "VARCHAR"
#: Index of `[*]`: every element of a list.
_EVERY = -1


@dataclass(frozen=True)
class _Segment:
    name: str
    index: int | None
    field: str | None
    value: str | None


def first_field(path: str) -> str:
    """The top-level field a path reads."""
    return _parse(path)[0].name


def json_path(path: str) -> str | None:
    """The plain JSON path, or null where a filter makes it more than that."""
    segments = _parse(path)
    if any(s.field is not None for s in segments):
        return None
    return "$" + "".join(f'."{s.name}"' + _position(s) for s in segments)


def _position(segment: _Segment) -> str:
    if segment.index is None:
        return ""
    return "[*]" if segment.index == _EVERY else f"[{segment.index}]"


class Shape:
    """The fields that declared paths read, so that one pass over a document takes them all.

    `structure` is what DuckDB's `from_json` is told; `text` and `texts` are SQL over the STRUCT it returns (column
    `record`). A path that contradicts an earlier one (`a` beside `a.b`, or `a` beside `A`, which SQL cannot tell apart)
    is read from the JSON text itself (column `document`).
    """

    def __init__(self, *, record: str, document: str) -> None:
        self._record = record
        self._document = document
        self._fields: dict[str, Any] = {}
        self._reads_document = False

    @property
    def structure(self) -> str | None:
        """Structure for `from_json`; null where no path needs it."""
        return json.dumps(self._fields) if self._fields else None

    def text(self, path: str) -> str:
        """SQL for the text at a path; null where nothing is there. `$` is the document itself."""
        if path == "$":
            self._reads_document = True
            return f"json_extract_string({self._document}, '$')"
        segments = _parse(path)
        if any(segment.index == _EVERY for segment in segments):
            raise ConfigError(f"column path {path!r}: [*] is for RefSet columns")
        if not self._take(segments):
            self._reads_document = True
            return _json_text(segments, self._document)
        expression = self._record
        for segment in segments:
            expression = _step(expression, segment)
        return expression

    def every_text(self, path: str) -> str:
        """SQL for the list of texts at a path with one `[*]`."""
        segments = _parse(path)
        at = next((n for n, segment in enumerate(segments) if segment.index == _EVERY), None)
        if at is None:
            raise ConfigError(f"column path {path!r} needs a [*] that names its list")
        if not self._take(segments):
            self._reads_document = True
            return f"json_extract_string({self._document}, {sql_literal(json_path(path) or '$')})"
        elements = self._record
        for segment in segments[:at]:
            elements = _step(elements, segment)
        inner = "x"
        for segment in segments[at + 1 :]:
            inner = _step(inner, segment)
        return f"list_transform({elements}.{sql_name(segments[at].name)}, lambda x: {inner})"

    def texts(self, path: str) -> str:
        """SQL for the list of texts at a path, in which one filter may choose several elements (for `Keep`)."""
        segments = _parse(path)
        at = next((n for n, segment in enumerate(segments) if segment.field is not None), None)
        if at is None or not self._take(segments):
            return f"[{self.text(path)}]"
        expression = self._record
        for segment in segments[:at]:
            expression = _step(expression, segment)
        inner = "x"
        for segment in segments[at + 1 :]:
            inner = _step(inner, segment)
        return f"list_transform({_chosen(expression, segments[at])}, lambda x: {inner})"

    def elements(self, path: str, element: Shape) -> str | None:
        """SQL for the list at a plain path, of which every element is a STRUCT of another shape's fields.

        Null where that cannot be: the other shape reads the JSON text, or contradicts what this one reads there.
        """
        segments = _parse(path)
        if element._reads_document or not element._fields or segments[-1].index is not None:
            return None
        if any(segment.field is not None for segment in segments):
            return None
        wanted: Any = [element._fields]
        for segment in reversed(segments):
            wanted = {segment.name: wanted if segment.index is None else [wanted]}
        merged = _merged(self._fields, wanted)
        if merged is None:
            return None
        self._fields = merged
        expression = self._record
        for segment in segments:
            expression = _step(expression, segment)
        return expression

    def _take(self, segments: list[_Segment]) -> bool:
        """Add a path's fields; false, and nothing is added, where they contradict what is there."""
        wanted = _fields_of(segments)
        merged = None if wanted is None else _merged(self._fields, wanted)
        if merged is None:
            return False
        self._fields = merged
        return True


def _parse(path: str) -> list[_Segment]:
    segments, position = [], 0
    while position < len(path):
        found = _SEGMENT.match(path, position)
        if found is None:
            raise ConfigError(f"column path {path!r} cannot be read at position {position}; see pacekeeper.columns")
        index = found["index"]
        place = None if index is None else _EVERY if index == "*" else int(index)
        segments.append(_Segment(found["name"], place, found["field"], found["value"]))
        position = found.end()
        if position < len(path):
            if path[position] != ".":
                raise ConfigError(f"column path {path!r} needs a dot at position {position}")
            position += 1
    if not segments:
        raise ConfigError("a column path is empty")
    return segments


def _step(expression: str, segment: _Segment) -> str:
    """SQL for one step of a path into a STRUCT."""
    if segment.field is not None:
        return f"({_chosen(expression, segment)}[1])"
    position = "" if segment.index is None else f"[{segment.index + 1}]"
    return f"{expression}.{sql_name(segment.name)}{position}"


def _chosen(expression: str, segment: _Segment) -> str:
    """SQL for the elements that a segment's filter chooses."""
    field = ".".join(sql_name(part) for part in (segment.field or "").split("."))
    elements = f"{expression}.{sql_name(segment.name)}"
    return f"list_filter({elements}, lambda x: x.{field} = {sql_literal(segment.value or '')})"


def _fields_of(segments: list[_Segment]) -> dict[str, Any] | None:
    """Nested fields of one path, as `from_json` wants them; null for a path that ends at a filtered element."""
    inner: Any = _TEXT
    for segment in reversed(segments):
        if segment.field is not None:
            chosen_by: Any = _TEXT
            for part in reversed(segment.field.split(".")):
                chosen_by = {part: chosen_by}
            inner = _merged(inner, chosen_by)
            if inner is None:
                return None
        inner = {segment.name: inner if segment.index is None and segment.field is None else [inner]}
    return dict(inner)


def _merged(one: Any, other: Any) -> Any:
    """Two nested fields as one; null where they contradict each other."""
    if isinstance(one, list) and isinstance(other, list):
        element = _merged(one[0], other[0])
        return None if element is None else [element]
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one if one == other else None
    result = dict(one)
    for name, wanted in other.items():
        if name in result:
            result[name] = _merged(result[name], wanted)
            if result[name] is None:
                return None
        elif name.lower() in {known.lower() for known in result}:
            return None
        else:
            result[name] = wanted
    return result


def _json_text(segments: list[_Segment], document: str) -> str:
    """SQL for the text at a path, from the JSON text."""
    expression = document
    pending = "$"
    for segment in segments:
        pending += f'."{segment.name}"'
        if segment.index is not None:
            pending += f"[{segment.index}]"
        elif segment.field is not None:
            elements = f"json_extract({expression}, {sql_literal(pending + '[*]')})"
            field = sql_literal("$." + ".".join(f'"{part}"' for part in segment.field.split(".")))
            value = sql_literal(segment.value or "")
            expression = f"list_filter({elements}, lambda x: json_extract_string(x, {field}) = {value})[1]"
            pending = "$"
    return (
        f"json_extract_string({expression}, {sql_literal(pending)})" if pending != "$" else f"({expression})::VARCHAR"
    )
