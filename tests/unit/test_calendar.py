"""Calendar days: true length over clock changes, practice weeks, ISO weeks at the edges of the year."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper.contract.vocabulary import WeekStart
from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.mapping import build_calendar, practice_key, write_practice
from pacekeeper.mapping.calendar import calendar_days
from pacekeeper.settings import PracticeSettings

PRACTICE = PracticeSettings(name="Riverbend", home_tz="America/New_York", week_start="sunday")
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def days(zone: str, first: date, last: date, week_start: WeekStart = WeekStart.MONDAY) -> list[dict[str, object]]:
    return calendar_days([zone], first, last, week_start=week_start).to_pylist()


def hours(zone: str, day: date) -> float:
    (found,) = calendar_days([zone], day, day, week_start=WeekStart.MONDAY).to_pylist()
    assert isinstance(found["ends_at"], datetime)
    assert isinstance(found["starts_at"], datetime)
    return (found["ends_at"] - found["starts_at"]) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/New_York", date(2026, 3, 9), 24),
        ("America/Phoenix", date(2026, 3, 8), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
    ],
    ids=["spring", "autumn", "the day after", "no summer time", "Berlin", "midnight skipped", "twice", "half an hour"],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: date, length: float) -> None:
    assert hours(zone, day) == length


def test_a_day_begins_at_local_midnight_in_utc() -> None:
    (found,) = days("America/New_York", date(2026, 7, 1), date(2026, 7, 1))
    assert found["starts_at"] == datetime(2026, 7, 1, 4, tzinfo=UTC)


def test_days_follow_each_other_without_gap() -> None:
    year = days("America/New_York", date(2026, 1, 1), date(2026, 12, 31))
    assert len(year) == 365
    assert all(a["ends_at"] == b["starts_at"] for a, b in itertools.pairwise(year))


def test_a_date_the_zone_skipped_has_no_row() -> None:
    found = days("Pacific/Apia", date(2011, 12, 29), date(2011, 12, 31))
    assert [day["local_date"] for day in found] == [date(2011, 12, 29), date(2011, 12, 31)]


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2020, 12, 31), "2020-W53"),
        (date(2021, 1, 3), "2020-W53"),
        (date(2021, 1, 4), "2021-W01"),
        (date(2025, 12, 29), "2026-W01"),
        (date(2026, 12, 31), "2026-W53"),
        (date(2027, 1, 3), "2026-W53"),
    ],
    ids=str,
)
def test_iso_weeks_at_the_edges_of_the_year(day: date, week: str) -> None:
    assert days("UTC", day, day)[0]["iso_week"] == week


@pytest.mark.parametrize(
    ("week_start", "day", "week_id"),
    [
        (WeekStart.MONDAY, date(2026, 1, 4), date(2025, 12, 29)),
        (WeekStart.MONDAY, date(2026, 1, 5), date(2026, 1, 5)),
        (WeekStart.SUNDAY, date(2026, 1, 4), date(2026, 1, 4)),
        (WeekStart.SUNDAY, date(2026, 1, 3), date(2025, 12, 28)),
        (WeekStart.SATURDAY, date(2026, 1, 4), date(2026, 1, 3)),
    ],
)
def test_a_practice_week_is_named_by_its_first_day(week_start: WeekStart, day: date, week_id: date) -> None:
    (found,) = days("America/New_York", day, day, week_start)
    assert found["week_id"] == week_id
    assert found["weekday"] == day.isoweekday()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.create_schemas()
    with warehouse.connect() as found:
        yield found


def test_every_zone_in_use_is_covered_with_a_margin(connection: Connection) -> None:
    connection.raw.execute(
        "INSERT INTO canonical.location (source, location_key, practice_key, tz, tz_source, kind)"
        " VALUES ('ehr', md5('l'), md5('p'), 'America/Denver', 'record', 'clinic')"
    )
    connection.raw.execute(
        "INSERT INTO canonical.employment (source, employment_key, clinician_key, start_date, employment_type)"
        " VALUES ('hr', md5('e'), md5('c'), DATE '2019-03-04', 'w2'),"
        " ('hr', md5('f'), md5('d'), DATE '0001-01-01', 'w2')"
    )
    count = build_calendar(connection, practice=PRACTICE, as_of=AS_OF, zones=["Asia/Tokyo"])
    found = connection.raw.execute(
        "SELECT zone, min(local_date), max(local_date), count(*) FROM canonical.calendar_day GROUP BY 1 ORDER BY 1"
    ).fetchall()
    first, last = date(2019, 1, 21), date(2026, 7, 13)
    length = (last - first).days + 1
    assert found == [(zone, first, last, length) for zone in ("America/Denver", "America/New_York", "Asia/Tokyo")]
    assert count == 3 * length


def test_building_twice_leaves_equal_content(connection: Connection) -> None:
    build_calendar(connection, practice=PRACTICE, as_of=AS_OF)
    before = connection.content_hash("canonical.calendar_day")
    build_calendar(connection, practice=PRACTICE, as_of=AS_OF)
    assert connection.content_hash("canonical.calendar_day") == before


def test_the_practice_is_what_its_settings_say(connection: Connection) -> None:
    write_practice(connection, PRACTICE)
    write_practice(connection, PRACTICE)
    assert connection.raw.execute("FROM canonical.practice").fetchall() == [
        ("settings", practice_key("Riverbend"), "Riverbend", "America/New_York", "sunday")
    ]
