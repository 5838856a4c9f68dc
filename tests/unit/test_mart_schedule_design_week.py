"""`schedule_design_week` and `hot_seat_quarter`: weeks laid out by hand. All times are local."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any  # a canonical value

import pytest
from tests.marts import World

from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.policy import load_policy

EARLY = date(2025, 1, 6)
RAILS = ("admin_block_halfday", "focus_days", "full_admin_day", "back_to_back", "core_hours")
OWN = """\
extends = "default"
profile = "own"
title = "Own"
[guardrails.focus_days]
enabled = true
[guardrails.full_admin_day]
enabled = true
[guardrails.back_to_back]
enabled = true
[guardrails.back_to_back.thresholds]
breach = { value = 4, unit = "sessions", provenance = "us" }
[guardrails.core_hours]
enabled = true
[guardrails.core_hours.thresholds]
breach = { value = 0.5, unit = "ratio", provenance = "us" }
[guardrails.core_hours.settings]
from = { value = "10:00", unit = "clock", provenance = "us" }
to = { value = "14:00", unit = "clock", provenance = "us" }
"""


def a_world(*keys: str, only: tuple[str, ...] = ("schedule_design_week", *RAILS)) -> World:
    made = World(only=only)
    made.seat(made.day(0), "07:00", client=None)
    for key in keys:
        made.clinician(key)
        made.employ(EARLY, key=key)
    return made


def admin(made: World, day: date, start: str, end: str, *, key: str, kind: str = "admin", **over: Any) -> None:
    made.block(day, start, end, kind=kind, key=key, **{"is_protected": True, **over})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    file: Path = tmp_path_factory.mktemp("policy") / "own.toml"
    file.write_text(OWN)
    made = a_world("halves", "nine", "always", "four", "five", "runs", "core", "unclear", "night")
    for row in made.rows["employment"]:
        if row["clinician_key"] in {"four", "five"}:
            row["schedule_template"] = "four_client_days"
    monday = made.day(0)

    # Monday: 08:00-17:00 offered; both halves have a block. Tuesday: that of the morning is cut to 10 minutes.
    # Wednesday: 08:00-11:00 alone, 180 minutes, with a block of two neighbouring quarters of an hour.
    # Thursday: an hour. Friday: the whole day is leave.
    for weekday in (0, 1, 4):
        made.block(made.day(0, weekday), "08:00", "17:00", key="halves")
        admin(made, made.day(0, weekday), "11:00", "11:30", key="halves")
        admin(made, made.day(0, weekday), "15:00", "15:20", key="halves", kind="documentation")
    made.session(made.day(0, 1), "10:30", 50, key="halves")
    made.block(made.day(0, 2), "08:00", "11:00", key="halves")
    admin(made, made.day(0, 2), "09:00", "09:15", key="halves")
    admin(made, made.day(0, 2), "09:15", "09:30", key="halves")
    made.block(made.day(0, 3), "08:00", "09:00", key="halves")
    made.block(made.day(0, 4), "00:00", "24:00", kind="pto", key="halves")

    # ten half-days a week: nine have a block, for four weeks
    for week in range(4):
        for weekday in range(5):
            for key in ("nine", "always"):
                made.block(made.day(week, weekday), "08:00", "12:30", key=key)
                made.block(made.day(week, weekday), "12:30", "17:00", key=key)
                admin(made, made.day(week, weekday), "08:00", "08:20", key=key)
                if weekday or key == "always":
                    admin(made, made.day(week, weekday), "13:00", "13:20", key=key)
    made.session(made.day(1), "08:00", 50, key="nine")

    for weekday in range(4):
        made.session(made.day(0, weekday), "09:00", 50, key="four")
        made.session(made.day(0, weekday), "09:00", 50, key="five")
    admin(made, made.day(0, 4), "08:00", "12:00", key="four")
    made.session(made.day(0, 4), "09:00", 50, key="five")
    admin(made, made.day(0, 5), "08:00", "11:59", key="five")

    # 09:00, 10:00 (gap 10: a break), then 11:00 on with gaps of 5 minutes: five in a row; 09:00-15:35 without lunch
    for clock in ("09:00", "10:00", "11:00", "11:55", "12:50", "13:45", "14:40"):
        made.session(monday, clock, 50, key="runs")
    made.session(monday, "14:40", 50, key="runs", clients=["k2"])
    for clock in ("09:00", "11:00", "14:00", "15:00"):
        made.session(made.day(0, 1), clock, 50, key="runs")

    # core hours are 10-14 on five days; offered 08-12 on five days, one of them closed, one hour protected
    made.open_week(0, 4, key="core")
    made.block(monday, "08:00", "12:00", kind="closure", key="core")
    admin(made, made.day(0, 1), "11:00", "12:00", key="core")

    made.session(made.day(0, 6), "23:30", 60, key="night")
    admin(made, made.day(1), "09:00", "10:00", key="night")

    made.session(monday, "09:00", 50, key="unclear", status="unknown")
    made.block(monday, "08:00", "12:00", key="unclear")
    made.run(weeks=4, policy=load_policy(file=file))
    return made


@pytest.mark.formula(19)
@pytest.mark.rule("W11", "W13", "W14")
def test_half_day_has_a_block_where_twenty_minutes_of_it_are_free(world: World) -> None:
    row = world.week_row("schedule_design_week", 0, key="halves")
    # Monday twice, Tuesday twice, Wednesday once; Tuesday's morning has no block left
    assert (row["half_days"], row["half_days_with_block"], row["halfday_block_ratio"]) == (5, 4, 0.8)
    # a session takes 20 of 30 minutes; Tuesday has two blocks
    assert (row["encroached_blocks_n"], row["client_days"], row["admin_blocks_per_client_day"]) == (1, 1, 2.0)


@pytest.mark.rule("W13")
def test_half_days_without_a_block_warn_at_once_and_breach_when_they_last(world: World) -> None:
    assert world.says("admin_block_halfday", 0, key="halves") == ("warn", "below_warning")
    # the session of week 1 takes another block
    assert [world.says("admin_block_halfday", week, key="nine")[0] for week in range(4)] == [
        "pass",
        "warn",
        "pass",
        "breach",
    ]
    assert world.says("admin_block_halfday", 3, key="always") == ("pass", None)
    assert world.says("admin_block_halfday", 0, key="unclear") == ("unknown", "partial")


@pytest.mark.rule("W15")
def test_each_template_is_judged_by_its_own_guardrails(world: World) -> None:
    rows = {key: world.week_row("schedule_design_week", 0, key=key) for key in ("four", "five")}
    assert [(row["client_days"], row["full_admin_days"]) for row in rows.values()] == [(4, 1), (5, 0)]
    assert [world.says("focus_days", 0, key=key)[0] for key in rows] == ["pass", "breach"]
    assert [world.says("full_admin_day", 0, key=key)[0] for key in rows] == ["pass", "breach"]
    judged = world.select(
        "SELECT DISTINCT guardrail_id FROM marts.guardrail_result WHERE subject_key IN ('four', 'five')"
        " AND guardrail_id IN ('admin_block_halfday', 'focus_days', 'full_admin_day') ORDER BY 1"
    )
    assert [row["guardrail_id"] for row in judged] == ["focus_days", "full_admin_day"]
    assert rows["four"]["template"] == "four_client_days"
    assert world.week_row("schedule_design_week", 0, key="nine")["template"] is None


def test_the_end_of_a_session_that_began_on_sunday_night_makes_no_day_with_clients(world: World) -> None:
    rows = [world.week_row("schedule_design_week", number, key="night") for number in (0, 1)]
    assert [row["client_days"] for row in rows] == [1, 0]
    assert [row["admin_blocks_on_client_days_n"] for row in rows] == [0, 0]


@pytest.mark.rule("W18")
def test_run_of_sessions_ends_with_a_break(world: World) -> None:
    row = world.week_row("schedule_design_week", 0, key="runs")
    # the second session of 14:40 is no further one; on Tuesday there is lunch
    assert (row["longest_run_back_to_back"], row["days_without_lunch_n"]) == (5, 1)
    assert world.says("back_to_back", 0, key="runs") == ("breach", "above_ceiling")
    assert world.says("back_to_back", 0, key="four") == ("pass", None)
    assert world.says("back_to_back", 0, key="unclear") == ("unknown", "partial")


@pytest.mark.rule("U22")
def test_core_hours_are_those_that_clients_can_book(world: World) -> None:
    # 10-12 on four days less one hour, of 20 hours
    assert world.week_row("schedule_design_week", 0, key="core")["core_hours_ratio"] == 7 / 20
    assert world.says("core_hours", 0, key="core") == ("breach", "below_floor")
    assert world.says("core_hours", 0, key="always") == ("pass", None)


@pytest.mark.rule("W13", "W15", "W18", "U22")
def test_without_a_source_of_blocks_nothing_passes() -> None:
    made = a_world()
    made.employ(EARLY)
    made.hold(0, 5)
    as_of = made.at(made.day(1), "00:00")
    made.run(weeks=1, reads=[SourceCompleteness("ehr", name, as_of, True) for name in ("clinician", "session")])
    assert made.says("admin_block_halfday", 0) == ("unknown", "no_source")
    row = made.week_row("schedule_design_week", 0)
    names = ("half_days", "encroached_blocks_n", "full_admin_days", "hot_seat_days", "core_hours_ratio")
    assert [row[name] for name in names] == [None] * 5
    assert (row["client_days"], row["longest_run_back_to_back"]) == (1, 1)


@pytest.mark.formula(31)
@pytest.mark.rule("W17")
def test_days_on_the_hot_seat_are_shared_by_fte_within_a_team() -> None:
    made = a_world("full", "half", "north", only=("hot_seat_quarter", "hot_seat_fairness"))
    made.clinician("desk", is_client_facing=False)
    made.employ(EARLY, key="desk")
    made.employ(EARLY)
    made.rows["employment"][1]["fte"] = 0.5
    made.add(
        "supervision_link",
        clinician_key="north",
        supervisor_key="north",
        kind="clinical",
        valid_from=EARLY,
        team_key="northern",
    )
    # twelve weeks of five days: c1 14, full 25, half 21; north all its own five; one day of half is leave
    for week in range(12):
        for weekday in range(5):
            turn = week * 5 + weekday
            key = "c1" if turn < 14 else "full" if turn < 39 else "half"
            made.block(made.day(week, weekday), "09:00", "12:00", kind="hot_seat", key=key)
    made.block(made.day(11, 4), "00:00", "24:00", kind="pto", key="half")
    for weekday in range(5):
        made.block(made.day(2, weekday), "09:00", "12:00", kind="hot_seat", key="north")
    made.run(weeks=14)
    found = made.select(
        "SELECT clinician_key, hot_seat_days, round(expected_days, 6) AS expected FROM marts.hot_seat_quarter"
        " WHERE quarter_id = DATE '2026-01-01' ORDER BY 1"
    )
    # 59 days by 1 : 1 : 0.5
    assert [tuple(row.values()) for row in found] == [
        ("c1", 14, 23.6),
        ("desk", 0, 0.0),
        ("full", 25, 23.6),
        ("half", 20, 11.8),
        ("north", 5, 5.0),
    ]

    def says() -> dict[str, str]:
        rows = made.select(
            "SELECT subject_key, state FROM marts.guardrail_result WHERE is_current AND period = '2026-01-01'"
        )
        return {row["subject_key"]: row["state"] for row in rows}

    # 14 / 23.6 is 0.59, 25 / 23.6 is 1.06, 20 / 11.8 is 1.69
    assert says() == {"c1": "warn", "full": "pass", "half": "warn", "north": "pass"}
    made.completeness[("ehr", "schedule_block")] = made.at(date(2026, 3, 31), "00:00")
    made.run(weeks=14)
    assert set(says().values()) == {"unknown"}
