"""Column paths as DuckDB expressions over a JSON document. The grammar is in `pacekeeper.columns`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pacekeeper.errors import ConfigError

_SEGMENT = re.compile(r"(?P<name>[^.\[\]]+)(?:\[(?:(?P<index>\d+)|(?P<field>[^=\]]+)=(?P<value>[^\]]*))\])?")


@dataclass(frozen=True)
class _Segment:
    name: str
    index: int | None
    field: str | None
    value: str | None


def sql_literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _parse(path: str) -> list[_Segment]:
    segments, position = [], 0
    while position < len(path):
        found = _SEGMENT.match(path, position)
        if found is None:
            raise ConfigError(f"column path {path!r} cannot be read at position {position}; see pacekeeper.columns")
        index = found["index"]
        segments.append(_Segment(found["name"], None if index is None else int(index), found["field"], found["value"]))
        position = found.end()
        if position < len(path):
            if path[position] != ".":
                raise ConfigError(f"column path {path!r} needs a dot at position {position}")
            position += 1
    if not segments:
        raise ConfigError("a column path is empty")
    return segments


def first_field(path: str) -> str:
    """The top-level field a path reads."""
    return _parse(path)[0].name


def json_path(path: str) -> str | None:
    """The plain JSON path, or null where a filter makes it more than that."""
    segments = _parse(path)
    if any(s.field is not None for s in segments):
        return None
    return "$" + "".join("." + '"' + s.name + '"' + (f"[{s.index}]" if s.index is not None else "") for s in segments)


def text_expression(path: str, document: str) -> str:
    """SQL for the text at a path that has filters; null where nothing is there."""
    expression = document
    pending = "$"
    for segment in _parse(path):
        pending += f'."{segment.name}"'
        if segment.index is not None:
            pending += f"[{segment.index}]"
        elif segment.field is not None:
            elements = f"json_extract({expression}, {sql_literal(pending + '[*]')})"
            field = sql_literal("$." + ".".join(f'"{part}"' for part in segment.field.split(".")))
            expression = (
                f"list_filter({elements}, lambda x: json_extract_string(x, {field}) = "
                f"{sql_literal(segment.value or '')})[1]"
            )
            pending = "$"
    return (
        f"json_extract_string({expression}, {sql_literal(pending)})" if pending != "$" else f"({expression})::VARCHAR"
    )


def any_value_expression(path: str, document: str) -> str:
    """SQL for the list of texts at a path, every list on the way taken whole (for `Keep`)."""
    segments = _parse(path)
    pending = "$"
    expression = document
    for position, segment in enumerate(segments):
        pending += f'."{segment.name}"'
        last = position == len(segments) - 1
        if segment.index is not None:
            pending += f"[{segment.index}]"
        elif segment.field is not None:
            elements = f"json_extract({expression}, {sql_literal(pending + '[*]')})"
            field = sql_literal("$." + ".".join(f'"{part}"' for part in segment.field.split(".")))
            rest = "$" + "".join(f'."{s.name}"' for s in segments[position + 1 :])
            chosen = (
                f"list_filter({elements}, lambda x: json_extract_string(x, {field}) = "
                f"{sql_literal(segment.value or '')})"
            )
            return f"list_transform({chosen}, lambda x: json_extract_string(x, {sql_literal(rest)}))"
        if last:
            return f"[json_extract_string({expression}, {sql_literal(pending)})]"
    raise ConfigError(f"keep path {path!r} cannot be read")
