"""The mapping file: which files there are, what their columns mean, and which entities they fill.

Its format is in docs/connectors/tabular.md. Everything that can be wrong with it is told at once, with file, section,
key and what would be right.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from pacekeeper.errors import ConfigError

#: A mapping for the files of the synthetic practice; a good one to start from.
EXAMPLE_FILE = Path(__file__).with_name("example_mapping.toml")

ColumnType = Literal[
    "key",
    "ref",
    "match",
    "code",
    "date",
    "instant",
    "decimal",
    "integer",
    "boolean",
    "birth_year",
    "area",
    "time",
    "money",
    "hours",
]
FileKind = Literal["csv", "excel", "parquet"]
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")
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
    time_column: for an instant whose time of day stands in a column of its own, that column.
    words: a code written in words, such as `Late Canceled`; it lands as `late_canceled`. One that no value map knows
    lands as it is where it is a single word, and as `unlisted` otherwise, because it may be free text.
    optional: the column may be missing from later files; see Drift.
    """

    type: ColumnType
    headers: tuple[str, ...] = ()
    required: bool = False
    entity: str | None = None
    domain: str | None = None
    format: str | None = None
    tz_column: str | None = None
    tz: str | None = None
    time_column: str | None = None
    words: bool = False
    optional: bool = False
    max_length: Annotated[int, Field(ge=1, le=200)] = 64
    description: str = ""

    _zone = field_validator("tz")(_known_zone)


class PeriodSpec(_Section):
    """Which period each file of a stream covers, so that a missing one is noticed.

    file_name: regular expression found in the file's name, with groups `from` and `to` (days), or `month` (a day in
    it); format: strptime format of these. column: instead of it, a date or instant column: from its first to its last
    day. longest_days: a file that covers more was cut by its system. slack_days: days between two files that are no
    gap. fresh_days: how many days before the run the last period may end; null = any. gaps: `report` = a rejected row
    names them; `refuse` = nothing of the source is read; `allow`.
    """

    file_name: str | None = None
    format: str = "%Y-%m-%d"
    column: str | None = None
    longest_days: Annotated[int, Field(ge=1)] | None = None
    slack_days: Annotated[int, Field(ge=0)] = 0
    fresh_days: Annotated[int, Field(ge=0)] | None = None
    gaps: Literal["report", "refuse", "allow"] = "report"


class StreamSpec(_Section):
    """One kind of file. files: glob below the folder; delimiter, encoding: null = found out.

    kind: null = by the name's ending, CSV where that says nothing. sheet: name of an Excel sheet; null = the first.
    skip_lines: lines before the headers. all_columns: every declared column that is not optional must be there.
    key: columns that only together identify a row, as column `record_id`; empty = one column has type = "key".
    """

    files: str
    kind: FileKind | None = None
    sheet: str | None = None
    skip_lines: Annotated[int, Field(ge=0, le=100)] = 0
    key: tuple[str, ...] = ()
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str | None = None
    all_columns: bool = False
    period: PeriodSpec | None = None
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


class AheadSpec(_Section):
    """What an unconfirmed value is while the instant in column `of` is still to come."""

    of: str
    value: str


