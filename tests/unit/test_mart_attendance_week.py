"""`attendance_week`: seats and rates that a reader can redo by hand. All times are local."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any  # a canonical value

import pytest
from tests.marts import World
from tests.unit.test_dialect import found

from pacekeeper.policy import load_policy


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.employ(date(2025, 1, 6))
    start = made.at(made.day(0), "09:00")

    def cancelled(by: str | None, notice: timedelta | None, **over: Any) -> None:
        at = None if notice is None else start - notice
        made.seat(made.day(0), "09:00", status="cancelled", cancelled_by=by, cancelled_at=at, **over)

    made.seats(0, kept=4, missed=1)
    cancelled("client", timedelta(hours=23, minutes=59))
    cancelled("client", timedelta(hours=24))
    cancelled("client", timedelta(0))
    cancelled("client", timedelta(minutes=-5))
    cancelled("client", None)
    cancelled("clinician", timedelta(hours=1))
    cancelled("practice", None)
    cancelled("other", timedelta(hours=1))
    cancelled(None, timedelta(hours=1))
    made.seat(made.day(0), "10:00", status="unknown")
    made.seat(made.day(0), "10:00", status="booked")
    made.seat(made.day(0), "10:00", status="rescheduled")
    made.seat(made.day(0), "10:00", status="entered_in_error")

    made.clinician("group")
    made.employ(date(2025, 1, 6), key="group")
    for number in range(8):
        made.seat(
            made.day(0, 1),
            "13:00",
            key="group",
            client=f"g{number}",
            group_key="grp",
            status="no_show" if number < 2 else "kept",
        )

    made.clinician("roll")
    made.employ(date(2025, 1, 6), key="roll")
    for week, (kept, missed) in enumerate([(9, 1), (8, 2), (10, 0), (6, 4), (5, 5)]):
        for number in range(kept + missed):
            made.seat(made.day(week, 3), "11:00", key="roll", status="kept" if number < kept else "no_show")
    made.seat(made.day(0, 6), "23:30", key="roll", status="kept")
    made.run(weeks=5)
    return made


def test_every_seat_is_in_exactly_one_count(world: World) -> None:
    row = world.week_row("attendance_week", 0)
    parts = [
        row[name]
        for name in (
            "kept_n",
            "no_show_n",
            "late_cancel_n",
            "advance_cancel_n",
            "clinician_cancel_n",
            "unknown_cancel_n",
            "unknown_status_n",
            "still_booked_n",
        )
    ]
    assert parts == [4, 3, 1, 1, 2, 3, 1, 1]
    assert row["scheduled_n"] == sum(parts) == 16


def test_cancelled_by_the_client_at_or_after_the_start_is_a_no_show(world: World) -> None:
    # one missed, one cancelled at nine sharp, one five minutes later
    assert world.week_row("attendance_week", 0)["no_show_n"] == 3


def test_rate_leaves_out_every_seat_that_was_neither_kept_nor_missed(world: World) -> None:
    row = world.week_row("attendance_week", 0)
    assert (row["no_show_ratio"], row["definition"]) == (pytest.approx(3 / 7), "A")


@pytest.mark.rule("T01")
def test_rates_of_what_was_due_are_null_while_a_cancellation_is_not_understood(world: World) -> None:
    row = world.week_row("attendance_week", 0)
    assert (row["combined_ratio"], row["no_show_due_ratio"]) == (None, None)
    assert world.week_row("attendance_week", 0, key="group")["no_show_due_ratio"] == 0.25
    assert world.week_row("attendance_week", 0, key="group")["combined_ratio"] == 0.25


def test_group_no_shows_count_per_seat(world: World) -> None:
    row = world.week_row("attendance_week", 0, key="group")
    assert (row["kept_n"], row["no_show_n"], row["no_show_ratio"]) == (6, 2, 0.25)


def test_four_week_rate_is_sum_over_sum(world: World) -> None:
    row = world.week_row("attendance_week", 4, key="roll")
    # weeks 1 to 4: 8 + 10 + 6 + 5 kept, 2 + 0 + 4 + 5 missed
    assert (row["kept_4w"], row["no_show_4w"], row["no_show_ratio_4w"]) == (29, 11, 11 / 40)


def test_seat_before_midnight_on_sunday_is_in_the_week_that_ends(world: World) -> None:
    assert world.week_row("attendance_week", 0, key="roll")["kept_n"] == 10


def test_wilson_interval_of_6_in_20_is_15_to_52_percent(world: World) -> None:
    made = World()
    made.employ(date(2025, 1, 6))
    made.seats(0, kept=14, missed=6)
    made.run(weeks=1)
    row = made.week_row("attendance_week", 0)
    assert (round(row["wilson_lo"], 2), round(row["wilson_hi"], 2)) == (0.15, 0.52)


def test_weeks_without_a_kept_or_missed_seat_have_no_interval() -> None:
    made = World()
    made.employ(date(2025, 1, 6))
    made.seat(made.day(0), "09:00", status="booked")
    made.run(weeks=1)
    row = made.week_row("attendance_week", 0)
    assert [row[name] for name in ("no_show_ratio_4w", "wilson_lo", "wilson_hi")] == [None, None, None]


def test_appointment_without_a_client_is_no_seat() -> None:
    made = World()
    made.employ(date(2025, 1, 6))
    made.seats(0, kept=2, missed=1)
    made.seat(made.day(0), "12:00", client=None)
    made.seat(made.day(0), "13:00", client=None, status="unknown")
    made.run(weeks=1)
    row = made.week_row("attendance_week", 0)
    assert [row[name] for name in ("scheduled_n", "kept_n", "no_show_n", "unknown_status_n")] == [3, 2, 1, 0]


def test_week_without_appointments_has_zeros_and_no_rate(world: World) -> None:
    row = world.week_row("attendance_week", 1)
    assert (row["scheduled_n"], row["no_show_ratio"], row["no_show_ratio_4w"]) == (0, None, 3 / 7)


def test_appointments_meet_their_week_by_the_day_and_not_every_week_of_the_clinician() -> None:
    import ibis.expr.operations as ops

    table = found(load_policy())["attendance_week"]
    for link in table.op().find(ops.JoinLink):
        keys = {predicate.left.name for predicate in link.predicates if isinstance(predicate, ops.Equals)}
        assert len(keys) > 1 or "week_id" not in link.table.schema
