"""When a source is late, by the calendar of the practice. 2026-03-02 is a Monday."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper.business_calendar import BusinessCalendar, Pace, public_holidays
from pacekeeper.engine.duckdb import Warehouse
from pacekeeper.home import PracticeHome
from pacekeeper.ops import OpsDatabase, Run, SourceRun, StreamRun, StreamState
from pacekeeper.ops.freshness import Expected, lateness
from pacekeeper.ops.problems import standing_problems
from pacekeeper.ops.standing import expectations
from pacekeeper.settings import load_settings

DENVER = "America/Denver"
#: Two in the morning in Denver, standard time.
SATURDAY, SUNDAY, MONDAY, TUESDAY, WEDNESDAY = (datetime(2026, 2, 28, 9, tzinfo=UTC) + timedelta(n) for n in range(5))


def hours(since: datetime, until: datetime, pace: Pace, closed: set[date] | None = None) -> float:
    return BusinessCalendar(DENVER, frozenset(closed or ())).silent_hours(since, until, pace=pace)


def test_hours_of_a_weekend_count_unless_something_comes_daily() -> None:
    assert hours(SATURDAY, MONDAY, "daily") == 48
    assert hours(SATURDAY, MONDAY, "business_days") == 2, "from midnight to two on Monday"
    assert hours(SATURDAY, TUESDAY, "business_days") == 26


def test_hours_of_a_closed_day_never_count() -> None:
    assert hours(SATURDAY, TUESDAY, "business_days", {date(2026, 3, 2)}) == 2
    assert hours(SATURDAY, TUESDAY, "daily", {date(2026, 3, 2)}) == 48


def test_a_local_day_has_23_hours_when_clocks_go_forward() -> None:
    sunday = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert hours(sunday, sunday + timedelta(hours=23), "daily") == 23
    assert hours(sunday, sunday + timedelta(hours=23), "daily", {date(2026, 3, 8)}) == 0


@pytest.fixture
def ops(tmp_path: Path) -> OpsDatabase:
    return OpsDatabase(tmp_path / "ops.sqlite")


def read(ops: OpsDatabase, as_of: datetime, *, new: int) -> None:
    """A good read of source `hr` that brings some new rows."""
    run_id = as_of.isoformat()
    ops.add(
        [
            Run(run_id=run_id, as_of=as_of, started_at=as_of, ended_at=as_of, state="success"),
            SourceRun(run_id=run_id, source="hr", connector="tabular", state="ok"),
            StreamRun(run_id=run_id, source="hr", stream="leave", read=new, inserted=new),
            StreamState(source="hr", stream="leave", complete_through=as_of),
        ]
    )


def expected(pace: Pace, *closed: date) -> Expected:
    return Expected(BusinessCalendar(DENVER, frozenset(closed)), {"hr": pace})


def test_silence_over_a_weekend_and_a_holiday_is_not_late_and_on_the_day_after_it_is(ops: OpsDatabase) -> None:
    read(ops, SATURDAY, new=3)
    for night in (SUNDAY, MONDAY, TUESDAY, WEDNESDAY):
        read(ops, night, new=0)
    holiday = expected("business_days", date(2026, 3, 2))
    assert not lateness(ops, "hr", as_of=WEDNESDAY, expected=holiday).is_late, "Tuesday 24 and Wednesday 2 hours"
    late = lateness(ops, "hr", as_of=WEDNESDAY, expected=expected("business_days"))
    assert late.silent_since == SATURDAY, "and Monday's 24 hours more"
    assert late.unread == ()


def test_silence_is_nobodys_business_unless_something_is_expected(ops: OpsDatabase) -> None:
    read(ops, SATURDAY, new=3)
    read(ops, WEDNESDAY, new=0)
    assert not lateness(ops, "hr", as_of=WEDNESDAY, expected=Expected()).is_late
    assert lateness(ops, "hr", as_of=WEDNESDAY, expected=expected("daily")).is_late
    assert not lateness(ops, "hr", as_of=WEDNESDAY, expected=expected("weekly")).is_late


def test_what_comes_weekly_is_late_after_a_week_and_a_day_and_a_half(ops: OpsDatabase) -> None:
    read(ops, SATURDAY, new=3)
    weekly = expected("weekly")
    assert not lateness(ops, "hr", as_of=SATURDAY + timedelta(days=8, hours=12), expected=weekly).is_late
    assert lateness(ops, "hr", as_of=SATURDAY + timedelta(days=8, hours=13), expected=weekly).is_late


def test_a_source_that_is_off_over_the_weekend_is_not_late_on_monday(ops: OpsDatabase) -> None:
    read(ops, SATURDAY, new=3)
    assert lateness(ops, "hr", as_of=MONDAY, expected=Expected()).unread == ("leave",)
    assert not lateness(ops, "hr", as_of=MONDAY, expected=expected("business_days")).is_late


def test_a_silent_source_is_a_problem_that_says_since_when(ops: OpsDatabase) -> None:
    read(ops, SATURDAY, new=3)
    read(ops, WEDNESDAY, new=0)
    (problem,) = standing_problems(ops, sources=["hr"], now=WEDNESDAY, expected=expected("business_days"))
    assert (problem.severity, problem.what, problem.where, problem.since) == ("warn", "source_silent", "hr", SATURDAY)
    assert problem.message == "it answers, and nothing new has come for 36 hours of business days"


def test_holidays_are_those_of_the_settings_and_closures_those_of_the_whole_practice(tmp_path: Path) -> None:
    file = tmp_path / "pacekeeper.toml"
    file.write_text(
        '[practice]\nname = "P"\nhome_tz = "America/Denver"\nholidays = "US-CO"\ndata_dir = "data"\n'
        '[sources.hr]\nconnector = "tabular"\nexpected = "business_days"\n'
    )
    home = PracticeHome(load_settings(file))
    home.published_dir.mkdir(parents=True)
    with Warehouse(home.read_copy).connect() as connection:
        connection.raw.execute("CREATE SCHEMA canonical")
        connection.raw.execute(
            "CREATE TABLE canonical.practice_closure AS FROM (VALUES "
            "('a', NULL, DATE '2026-03-04', DATE '2026-03-05', NULL), ('b', 'annex', DATE '2026-03-10', DATE "
            "'2026-03-10', NULL), ('c', NULL, DATE '2026-03-11', DATE '2026-03-11', TIMESTAMPTZ '2026-03-11 15:00:00Z')"
            ") t(closure_key, location_key, from_date, to_date, start_at)"
        )
    closed = expectations(home, now=TUESDAY).calendar.closed
    days = {day for day in closed if day.month == 3 and day.year == 2026}
    assert days == {date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 31)}, "Cesar Chavez Day in Colorado"
    assert date(2026, 7, 4) in closed
    assert public_holidays("US", years=(2026,)).isdisjoint({date(2026, 3, 31)})
