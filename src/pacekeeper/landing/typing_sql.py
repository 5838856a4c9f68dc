"""How each column type reads its text: a SQL value and the reason why a text does not fit.

Text expressions are trimmed and null when empty. Reasons are codes; they never hold the text.
"""

from __future__ import annotations

from dataclasses import dataclass

from pacekeeper import columns as c
from pacekeeper.landing.paths import sql_literal

#: Every reason a row is rejected for at the boundary, in words.
REASONS = {
    "malformed_json": "the record is not valid JSON (a truncated line, for example)",
    "not_an_object": "the record is valid JSON, but no object",
    "missing": "a required column has no value",
    "bad_code": "the value is longer than a code may be, or holds characters a code has not",
    "not_an_instant": "the value is no date and time",
    "naive_time": "the time has no offset, and the source has no default_tz",
    "nonexistent_time": "the local time does not exist: the clocks were put forward over it",
    "not_a_date": "the value is no complete calendar date",
    "not_a_time": "the value is no time of day",
    "not_an_integer": "the value is no whole number",
    "not_a_number": "the value is no number",
    "not_a_boolean": "the value is neither true nor false",
    "not_a_year": "no plausible year can be read from the value",
    "not_an_area": "no area code can be read from the value",
}


@dataclass(frozen=True)
class Typed:
    """SQL for a column's value (null = nothing there, or it does not fit) and for the reason why it does not fit."""

    value: str
    reason: str


_TIME = r"[T ]\d{2}:\d{2}"
_OFFSET = r"(Z|z|[+-]\d{2}:?\d{2})$"
_DATE = r"^\d{4}-\d{2}-\d{2}"


_FHIR_REFERENCE = r"^(?:https?://.+/)?[A-Z][A-Za-z]+/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]*)?$"


def reference_id(text: str) -> str:
    """SQL for the id a reference names; null for a contained or a conditional reference.

    `Patient/1`, an absolute URL, a versioned reference and `urn:uuid:...` give the bare id; any other text is an id.
    """
    return (
        f"CASE WHEN {text} LIKE '#%' OR regexp_matches({text}, '[?&][A-Za-z_.-]+=') THEN NULL "
        f"WHEN regexp_matches({text}, '{_FHIR_REFERENCE}') THEN regexp_extract({text}, '{_FHIR_REFERENCE}', 1) "
        f"ELSE regexp_replace({text}, '^urn:(uuid|oid):', '') END"
    )


def reference_type(text: str) -> str:
    """SQL for the resource type a reference names; empty where it names none."""
    return f"regexp_extract({text}, '(?:^|/)([A-Za-z]+)/[^/?]+(?:/_history/[^/]*)?$', 1)"


def conditional_part(text: str, part: int) -> str:
    """SQL for the identifier system (1) or value (2) of a conditional reference; empty where it is none."""
    return (
        f"regexp_extract(replace(replace({text}, '%7C', '|'), '%7c', '|'), '[?&]identifier=([^|&]*)[|]([^&]*)', {part})"
    )


def normalised(text: str) -> str:
    """SQL for a shared identifier in the form in which two sources meet."""
    return f"lower(regexp_replace({text}, '\\s', '', 'g'))"


def message(*parts: str) -> str:
    """SQL for the text that is hashed: the parts joined by the unit separator; null when a part is."""
    return " || chr(31) || ".join(f"({part})" for part in parts)


def typed(column: c.Column, text: str, *, default_tz: str | None) -> Typed:
    """Value, and reason where there is a text but no value, for every column type that is not hashed."""
    match column:
        case c.Code():
            fits = f"length({text}) <= {column.max_length} AND regexp_full_match({text}, {sql_literal(column.pattern)})"
            return Typed(f"CASE WHEN {fits} THEN {text} END", "'bad_code'")
        case c.Instant():
            return _instant(text, default_tz)
        case c.Date():
            value = f"CASE WHEN regexp_matches({text}, '{_DATE}') THEN TRY_CAST(left({text}, 10) AS DATE) END"
            return Typed(value, "'not_a_date'")
        case c.LocalTime():
            clock = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?|24:00(:00)?"
            minutes = f"(left({text}, 2)::INTEGER * 60 + substr({text}, 4, 2)::INTEGER)::SMALLINT"
            return Typed(f"CASE WHEN regexp_full_match({text}, '{clock}') THEN {minutes} END", "'not_a_time'")
        case c.Integer():
            number = f"TRY_CAST({text} AS DECIMAL(38,10))"
            value = f"CASE WHEN {number} = trunc({number}) THEN TRY_CAST({number} AS BIGINT) END"
            return Typed(value, f"CASE WHEN {number} IS NULL THEN 'not_a_number' ELSE 'not_an_integer' END")
        case c.Decimal():
            return Typed(f"TRY_CAST(TRY_CAST({text} AS DECIMAL(38,10)) AS DECIMAL(18,4))", "'not_a_number'")
        case c.Boolean():
            value = (
                f"CASE WHEN lower({text}) IN ('true', '1', 'yes', 'y') THEN true "
                f"WHEN lower({text}) IN ('false', '0', 'no', 'n') THEN false END"
            )
            return Typed(value, "'not_a_boolean'")
        case c.BirthYear():
            year = f"TRY_CAST(left({text}, 4) AS SMALLINT)"
            return Typed(f"CASE WHEN {year} BETWEEN 1850 AND 2200 THEN {year} END", "'not_a_year'")
        case c.Area():
            fits = f"regexp_matches({text}, '^[A-Za-z0-9]{{3}}[A-Za-z0-9 -]{{0,7}}$')"
            return Typed(f"CASE WHEN {fits} THEN upper(left({text}, 3)) END", "'not_an_area'")
    raise TypeError(f"{type(column).__name__} is no plain column type")


def _instant(text: str, default_tz: str | None) -> Typed:
    has_offset = f"regexp_matches({text}, '{_TIME}.*{_OFFSET}')"
    # DuckDB reads +02:15 but not +0215, which HL7 v2 and some FHIR servers write.
    exact = f"TRY_CAST(regexp_replace({text}, '([+-]\\d{{2}})(\\d{{2}})$', '\\1:\\2') AS TIMESTAMPTZ)"
    utc = f"WHEN ends_with({text}, 'Z') THEN TRY_CAST({text} AS TIMESTAMPTZ)"
    is_date = f"regexp_matches({text}, '{_DATE}')"
    if default_tz is None:
        reason = f"CASE WHEN {has_offset} OR NOT {is_date} THEN 'not_an_instant' ELSE 'naive_time' END"
        return Typed(f"CASE {utc} WHEN {has_offset} THEN {exact} END", reason)
    zone = sql_literal(default_tz)
    local = f"TRY_CAST({text} AS TIMESTAMP)"
    later = f"timezone({zone}, {local})"
    # In the hour that autumn repeats the engine answers with the second pass; without an offset we take the first.
    earlier = f"({later} - INTERVAL 1 HOUR)"
    naive = (
        f"CASE WHEN timezone({zone}, {earlier}) = {local} THEN {earlier} "
        f"WHEN timezone({zone}, {later}) = {local} THEN {later} END"
    )
    return Typed(
        f"CASE {utc} WHEN {has_offset} THEN {exact} WHEN {is_date} THEN {naive} END",
        f"CASE WHEN {has_offset} OR NOT {is_date} OR {local} IS NULL THEN 'not_an_instant' ELSE 'nonexistent_time' END",
    )
