"""The streams a mapping file declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pacekeeper import columns as c
from pacekeeper.stream import Stream
from pacekeeper_connectors.tabular.mapping_file import KEY_COLUMN, ColumnSpec, ColumnType, MappingFile, StreamSpec

_MAKERS: Mapping[ColumnType, Callable[[ColumnSpec], c.Column]] = {
    "key": lambda s: c.Key(s.entity or "", description=s.description),
    "ref": lambda s: c.Ref(s.entity or "", required=s.required, description=s.description, source=s.source),
    "match": lambda s: c.MatchKey(s.domain or "", required=s.required, description=s.description),
    "code": lambda s: c.Code(required=s.required, description=s.description, max_length=s.max_length),
    "date": lambda s: c.Date(required=s.required, description=s.description),
    "instant": lambda s: c.Instant(required=s.required, description=s.description),
    "decimal": lambda s: c.Decimal(required=s.required, description=s.description),
    "integer": lambda s: c.Integer(required=s.required, description=s.description),
    "boolean": lambda s: c.Boolean(required=s.required, description=s.description),
    "birth_year": lambda s: c.BirthYear(required=s.required, description=s.description),
    "area": lambda s: c.Area(required=s.required, description=s.description),
    "time": lambda s: c.LocalTime(required=s.required, description=s.description),
    "money": lambda s: c.Decimal(required=s.required, description=s.description),
    "hours": lambda s: c.Decimal(required=s.required, description=s.description),
}


def streams_of(found: MappingFile) -> tuple[Stream, ...]:
    """One stream per `[streams.<name>]`; files are always read whole, so that a row they lack was deleted."""
    return tuple(
        Stream(
            name,
            _columns(name, stream),
            deletes="key_diff",
            description=stream.description or f"files {stream.files}",
        )
        for name, stream in found.streams.items()
    )


def _columns(name: str, stream: StreamSpec) -> dict[str, c.Column]:
    """The declared columns. A key of several columns is one of its own, an identifier that only this stream has."""
    declared = {column: _MAKERS[spec.type](spec) for column, spec in stream.columns.items()}
    if not stream.key:
        return declared
    return {KEY_COLUMN: c.Key(name, description=f"{' and '.join(stream.key)} together."), **declared}
