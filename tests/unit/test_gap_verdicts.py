"""What rests on days that a source lacks is partial, and what rests on attendance that nobody reviewed is defaulted."""

from __future__ import annotations

from datetime import date

import pytest
from tests.marts import World, two_clinicians

from pacekeeper.measures.doubt import SOURCE_GAP

EARLY = date(2024, 1, 1)
WEEKS = 8
ALL = list(range(WEEKS))
GUARDRAILS = ("direct_hours", "utilization", "active_caseload", "no_show")
PARTIAL = ("unknown", "partial")
DEFAULTED = ("unknown", "defaulted")


@pytest.fixture
def world() -> World:
    return two_clinicians(WEEKS, since=EARLY)


def lack(made: World, entity: str, first: date | None, last: date | None, *, source: str = "ehr") -> None:
    made.con.raw_sql(f"CREATE SCHEMA IF NOT EXISTS quarantine; {SOURCE_GAP.ddl}")
    values = [source, entity, "s", "period_missing", "export these days", first, last]
    made.con.con.execute("INSERT INTO quarantine.source_gap VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def weeks_that_say(made: World, said: tuple[str, str], guardrail: str, *, key: str = "c1") -> list[int]:
    return [week for week in ALL if made.says(guardrail, week, key=key) == said]


def partial_weeks(made: World, *, key: str = "c1") -> dict[str, list[int]]:
    found = {guardrail: weeks_that_say(made, PARTIAL, guardrail, key=key) for guardrail in GUARDRAILS}
    return {guardrail: weeks for guardrail, weeks in found.items() if weeks}


@pytest.mark.edge_case(7)
def test_a_week_of_sessions_that_is_lacking_is_partial_for_everybody_the_source_knows(world: World) -> None:
    lack(world, "session", world.day(2), world.day(2, 6))
    for _ in range(2):
        world.run(weeks=WEEKS)
        for key in ("c1", "c2"):
            assert partial_weeks(world, key=key) == {
                "direct_hours": [2],
                "utilization": [2],
                "active_caseload": [2, 3, 4, 5, 6, 7],
            }
    assert world.says("direct_hours", 1) == ("pass", None)
    world.con.raw_sql("DELETE FROM quarantine.source_gap")
    world.run(weeks=WEEKS)
    assert partial_weeks(world) == {}
    assert world.says("direct_hours", 2) == ("pass", None)
    assert world.verdict("direct_hours", 2)["version"] == 2, "the second run changed nothing"


def test_a_sunday_of_appointments_is_lacking_in_four_windows_and_ahead_of_every_earlier_week(world: World) -> None:
    lack(world, "appointment", world.day(2, 6), world.day(2, 6))
    world.run(weeks=WEEKS)
    assert partial_weeks(world) == {"no_show": [2, 3, 4, 5], "active_caseload": ALL}


def test_a_gap_that_is_open_reaches_as_far_as_it_may(world: World) -> None:
    lack(world, "session", world.day(6, 3), None)
    world.run(weeks=WEEKS)
    assert partial_weeks(world)["direct_hours"] == [6, 7]


def test_a_gap_without_days_is_a_matter_of_how_far_the_source_is_complete(world: World) -> None:
    lack(world, "session", None, None)
    world.completeness["ehr", "session"] = world.at(world.day(5), "00:00")
    world.run(weeks=WEEKS)
    assert partial_weeks(world) == {}
    assert weeks_that_say(world, ("unknown", "stale"), "direct_hours") == [5, 6, 7]


def test_leave_that_is_lacking_matters_to_all_where_no_other_source_tells_it(world: World) -> None:
    lack(world, "pto_ledger", world.day(3), world.day(3, 6), source="payroll")
    world.completeness["payroll", "pto_ledger"] = world.at(world.day(WEEKS), "00:00")
    world.run(weeks=WEEKS)
    assert partial_weeks(world) == {}, "HR knows their leave, and payroll has none of it"
    world.completeness["hr", "pto_ledger"] = None
    world.run(weeks=WEEKS)
    assert [partial_weeks(world, key=key) for key in ("c1", "c2")] == [{"utilization": [3]}] * 2


def test_a_seat_that_nobody_reviewed_is_no_rate_until_it_is_reviewed(world: World) -> None:
    world.seat(world.day(2, 3), "10:00", status="unreviewed")
    world.run(weeks=WEEKS)
    assert weeks_that_say(world, DEFAULTED, "no_show") == [2, 3, 4, 5]
    row = world.week_row("attendance_week", 2)
    assert (row["scheduled_n"], row["kept_n"], row["unreviewed_n"], row["unknown_status_n"]) == (11, 10, 1, 0)
    assert row["combined_ratio"] is None
    assert weeks_that_say(world, DEFAULTED, "direct_hours") == []
    world.rows["appointment"][-1]["status"] = "kept"
    world.run(weeks=WEEKS)
    assert weeks_that_say(world, DEFAULTED, "no_show") == []
    # 20 seats of weeks 1 and 2, 10 before, 1 reviewed: 41 kept of 41.
    assert world.says("no_show", 3) == ("pass", None)
    assert world.week_row("attendance_week", 3)["kept_4w"] == 41


def test_a_session_that_nobody_confirmed_leaves_the_hours_of_its_week_open(world: World) -> None:
    world.hold(3, 1, weekday=2, status="unreviewed")
    world.run(weeks=WEEKS)
    assert [weeks_that_say(world, DEFAULTED, name) for name in ("direct_hours", "utilization")] == [[3], [3]]
    row = world.week_row("clinician_week", 3)
    assert (row["direct_h"], row["unreviewed_sessions_n"], row["unknown_status_sessions_n"]) == (2.0, 1, 0)
    world.hold(3, 1, weekday=3, status="unknown")
    world.run(weeks=WEEKS)
    assert world.says("direct_hours", 3) == PARTIAL, "reviewing alone would not make it known"


def test_a_client_who_is_active_only_if_an_unreviewed_session_was_held_leaves_the_caseload_open(world: World) -> None:
    world.assign("k9", EARLY)
    world.session(world.day(2, 1), "15:00", 50, clients=("k9",), status="unreviewed")
    world.run(weeks=WEEKS)
    assert weeks_that_say(world, DEFAULTED, "active_caseload") == [2, 3, 4, 5, 6, 7]
    assert world.week_row("caseload_snapshot", 2)["uncertain_clients"] == 1
    world.session(world.day(2, 2), "15:00", 50, clients=("k9",), status="unknown")
    world.run(weeks=WEEKS)
    assert world.says("active_caseload", 2) == PARTIAL


def test_what_nobody_can_tell_of_one_client_leaves_another_to_be_reviewed() -> None:
    """k1 was seen in week 0; k2 only perhaps: nobody has reviewed it. The session of unknown status is k1's."""
    made = World()
    made.employ(EARLY)
    for client in ("k1", "k2"):
        made.assign(client, EARLY)
    made.seat(made.day(0), "09:00", client=None)
    made.session(made.day(0), "09:00", 50, clients=["k1"])
    made.session(made.day(0, 1), "09:00", 50, clients=["k1"], status="unknown")
    made.session(made.day(0, 2), "09:00", 50, clients=["k2"], status="unreviewed")
    made.session(made.day(1, 2), "09:00", 50, clients=["k2"], status="unknown")
    made.run(weeks=2)
    rows = [made.week_row("caseload_snapshot", week) for week in (0, 1)]
    assert [(row["uncertain_clients"], row["unknown_status_clients"]) for row in rows] == [(1, 0), (1, 1)]
    assert [made.says("active_caseload", week) for week in (0, 1)] == [DEFAULTED, PARTIAL]
