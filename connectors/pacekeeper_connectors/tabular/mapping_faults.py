"""What in a mapping file contradicts itself or the contract, in words that name the place and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import columns as contract_columns
from pacekeeper_connectors.tabular.mapping_file import (
    KEY_COLUMN,
    EntitySpec,
    MappingFile,
    PeriodSpec,
    StreamSpec,
    ValueSpec,
)

_NAME = re.compile(r"[a-z](?:[a-z0-9_]{0,61}[a-z0-9])?")


def contradictions(found: MappingFile) -> Iterator[str]:
    """Every fault of the file."""
    for name, stream in found.streams.items():
        yield from _stream_faults(name, stream)
    for number, mapping in enumerate(found.map, 1):
        place = f"[[map]] number {number} ({mapping.entity} of {mapping.of})"
        for fault in _mapping_faults(found, mapping):
            yield f"{place}: {fault}"


def _stream_faults(name: str, stream: StreamSpec) -> Iterator[str]:
    place = f"[streams.{name}]"
    if not _NAME.fullmatch(name):
        yield f"{place}: a stream's name should be lower_snake_case"
    keys = [column for column, spec in stream.columns.items() if spec.type == "key"]
    if stream.key:
        yield from _key_faults(place, stream, has_key_column=bool(keys))
    elif len(keys) != 1:
        yield f'{place}: exactly one column should have type = "key", found {len(keys)}'
    for column, spec in stream.columns.items():
        where = f"{column} in [streams.{name}.columns]"
        if not _NAME.fullmatch(column):
            yield f"{where}: a column's name should be lower_snake_case"
        if spec.type in {"key", "ref"} and spec.entity is None:
            yield f'{where}: type = "{spec.type}" needs entity, for example entity = "clinician"'
        if spec.source is not None and spec.type != "ref":
            yield f'{where}: source is for type = "ref"'
        if spec.type == "match" and spec.domain is None:
            yield f'{where}: type = "match" needs domain, for example domain = "npi"'
        if spec.tz_column is not None and spec.tz_column not in _headers_of(stream):
            yield f"{where}: tz_column {spec.tz_column!r} should be one of the stream's columns or headers"
        if (spec.tz or spec.tz_column or spec.time_column) and spec.type != "instant":
            yield f'{where}: tz, tz_column and time_column are for type = "instant"'
        if spec.words and spec.type != "code":
            yield f'{where}: words is for type = "code"'
        if spec.optional and (spec.required or spec.type == "key" or column in stream.key):
            yield f"{where}: a column that is required, or of the key, is not optional"
        if spec.format and spec.type not in {"date", "instant"}:
            yield f'{where}: format is for type = "date" and type = "instant"'

    if stream.period is not None:
        yield from _period_faults(f"{place[:-1]}.period]", stream, stream.period)


def _period_faults(place: str, stream: StreamSpec, period: PeriodSpec) -> Iterator[str]:
    if (period.file_name is None) == (period.column is None):
        yield f"{place} should have exactly one of file_name and column"
    if period.file_name is not None:
        try:
            groups = set(re.compile(period.file_name).groupindex)
        except re.error as error:
            yield f"file_name in {place} is no regular expression: {error.msg}"
        else:
            if groups not in ({"from", "to"}, {"month"}):
                yield f"file_name in {place} should have the groups (?P<from>...) and (?P<to>...), or (?P<month>...)"
    if period.column is not None:
        column = stream.columns.get(period.column)
        if column is None or column.type not in {"date", "instant"}:
            dated = [name for name, spec in stream.columns.items() if spec.type in {"date", "instant"}]
            yield f"column in {place} should be {nearest(period.column, dated)}"


def _key_faults(place: str, stream: StreamSpec, *, has_key_column: bool) -> Iterator[str]:
    if has_key_column:
        yield f'{place}: a stream should have either key or a column with type = "key"'
    if len(set(stream.key)) < 2:
        yield f'{place}: key should name at least two columns; for one, give that column type = "key"'
    for column in stream.key:
        if column not in stream.columns:
            yield f"{place}: key names {column!r}; it should be {nearest(column, list(stream.columns))}"
    if KEY_COLUMN in stream.columns:
        yield f"{KEY_COLUMN} in {place} is the name of the key; call the column something else"


def _headers_of(stream: StreamSpec) -> set[str]:
    return set(stream.columns) | {header for spec in stream.columns.values() for header in spec.headers}


def _mapping_faults(found: MappingFile, mapping: EntitySpec) -> Iterator[str]:
    entity = ENTITIES.get(mapping.entity)
    if entity is None or entity.derived:
        yield f"entity should be {nearest(mapping.entity, [n for n, e in ENTITIES.items() if not e.derived])}"
        return
    stream = found.streams.get(mapping.of)
    if stream is None:
        yield f"of should be {nearest(mapping.of, list(found.streams))}"
        return
    yield from _survey_faults(mapping, stream)
    for name in mapping.only:
        if name not in stream.columns:
            yield f"only names {name!r}; it should be {nearest(name, list(stream.columns))}"
    if mapping.unless_in is not None and mapping.unless_in not in found.streams:
        yield f"unless_in should be {nearest(mapping.unless_in, list(found.streams))}"
    elif mapping.unless_in is not None and found.streams[mapping.unless_in].record_column is None:
        yield f"unless_in names {mapping.unless_in}, whose key should hold a reference to the clinician"
    for name in mapping.wanted:
        if name not in mapping.columns:
            yield f"wanted names {name!r}; it should be {nearest(name, list(mapping.columns))}"
    if mapping.newest_by is not None and mapping.newest_by not in stream.columns:
        yield f"newest_by should be {nearest(mapping.newest_by, list(stream.columns))}"
    if mapping.newest_by is not None and not mapping.once:
        yield "newest_by is for once = true"
    known = {column.name: column for column in contract_columns(entity)}
    for name in mapping.skip_without:
        if name not in mapping.columns:
            yield f"skip_without names {name!r}, which should be one of its columns"
    for column in known.values():
        if not column.nullable and column.name not in {*mapping.columns, "source", "practice_key"}:
            yield f"column {column.name} is missing; {mapping.entity} needs it ({column.description})"
    for name, spec in mapping.columns.items():
        if name not in known:
            yield f"column {name!r} should be {nearest(name, list(known))}"
            continue
        sources = (spec.column is not None, bool(spec.first_of), bool(spec.joined), spec.value is not None)
        if sum(sources) != 1:
            yield f"column {name} should have exactly one of column, first_of, joined and value"
        for raw in (*spec.names, *spec.others):
            if raw not in stream.readable:
                yield f"column {name} reads {raw!r}; it should be {nearest(raw, list(stream.readable))}"
        if spec.earliest and (spec.map is not None or not spec.names or not mapping.once):
            yield f"column {name}: earliest is for a column without map, in a mapping with once = true"
        yield from _shape_faults(name, spec)
        vocabulary = known[name].vocabulary
        if spec.map is not None and spec.map not in found.value_maps:
            yield f"column {name} uses map {spec.map!r}; it should be {nearest(spec.map, list(found.value_maps))}"
        elif vocabulary is not None:
            given = list(found.value_maps[spec.map].values()) if spec.map is not None else []
            given += [str(v) for v in (spec.value, spec.default, spec.ahead and spec.ahead.value) if v is not None]
            given += spec.confirm
            for value in sorted(set(given) - set(vocabulary)):
                yield f"column {name} would hold {value!r}; it should be {nearest(value, list(vocabulary))}"


def _shape_faults(name: str, spec: ValueSpec) -> Iterator[str]:
    """What goes together in a canonical column."""
    if spec.joined and spec.map is None:
        yield f"column {name}: joined needs map"
    if spec.confirm and spec.map is None:
        yield f"column {name}: confirm is for a column with map"
    if spec.ahead is not None and not spec.confirm:
        yield f"column {name}: ahead is for a column with confirm"
    if (spec.times is not None or spec.cents or spec.plus_minutes or spec.negate) and (
        spec.map is not None or not spec.names
    ):
        yield f"column {name}: times, cents, negate and plus_minutes are for a number or an instant, without map"


def _survey_faults(mapping: EntitySpec, stream: StreamSpec) -> Iterator[str]:
    """Answers of staff are anonymous: their raw rows hold no reference to a clinician, and no shared identifier."""
    if not mapping.entity.startswith("staff_survey"):
        return
    for name, column in stream.columns.items():
        if column.type == "match" or (column.type in {"ref", "key"} and column.entity == "clinician"):
            yield f"{mapping.entity} is anonymous: take column {name} out of [streams.{mapping.of}.columns]"


def nearest(given: str, known: list[str]) -> str:
    """What a name should be, for an error's text."""
    close = difflib.get_close_matches(given, known, n=1)
    hint = f"{close[0]!r}, or another " if close else ""
    return f"{hint}one of {', '.join(sorted(known)) or 'none: there are none'}"
