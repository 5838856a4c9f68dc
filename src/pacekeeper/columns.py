"""Typed columns a stream declares. What is not declared is never landed.

Every column has a `path` into the source record; without one the column's own name is the path. Paths are
dotted, take list positions and a filter on list elements::

    meta.lastUpdated
    participant[0].actor.reference
    identifier[system=http://hl7.org/fhir/sid/us-npi].value      first element whose `system` matches
    code.coding[system=http://loinc.org].code
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SqlType = Literal["VARCHAR", "TIMESTAMPTZ", "DATE", "BIGINT", "DOUBLE", "DECIMAL(18,4)", "BOOLEAN", "SMALLINT"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A declared column.

    required: a row without a value is rejected (reason `missing`); otherwise a missing value lands as null.
    description: shown in the data dictionary.
    """

    path: str | None = None
    required: bool = False
    description: str = ""


@dataclass(frozen=True)
class Key(Column):
    """The record's own identifier, landed as a keyed hash over (source, entity, id). Always required."""

    entity: str


@dataclass(frozen=True)
class Ref(Column):
    """A reference to another record, landed as the keyed hash its `Key` has.

    In streams with a resource_type, and with by_type or match: `Patient/1`, an absolute URL, a versioned reference and
    `urn:uuid:...` are normalised first. Elsewhere a text is an id as it stands, `urn:uuid:` in front left out.
    by_type: entity by FHIR resource type, for references that may point at several; other types land as null.
    match: match domain by identifier system, for conditional references (`Practitioner?identifier=system|value`);
    adds a column `<name>_match` that holds the keyed hash of the identifier, while the column itself is null.
    source: configured name of another source whose record it is, as a reminder service names the EHR's appointments;
    null = the source's own.
    """

    entity: str
    by_type: Mapping[str, str] | None = field(default=None, kw_only=True)
    match: Mapping[str, str] | None = field(default=None, kw_only=True)
    source: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class RefSet(Ref):
    """The references of a list, of the types in `by_type`, landed as one keyed hash over all of them in their order.

    It tells that they changed, not which they are; a child stream tells that. The path names the list by `[*]`
    (`participant[*].actor.reference`). Null where there is none of these types.
    """


@dataclass(frozen=True)
class MatchKey(Column):
    """An identifier that sources share (npi, mrn, email ...), landed as a keyed hash over (domain, value).

    The value is normalised (trimmed, lower case, inner white space removed), so two sources meet without revealing it.
    """

    domain: str


@dataclass(frozen=True)
class Code(Column):
    """A short code. Never free text: a value that breaks `pattern` or `max_length` is rejected.

    The default pattern admits no blank, so that a sentence or a full name cannot pass for a code. It cannot tell a
    single word from a code: declare the tightest pattern the vendor's codes allow, and `max_length` with it.
    """

    max_length: int = field(default=64, kw_only=True)
    pattern: str = field(default=r"[A-Za-z0-9][A-Za-z0-9._:/|#+-]*", kw_only=True)


@dataclass(frozen=True)
class Instant(Column):
    """A moment, landed in UTC.

    A value without offset is read in the source's `default_tz` and rejected (reason `naive_time`) where none is
    configured; a local time that the spring change skips is rejected (`nonexistent_time`), one that autumn repeats
    takes the first.
    """


@dataclass(frozen=True)
class Date(Column):
    """A calendar date. A full timestamp keeps its local date part."""


@dataclass(frozen=True)
class LocalTime(Column):
    """A wall-clock time of day, landed as minutes after local midnight."""


@dataclass(frozen=True)
class Integer(Column):
    """A whole number; 3.0 is accepted, 3.5 is rejected (reason `not_an_integer`)."""


@dataclass(frozen=True)
class Decimal(Column):
    """An exact number with up to four decimals; more are rounded half up."""


@dataclass(frozen=True)
class Boolean(Column):
    """true or false; true, false, 1, 0, yes, no in any case."""


@dataclass(frozen=True)
class BirthYear(Column):
    """A date of birth, of which only the year lands."""


@dataclass(frozen=True)
class Area(Column):
    """A postal code, of which only the first three characters land."""


SQL_TYPES: Mapping[type[Column], SqlType] = {
    Key: "VARCHAR",
    Ref: "VARCHAR",
    RefSet: "VARCHAR",
    MatchKey: "VARCHAR",
    Code: "VARCHAR",
    Instant: "TIMESTAMPTZ",
    Date: "DATE",
    LocalTime: "SMALLINT",
    Integer: "BIGINT",
    Decimal: "DECIMAL(18,4)",
    Boolean: "BOOLEAN",
    BirthYear: "SMALLINT",
    Area: "VARCHAR",
}
