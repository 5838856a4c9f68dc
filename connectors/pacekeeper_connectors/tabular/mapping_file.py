"""The mapping file: which CSV files there are, what their columns mean, and which entities they fill.

Its format is in docs/connectors/tabular.md. Everything that can be wrong with it is told at once, with file, section,
key and what would be right.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import columns as contract_columns
from pacekeeper.errors import ConfigError

#: A mapping for the files of the synthetic practice; a good one to start from.
EXAMPLE_FILE = Path(__file__).with_name("example_mapping.toml")

ColumnType = Literal[
    "key", "ref", "match", "code", "date", "instant", "decimal", "integer", "boolean", "birth_year", "area", "time"
]
_NAME = re.compile(r"[a-z](?:[a-z0-9_]{0,61}[a-z0-9])?")
#: Column that holds the identifier of a stream whose `key` is several columns.
KEY_COLUMN = "record_id"


def _known_zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("should be an IANA time zone such as America/New_York") from None
    return name


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ColumnSpec(_Section):
    """One column of a stream.

    headers: names it may have in the file, compared without regard to case, spaces, `_` and `-`; its own name counts.
    required: the file must have the column, and a row without a value is rejected.
    entity: for key and ref, the namespace of the identifier; domain: for match, npi, email or another shared one.
    format: strptime format of a date or instant that is not ISO 8601.
    tz_column, tz: for an instant without offset, the column with the row's IANA zone, and the zone where that is empty.
    """

    type: ColumnType
    headers: tuple[str, ...] = ()
    required: bool = False
    entity: str | None = None
    domain: str | None = None
    format: str | None = None
    tz_column: str | None = None
    tz: str | None = None
    max_length: Annotated[int, Field(ge=1, le=200)] = 64
    description: str = ""

    _zone = field_validator("tz")(_known_zone)


class StreamSpec(_Section):
    """One kind of file. files: glob below the folder; delimiter, encoding: null = found out.

    key: columns that only together identify a row, as column `record_id`; empty = one column has type = "key".
    """

    files: str
    key: tuple[str, ...] = ()
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str | None = None
    columns: dict[str, ColumnSpec]
    description: str = ""

    @property
    def readable(self) -> tuple[str, ...]:
        """Names of the columns that a mapping may read."""
        return (*((KEY_COLUMN,) if self.key else ()), *self.columns)

    @property
    def record_column(self) -> str | None:
        """The column with the identifier of the record a row is about: its key, or the reference in its key."""
        kind = "ref" if self.key else "key"
        return next((c for c in self.key or self.columns if c in self.columns and self.columns[c].type == kind), None)


class ValueSpec(_Section):
    """Where a canonical column comes from: exactly one of column, first_of (the first that is not empty) and value.

    map: name of a value map; default: value where the column is empty. earliest: the smallest value among the rows of
    which `once` takes one.
    """

    column: str | None = None
    first_of: tuple[str, ...] = ()
    value: str | int | float | bool | None = None
    map: str | None = None
    default: str | int | float | bool | None = None
    earliest: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Raw columns it reads, first choice first."""
        return (self.column,) if self.column is not None else self.first_of


