"""Every column type reads what it should, and refuses the rest with the reason it should."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal as Exact

import duckdb
import pytest

from pacekeeper import columns as c
from pacekeeper.landing.typing_sql import REASONS, typed

NEW_YORK = "America/New_York"


def read(column: c.Column, text: str, default_tz: str | None = None) -> object:
    """The value, or the reason as text in angle brackets."""
    sql = typed(column, "t", default_tz=default_tz)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'")
        kind = c.SQL_TYPES[type(column)]
        row = connection.execute(f"SELECT ({sql.value})::{kind}, {sql.reason} FROM (SELECT ? AS t)", [text]).fetchone()
    assert row is not None
    if row[0] is None:
        assert row[1] in REASONS
        return f"<{row[1]}>"
    return row[0].astimezone(UTC) if isinstance(row[0], datetime) else row[0]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year, month, day, hour ...


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        (c.Code(), "fulfilled", "fulfilled"),
        (c.Code(), "No Show", "<bad_code>"),
        (c.Code(), "Jane Doe 555-123-4567", "<bad_code>"),
        (c.Code(pattern="[A-Z][a-z]+ [A-Z][a-z]+"), "No Show", "No Show"),
        (c.Code(), "F41.1", "F41.1"),
        (c.Code(max_length=3), "abcd", "<bad_code>"),
        (c.Code(), "client said: call, don't write", "<bad_code>"),
        (c.Code(), "two\nlines", "<bad_code>"),
        (c.Code(pattern="[a-z]{3}"), "mon", "mon"),
        (c.Code(pattern="[a-z]{3}"), "Mon", "<bad_code>"),
        (c.Date(), "2026-03-05", date(2026, 3, 5)),
        (c.Date(), "2026-03-05T23:30:00-05:00", date(2026, 3, 5)),
        (c.Date(), "2026-03", "<not_a_date>"),
        (c.Date(), "2026-02-30", "<not_a_date>"),
        (c.Date(), "2026-03-05x", "<not_a_date>"),
        (c.Date(), "03/05/2026", "<not_a_date>"),
        (c.LocalTime(), "09:30:00", 570),
        (c.LocalTime(), "00:00", 0),
        (c.LocalTime(), "24:00:00", 1440),
        (c.LocalTime(), "25:00", "<not_a_time>"),
        (c.LocalTime(), "9:30", "<not_a_time>"),
        (c.Integer(), "3", 3),
        (c.Integer(), "-3", -3),
        (c.Integer(), "3.0", 3),
        (c.Integer(), "9007199254740993", 9007199254740993),
        (c.Integer(), "3.5", "<not_an_integer>"),
        (c.Integer(), "18.4233", "<not_an_integer>"),
        (c.Integer(), "three", "<not_a_number>"),
        (c.Decimal(), "18.4233", Exact("18.4233")),
        (c.Decimal(), "18.42335", Exact("18.4234")),
        (c.Decimal(), "-18.42335", Exact("-18.4234")),
        (c.Decimal(), "1e3", Exact("1000.0000")),
        (c.Decimal(), "NaN", "<not_a_number>"),
        (c.Decimal(), "12,5", "<not_a_number>"),
        (c.Boolean(), "true", True),
        (c.Boolean(), "YES", True),
        (c.Boolean(), "0", False),
        (c.Boolean(), "maybe", "<not_a_boolean>"),
        (c.BirthYear(), "1990-05-17", 1990),
        (c.BirthYear(), "1990", 1990),
        (c.BirthYear(), "19900517", 1990),
        (c.BirthYear(), "0990-05-17", "<not_a_year>"),
        (c.BirthYear(), "05/17/1990", "<not_a_year>"),
        (c.BirthYear(), "2e3 ", "<not_a_year>"),
        (c.Area(), "02139-4307", "021"),
        (c.Area(), "sw1a 1aa", "SW1"),
        (c.Area(), "n/a", "<not_an_area>"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_text_becomes_its_value_or_a_reason(column: c.Column, text: str, expected: object) -> None:
    assert read(column, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T15:00:00Z", utc(2026, 3, 1, 15)),
        ("2026-03-01T15:00:00.123Z", utc(2026, 3, 1, 15, 0, 0, 123000)),
        ("2026-03-01T15:00:00.123456789Z", utc(2026, 3, 1, 15, 0, 0, 123456)),
        ("2026-03-01T15:00Z", utc(2026, 3, 1, 15)),
        ("2026-03-01t15:00:00z", utc(2026, 3, 1, 15)),
        ("2026-03-01T15:00:00-05:00", utc(2026, 3, 1, 20)),
        ("2026-03-01T15:00:00-0500", utc(2026, 3, 1, 20)),
        ("2026-03-01 15:00:00+00", utc(2026, 3, 1, 15)),
        ("2026-03-01T15:00+05:30", utc(2026, 3, 1, 9, 30)),
        ("2026-03-01T25:00:00Z", "<not_an_instant>"),
        ("2026-03-01T25:00:00", "<not_an_instant>"),
        ("tomorrow", "<not_an_instant>"),
        ("2026-03", "<not_an_instant>"),
        ("2026-03-01Z", "<not_an_instant>"),
        ("2026-03-01T15:00:00", "<naive_time>"),
        ("2026-03-01T15:00", "<naive_time>"),
        ("2026-03-01", "<naive_time>"),
    ],
)
def test_an_instant_needs_an_offset_where_the_source_has_no_zone(text: str, expected: object) -> None:
    assert read(c.Instant(), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T15:00:00Z", utc(2026, 3, 1, 15)),
        ("2026-03-01T15:00:00+00:00", utc(2026, 3, 1, 15)),
        ("2026-03-01T15:00:00", utc(2026, 3, 1, 20)),
        ("2026-03-01 15:00", utc(2026, 3, 1, 20)),
        ("2026-07-01T15:00:00", utc(2026, 7, 1, 19)),
        ("2026-03-01", utc(2026, 3, 1, 5)),
        ("2026-03-08T01:59:59", utc(2026, 3, 8, 6, 59, 59)),
        ("2026-03-08T02:00:00", "<nonexistent_time>"),
        ("2026-03-08T02:30:00", "<nonexistent_time>"),
        ("2026-03-08T03:00:00", utc(2026, 3, 8, 7)),
        ("2026-11-01T00:59:59", utc(2026, 11, 1, 4, 59, 59)),
        ("2026-11-01T01:30:00", utc(2026, 11, 1, 5, 30)),
        ("2026-11-01T02:00:00", utc(2026, 11, 1, 7)),
        ("2026-03-08T25:30:00", "<not_an_instant>"),
    ],
)
def test_a_local_time_is_read_in_the_zone_of_the_source(text: str, expected: object) -> None:
    """New York: on 8 March 02:00 to 03:00 does not exist; on 1 November 01:00 to 02:00 is twice, first at -04:00."""
    assert read(c.Instant(), text, NEW_YORK) == expected


def test_every_column_type_is_read_or_hashed() -> None:
    hashed = {c.Key, c.Ref, c.RefSet, c.MatchKey}
    for kind in set(c.SQL_TYPES) - hashed:
        assert typed(kind(), "t", default_tz=None).value
    with pytest.raises(TypeError):
        typed(c.Key("client"), "t", default_tz=None)
