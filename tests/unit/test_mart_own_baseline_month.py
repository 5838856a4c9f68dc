"""`own_baseline_month`: months against a clinician's own, redone by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.marts import Row, World

RAILS = ("sick_days_own_limit", "notes_amended_own_limit")
# Sick days from January to August 2026.
SICK = (0, 1, 0, 2, 0, 1, 0, 5)


def month_row(made: World, month: int, measure: str) -> Row:
    rows = made.select(
        f"SELECT * FROM marts.own_baseline_month WHERE month_id = DATE '2026-{month:02d}-01' AND measure = '{measure}'"
    )
    assert len(rows) == 1
    return rows[0]


def says(made: World, guardrail: str, month: int) -> tuple[str, str | None]:
    rows = made.select(
        "SELECT state, reason FROM marts.guardrail_result WHERE is_current AND NOT is_retracted"
        f" AND guardrail_id = '{guardrail}' AND period = '2026-{month:02d}-01'"
    )
    assert len(rows) == 1
    return rows[0]["state"], rows[0]["reason"]


@pytest.fixture(scope="module")
def world() -> World:
    made = World(only=("own_baseline_month", *RAILS), days=320)
    made.employ(date(2025, 12, 29))
    for week in range(40):
        made.seat(made.day(week), "09:00")
    for month, days in enumerate(SICK, start=1):
        for day in range(days):
            # a ledger may sign what was taken either way
            made.leave(date(2026, month, 5 + day), -8 if day else 8, kind="sick")
        amended = 6 if month == 8 else 0
        for number in range(6):
            at = made.at(date(2026, month, 10), "12:00")
            made.add(
                "note",
                note_key=f"n{month}-{number}",
                clinician_key="c1",
                note_type="progress",
                created_at=at + timedelta(hours=number),
                status="signed",
                amended_count=1 if number < amended else 0,
            )
    # The calendar names one of these days, too, and the ledger one that was not approved.
    made.block(date(2026, 8, 5), "08:00", "16:00", kind="sick")
    made.leave(date(2026, 8, 20), 8, kind="sick", is_approved=False)
    made.run(weeks=35)
    return made


@pytest.mark.rule("H12")
def test_sick_days_are_held_against_the_own_months_before(world: World) -> None:
    row = month_row(world, 8, "sick_days")
    # Before: 0 1 0 2 0 1 0, mean 4/7; moving ranges 1 1 2 2 1 1, mean 8/6; sigma 2.66 / 3 x 8/6.
    sigma = 2.66 / 3 * 8 / 6
    assert (row["value"], row["baseline_months_n"]) == (5, 7)
    assert row["baseline_mean"] == pytest.approx(4 / 7)
    assert row["own_hi"] == pytest.approx(4 / 7 + 3 * sigma)
    assert row["own_sigma"] == pytest.approx((5 - 4 / 7) / sigma)


@pytest.mark.rule("H12")
def test_five_sick_days_after_hardly_any_are_a_breach_and_fewer_months_say_nothing(world: World) -> None:
    assert says(world, "sick_days_own_limit", 8) == ("breach", "above_ceiling")
    assert says(world, "sick_days_own_limit", 7) == ("pass", None)
    assert says(world, "sick_days_own_limit", 6) == ("unknown", "low_denominator")


@pytest.mark.rule("D18")
def test_where_months_do_not_differ_the_least_spread_of_the_policy_holds(world: World) -> None:
    row = month_row(world, 8, "notes_amended")
    assert (row["value"], row["baseline_mean"], row["own_hi"], row["own_sigma"]) == (6, 0, 3, 6)
    assert says(world, "notes_amended_own_limit", 8) == ("breach", "above_ceiling")
    assert says(world, "notes_amended_own_limit", 7) == ("pass", None)


@pytest.mark.rule("H12", "D18")
@pytest.mark.parametrize(
    ("guardrail", "entities"),
    [("sick_days_own_limit", ("pto_ledger", "schedule_block")), ("notes_amended_own_limit", ("note",))],
)
def test_a_month_of_which_nothing_tells_is_unknown(guardrail: str, entities: tuple[str, ...]) -> None:
    made = World(only=RAILS)
    made.employ(date(2025, 12, 29))
    made.seat(made.day(0), "09:00")
    for entity in entities:
        made.completeness["ehr", entity] = made.completeness["hr", entity] = None
    made.run(weeks=5)
    assert says(made, guardrail, 1) == ("unknown", "no_source")


@pytest.mark.rule("D18")
def test_only_the_twelve_calendar_months_before_are_a_baseline() -> None:
    made = World(only=("own_baseline_month",), days=600)
    made.employ(date(2025, 12, 29))
    made.seat(made.day(0), "09:00")
    # Changed notes from January 2026 to February 2027; nobody counted in most months.
    changed = {0: 9, 1: 4, 2: 3, 11: 1, 13: 0}
    for month in range(14):
        for number in range(10):
            at = made.at(date(2026 + month // 12, month % 12 + 1, 10), "12:00") + timedelta(hours=number)
            count = int(number < changed[month]) if month in changed else None
            made.add("note", note_key=f"n{month}-{number}", clinician_key="c1", note_type="progress", created_at=at,
                     status="signed", amended_count=count)  # fmt: skip
    made.run(weeks=62)
    (row,) = made.select(
        "SELECT * FROM marts.own_baseline_month WHERE month_id = DATE '2027-02-01' AND measure = 'notes_amended'"
    )
    # February, March and December 2026: 4 3 1, mean 8/3; moving ranges 1 2, mean 1.5; January is thirteen months ago.
    assert (row["baseline_months_n"], row["value"]) == (3, 0)
    assert row["baseline_mean"] == pytest.approx(8 / 3)
    assert row["own_hi"] == pytest.approx(8 / 3 + 2.66 * 1.5)


@pytest.mark.rule("D18")
def test_notes_of_a_source_that_counts_no_changes_are_unknown() -> None:
    made = World(only=("own_baseline_month", *RAILS))
    made.employ(date(2025, 12, 29))
    made.seat(made.day(0), "09:00")
    at = made.at(made.day(0), "12:00")
    made.add("note", note_key="n", clinician_key="c1", note_type="progress", created_at=at, status="signed")
    made.run(weeks=5)
    assert month_row(made, 1, "notes_amended")["value"] is None
    assert says(made, "notes_amended_own_limit", 1) == ("unknown", "no_source")
