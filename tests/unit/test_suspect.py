"""What rests on a record whose latest reading was rejected is unknown: for its person, and in the weeks it bears on."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from tests.marts import World, two_clinicians

from pacekeeper.measures.doubt import SUSPECT_RECORD

EARLY = date(2024, 1, 1)
WEEKS = 8
PARTIAL = ("unknown", "partial")


@pytest.fixture
def world() -> World:
    return two_clinicians(WEEKS, since=EARLY, booked="07:00")


def suspect(made: World, entity: str, begins: datetime | None, ends: datetime | None, *, noted: object = None) -> None:
    made.con.raw_sql(f"CREATE SCHEMA IF NOT EXISTS quarantine; {SUSPECT_RECORD.ddl}")
    made.con.con.execute(
        "INSERT INTO quarantine.suspect_record VALUES ('ehr', ?, 'x', 'c1', ?, ?, ?)", [entity, noted, begins, ends]
    )


def partial_weeks(made: World, guardrail: str, *, key: str = "c1") -> list[int]:
    return [week for week in range(WEEKS) if made.says(guardrail, week, key=key) == PARTIAL]


def test_without_suspect_records_nothing_is_partial(world: World) -> None:
    world.run(weeks=WEEKS)
    for guardrail in ("direct_hours", "utilization", "active_caseload", "no_show"):
        assert partial_weeks(world, guardrail) == []
    assert world.says("direct_hours", 3) == ("pass", None)
    assert world.says("no_show", 5) == ("pass", None)


def test_a_suspect_session_makes_its_week_and_the_caseload_of_sixty_days_partial(world: World) -> None:
    at = world.at(world.day(2, 3), "10:00")
    suspect(world, "session", at, at)
    world.run(weeks=WEEKS)
    assert partial_weeks(world, "direct_hours") == [2]
    assert partial_weeks(world, "utilization") == [2]
    assert partial_weeks(world, "active_caseload") == [2, 3, 4, 5, 6, 7]
    assert partial_weeks(world, "no_show") == []
    assert [partial_weeks(world, g, key="c2") for g in ("direct_hours", "active_caseload")] == [[], []]


def test_a_suspect_appointment_makes_the_four_weeks_it_counts_in_partial(world: World) -> None:
    at = world.at(world.day(2, 3), "10:00")
    suspect(world, "appointment", at, at, noted=world.at(world.day(1, 2), "10:00"))
    world.run(weeks=WEEKS)
    assert partial_weeks(world, "no_show") == [2, 3, 4, 5]
    assert partial_weeks(world, "direct_hours") == []
    assert partial_weeks(world, "active_caseload")[0] == 1, "it was ahead when that week ended"


def test_a_suspect_block_of_a_midnight_touches_both_weeks_and_no_other(world: World) -> None:
    suspect(world, "schedule_block", world.at(world.day(2, 6), "22:00"), world.at(world.day(3, 0), "06:00"))
    world.run(weeks=WEEKS)
    assert partial_weeks(world, "utilization") == [2, 3]
    assert partial_weeks(world, "no_show") == []


def test_a_suspect_record_of_unknown_time_makes_every_week_partial(world: World) -> None:
    suspect(world, "employment", None, None)
    world.run(weeks=WEEKS)
    assert partial_weeks(world, "direct_hours") == list(range(WEEKS))
    assert partial_weeks(world, "no_show") == [], "no-shows do not depend on employment"
    assert partial_weeks(world, "direct_hours", key="c2") == []