class ValueSpec(_Section):
    """Where a canonical column comes from: exactly one of column, first_of (the first that is not empty), joined
    (codes put together with `+`, an empty one as nothing) and value.

    map: name of a value map; default: value where the column is empty. earliest: the smallest value among the rows of
    which `once` takes one. times: number it is multiplied by; cents: money in units becomes cents.
    plus_minutes: column with minutes that are added to an instant.
    when: by column, the codes of which it must hold one; elsewhere the value is null. negate: likewise, where a number
    is one that was taken away, whatever its sign in the file.
    confirm: by mapped value, columns and the codes in them of which at least one must be there for it to be believed;
    without it the value is `unknown`, or what `ahead` says.
    """

    column: str | None = None
    first_of: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    value: str | int | float | bool | None = None
    times: float | None = None
    cents: bool = False
    plus_minutes: str | None = None
    when: dict[str, tuple[str, ...]] = {}
    negate: dict[str, tuple[str, ...]] = {}
    confirm: dict[str, dict[str, tuple[str, ...]]] = {}
    ahead: AheadSpec | None = None
    map: str | None = None
    default: str | int | float | bool | None = None
    earliest: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Raw columns it reads, first choice first."""
        return (self.column,) if self.column is not None else self.first_of or self.joined

    @property
    def others(self) -> tuple[str, ...]:
        """Raw columns it reads besides."""
        evidence = [column for columns in self.confirm.values() for column in columns]
        evidence += [*self.when, *self.negate]
        more = (self.plus_minutes, self.ahead and self.ahead.of)
        return (*dict.fromkeys(evidence), *(name for name in more if name))


class EntitySpec(_Section):
    """How rows of a stream become rows of an entity.

    skip_without: canonical columns without which a row is out of scope; once: only one row of each primary key is
    wanted, the one with the greatest value in newest_by; unless_in: stream whose records' keys are not wanted again as
    `clinician_key`. only: by column, the codes of which a row must hold one; others are out of scope, `other_<column>`.
    wanted: by canonical column, the values a row must have after mapping; others are out of scope, `not_by_<column>`.
    """

    entity: str
    of: str
    columns: dict[str, ValueSpec]
    skip_without: tuple[str, ...] = ()
    once: bool = False
    newest_by: str | None = None
    unless_in: str | None = None
    only: dict[str, tuple[str, ...]] = {}
    wanted: dict[str, tuple[str, ...]] = {}

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

    @cached_property
    def landed_maps(self) -> Mapping[str, Mapping[str, str]]:
        """The value maps by the codes as they land: words in their short form."""
        worded = {value.map for spec in self.map for value in spec.columns.values() if self._is_worded(spec, value)}
        return {
            name: {**given, **{slug_of_codes(code): to for code, to in given.items()}} if name in worded else given
            for name, given in self.value_maps.items()
        }

    def listed(self, stream: str) -> Mapping[str, frozenset[str]]:
        """By column in words: short forms of all codes that a value map, a condition or a confirmation names."""
        found: dict[str, set[str]] = {
            name: set() for name, column in self.streams[stream].columns.items() if column.words
        }
        for spec in self.map:
            if spec.of != stream:
                continue
            named = [(column, codes) for column, codes in spec.only.items()]
            for value in spec.columns.values():
                named += [pair for columns in value.confirm.values() for pair in columns.items()]
                named += [*value.when.items(), *value.negate.items()]
                if value.map in self.value_maps:
                    for code in self.value_maps[value.map]:
                        parts = code.split("+") if value.joined else [code] * len(value.names)
                        named += [(name, (part,)) for name, part in zip(value.names, parts, strict=False)]
            for column, codes in named:
                if column in found:
                    found[column] |= {slug(code) for code in codes}
        return {name: frozenset(codes) for name, codes in found.items()}

    def _is_worded(self, spec: EntitySpec, value: ValueSpec) -> bool:
        columns = self.streams[spec.of].columns if spec.of in self.streams else {}
        return any(name in columns and columns[name].words for name in value.names)


def slug(words: str) -> str:
    """The short form of a code in words: small letters and digits, `_` for everything between them."""
    return _BETWEEN_WORDS.sub("_", words.strip().casefold()).strip("_")


def slug_of_codes(joined: str) -> str:
    """The short form of codes that are put together with `+`."""
    return "+".join(slug(part) for part in joined.split("+"))


def load_mapping_file(path: Path) -> MappingFile:
    """The mapping file at `path`; ConfigError that names every fault."""
    from pacekeeper_connectors.tabular.mapping_faults import contradictions

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
    faults = list(contradictions(found))
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
