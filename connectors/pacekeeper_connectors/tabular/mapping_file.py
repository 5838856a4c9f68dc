"""The mapping file: which files there are, what their columns mean, and which entities they fill.

Its format is in docs/connectors/tabular.md. Everything that can be wrong with it is told at once, with file, section,
key and what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from pacekeeper.settings import Zone
from pacekeeper_connectors.site_file import Section, load_site_file

#: A mapping for the files of the synthetic practice; a good one to start from.
EXAMPLE_FILE = Path(__file__).with_name("example_mapping.toml")
#: A mapping for files that practices keep by themselves: supervision, closures, weights, pay, rates, experiments.
PRACTICE_FILES = Path(__file__).with_name("practice_files_mapping.toml")

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


class ColumnSpec(Section):
    """One column of a stream.

    headers: names it may have in the file, compared without regard to case, spaces, `_` and `-`; its own name counts.
    required: the file must have the column, and a row without a value is rejected.
    entity: for key and ref, the namespace of the identifier; domain: for match, npi, email or another shared one.
    source: for ref, the configured name of another source whose identifier it is, as written there.
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
    source: str | None = None
    format: str | None = None
    tz_column: str | None = None
    tz: Zone | None = None
    time_column: str | None = None
    words: bool = False
    optional: bool = False
    max_length: Annotated[int, Field(ge=1, le=200)] = 64
    description: str = ""


class PeriodSpec(Section):
    """Which period each file of a stream covers, so that a missing one is noticed.

    file_name: regular expression found in the file's name, with groups `from` and `to` (days), or `month` (a day in
    it); format: strptime format of these. column: instead of it, a date or instant column: from its first to its last
    day. longest_days: a file that covers more was cut by its system. slack_days: days between two files that are no
    gap. fresh_days: how many days before the run the last period may end; null = any. gaps: `report` = the stream is
    incomplete on these days; `refuse` = nothing of the source is read; `allow`.
    """

    file_name: str | None = None
    format: str = "%Y-%m-%d"
    column: str | None = None
    longest_days: Annotated[int, Field(ge=1)] | None = None
    slack_days: Annotated[int, Field(ge=0)] = 0
    fresh_days: Annotated[int, Field(ge=0)] | None = None
    gaps: Literal["report", "refuse", "allow"] = "report"


class StreamSpec(Section):
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


class AheadSpec(Section):
    """What an unconfirmed value is while the instant in column `of` is still to come."""

    of: str
    value: str


class ValueSpec(Section):
    """Where a canonical column comes from: exactly one of column, first_of (the first that is not empty), joined
    (codes put together with `+`, an empty one as nothing) and value.

    map: name of a value map; default: value where the column is empty. earliest: the smallest value among the rows of
    which `once` takes one. times: number it is multiplied by; cents: money in units becomes cents.
    plus_minutes: column with minutes that are added to an instant.
    when: by column, the codes of which it must hold one; elsewhere the value is null. negate: likewise, where a number
    is one that was taken away, whatever its sign in the file.
    confirm: by mapped value, columns and the codes in them of which at least one must be there for it to be believed;
    without it the value is what `ahead` says, else `unreviewed`, or `unknown` where the contract has no such value.
    """

    column: str | None = None
    first_of: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    value: str | int | float | bool | None = None
    times: float | None = None
    cents: bool = False
    plus_minutes: str | None = None
    when: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    negate: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    confirm: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)
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


class EntitySpec(Section):
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
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    wanted: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("columns", mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        """`clinician_key = "employee_id"` is short for `clinician_key = { column = "employee_id" }`."""
        if not isinstance(given, Mapping):
            return given
        return {name: {"column": value} if isinstance(value, str) else value for name, value in given.items()}


class MappingFile(Section):
    """A whole mapping file."""

    streams: dict[str, StreamSpec]
    value_maps: dict[str, dict[str, str]] = Field(default_factory=dict)
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

    return load_site_file(path, MappingFile, page="docs/connectors/tabular.md", faults=contradictions)