class EntitySpec(_Section):
    """How rows of a stream become rows of an entity.

    skip_without: canonical columns without which a row is out of scope; once: only one row of each primary key is
    wanted, the one with the greatest value in newest_by; unless_in: stream whose records' keys are not wanted again as
    `clinician_key`.
    """

    entity: str
    of: str
    columns: dict[str, ValueSpec]
    skip_without: tuple[str, ...] = ()
    once: bool = False
    newest_by: str | None = None
    unless_in: str | None = None

    @field_validator("columns", mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        """`clinician_key = "employee_id"` is short for `clinician_key = { column = "employee_id" }`."""
        if not isinstance(given, Mapping):
            return given
        return {name: {"column": value} if isinstance(value, str) else value for name, value in given.items()}


class MappingFile(_Section):
    """A whole mapping file."""

    streams: dict[str, StreamSpec]
    value_maps: dict[str, dict[str, str]] = {}
    map: tuple[EntitySpec, ...] = ()


def load_mapping_file(path: Path) -> MappingFile:
    """The mapping file at `path`; ConfigError that names every fault."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"mapping file {path} does not exist: create it (docs/connectors/tabular.md has an example), or set "
            "`mapping` in the source's settings"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"mapping file {path} cannot be read as TOML: {error}") from None
    try:
        found = MappingFile.model_validate(content)
    except ValidationError as error:
        faults = [_fault(detail) for detail in error.errors(include_url=False, include_input=False)]
        raise ConfigError(f"mapping file {path}: " + "; ".join(faults)) from None
    faults = list(_contradictions(found))
    if faults:
        raise ConfigError(f"mapping file {path}: " + "; ".join(faults))
    return found


def _fault(detail: ErrorDetails) -> str:
    *section, key = (str(part) for part in detail["loc"]) if detail["loc"] else ("file",)
    place = f"{key} in [{'.'.join(section)}]" if section else f"[{key}]"
    if detail["type"] == "missing":
        return f"{place} is missing"
    if detail["type"] == "extra_forbidden":
        return f"{place} is not a known key; known are {', '.join(_known_keys(section))}"
    return f"{place}: {detail['msg'].removeprefix('Value error, ')}"


def _known_keys(section: list[str]) -> Iterable[str]:
    model: type[BaseModel] = MappingFile
    if section[:1] == ["streams"]:
        model = ColumnSpec if "columns" in section[2:] else StreamSpec
    elif section[:1] == ["map"]:
        model = ValueSpec if "columns" in section[2:] else EntitySpec
    return model.model_fields


def _contradictions(found: MappingFile) -> Iterator[str]:
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
        if spec.type == "match" and spec.domain is None:
            yield f'{where}: type = "match" needs domain, for example domain = "npi"'
        if spec.tz_column is not None and spec.tz_column not in _headers_of(stream):
            yield f"{where}: tz_column {spec.tz_column!r} should be one of the stream's columns or headers"
        if (spec.tz or spec.tz_column) and spec.type != "instant":
            yield f'{where}: tz and tz_column are for type = "instant"'
        if spec.format and spec.type not in {"date", "instant"}:
            yield f'{where}: format is for type = "date" and type = "instant"'


def _key_faults(place: str, stream: StreamSpec, *, has_key_column: bool) -> Iterator[str]:
    if has_key_column:
        yield f'{place}: a stream should have either key or a column with type = "key"'
    if len(set(stream.key)) < 2:
        yield f'{place}: key should name at least two columns; for one, give that column type = "key"'
    for column in stream.key:
        if column not in stream.columns:
            yield f"{place}: key names {column!r}; it should be {_nearest(column, list(stream.columns))}"
    if KEY_COLUMN in stream.columns:
        yield f"{KEY_COLUMN} in {place} is the name of the key; call the column something else"


def _headers_of(stream: StreamSpec) -> set[str]:
    return set(stream.columns) | {header for spec in stream.columns.values() for header in spec.headers}


def _mapping_faults(found: MappingFile, mapping: EntitySpec) -> Iterator[str]:
    entity = ENTITIES.get(mapping.entity)
    if entity is None or entity.derived:
        yield f"entity should be {_nearest(mapping.entity, [n for n, e in ENTITIES.items() if not e.derived])}"
        return
    stream = found.streams.get(mapping.of)
    if stream is None:
        yield f"of should be {_nearest(mapping.of, list(found.streams))}"
        return
    if mapping.unless_in is not None and mapping.unless_in not in found.streams:
        yield f"unless_in should be {_nearest(mapping.unless_in, list(found.streams))}"
    elif mapping.unless_in is not None and found.streams[mapping.unless_in].record_column is None:
        yield f"unless_in names {mapping.unless_in}, whose key should hold a reference to the clinician"
    if mapping.newest_by is not None and mapping.newest_by not in stream.columns:
        yield f"newest_by should be {_nearest(mapping.newest_by, list(stream.columns))}"
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
            yield f"column {name!r} should be {_nearest(name, list(known))}"
            continue
        if (spec.column is not None) + bool(spec.first_of) + (spec.value is not None) != 1:
            yield f"column {name} should have exactly one of column, first_of and value"
        for raw in spec.names:
            if raw not in stream.readable:
                yield f"column {name} reads {raw!r}; it should be {_nearest(raw, list(stream.readable))}"
        if spec.earliest and (spec.map is not None or not spec.names or not mapping.once):
            yield f"column {name}: earliest is for a column without map, in a mapping with once = true"
        vocabulary = known[name].vocabulary
        if spec.map is not None and spec.map not in found.value_maps:
            yield f"column {name} uses map {spec.map!r}; it should be {_nearest(spec.map, list(found.value_maps))}"
        elif vocabulary is not None:
            given = list(found.value_maps[spec.map].values()) if spec.map is not None else []
            given += [str(v) for v in (spec.value, spec.default) if v is not None]
            for value in sorted(set(given) - set(vocabulary)):
                yield f"column {name} would hold {value!r}; it should be {_nearest(value, list(vocabulary))}"


def _nearest(given: str, known: list[str]) -> str:
    close = difflib.get_close_matches(given, known, n=1)
    hint = f"{close[0]!r}, or another " if close else ""
    return f"{hint}one of {', '.join(sorted(known)) or 'none: there are none'}"
