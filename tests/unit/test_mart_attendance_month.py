"""`attendance_month` and what `attendance_week` says of groups and refilled seats, redone by hand. Times are local."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any  # a canonical value

import pytest
from tests.marts import Row, World

from pacekeeper.policy import Policy, load_policy

ONLY = ("attendance_month", "attendance_band_month", "reminder_month", "attendance_week", "reminders", "combined_loss")
JANUARY = "2026-01-01"


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """The default, with the benchmark of combined losses switched on."""
    file: Path = tmp_path_factory.mktemp("policy") / "policy.toml"
    file.write_text('extends = "default"\n[guardrails.combined_loss]\nenabled = true\n', encoding="utf-8")
    return load_policy(file=file)


def practice() -> World:
    made = World(only=ONLY)
    made.employ(date(2025, 1, 6))
    return made


def run(made: World, policy: Policy) -> None:
    made.run(weeks=5, policy=policy)


def january(made: World, mart: str = "attendance_month") -> Row:
    (row,) = made.select(f"SELECT * FROM marts.{mart} WHERE month_id = DATE '{JANUARY}'")
    return row


def verdict(made: World, guardrail: str) -> tuple[str, str | None]:
    (row,) = made.select(
        "SELECT * FROM marts.guardrail_result"
        f" WHERE guardrail_id = '{guardrail}' AND period = '{JANUARY}' AND is_current"
    )
    return row["state"], row["reason"]


@pytest.fixture(scope="module")
def world(policy: Policy) -> World:
    """One clinician in January: single seats, and a group of eight places."""
    made = practice()
    day = made.day(0)

    def gone(clock: str, notice_h: int, **over: Any) -> None:
        made.seat(
            day, clock, status="cancelled", cancelled_by="client",
            cancelled_at=made.at(day, clock) - timedelta(hours=notice_h), **over,
        )  # fmt: skip

    made.seats(0, kept=5, missed=1)
    gone("13:00", 48, client="k2")
    made.seat(day, "13:00", client="k3", booked_at=made.at(day, "13:00") - timedelta(hours=47), booked_via="self")
    gone("14:00", 10, client="k4", is_billable_cancel=True)
    made.seat(day, "14:30", client="k5", booked_at=made.at(day, "14:00") - timedelta(hours=11))
    for number in range(6):
        status = "kept" if number < 4 else "no_show"
        made.seat(made.day(1), "17:00", client=f"g{number}", group_key="grp", capacity=8, status=status)
    made.seat(made.day(2), "09:00", client="k6", modality_planned="video", booked_via="import")
    made.add(
        "appointment_event", appointment_key=f"a{len(made.rows['appointment']) - 1}", seq=2,
        at=made.at(made.day(2), "08:00"), at_precision="second", to_status="booked", change="modality",
    )  # fmt: skip
    run(made, policy)
    return made


@pytest.mark.formula(7)
@pytest.mark.rule("T01")
def test_definitions_a_b_and_c_differ_by_what_was_due(world: World) -> None:
    row = january(world)
    # 12 kept: 5 + 1 refill + 1 + 4 of the group + 1 by video. 3 missed. 1 late and 1 timely cancellation, 17 in all.
    assert (row["scheduled_n"], row["kept_n"], row["no_show_n"]) == (17, 12, 3)
    assert (row["late_cancel_n"], row["advance_cancel_n"]) == (1, 1)
    assert row["no_show_ratio"] == pytest.approx(3 / 15)
    assert row["no_show_due_ratio"] == pytest.approx(3 / 16)
    assert row["combined_ratio"] == pytest.approx(4 / 16)


@pytest.mark.formula(8)
@pytest.mark.rule("T02", "T03")
def test_a_seat_is_refilled_by_who_booked_after_the_cancellation(world: World) -> None:
    row = world.week_row("attendance_week", 0)
    # At 13:00 somebody booked an hour after the cancellation; at 14:30 an hour before it.
    assert (row["refill_n"], row["billable_cancel_n"]) == (1, 1)
    assert january(world)["refill_n"] == 1


@pytest.mark.rule("T15")
def test_group_fill_is_kept_seats_of_capacity(world: World) -> None:
    row = world.week_row("attendance_week", 1)
    assert (row["group_kept_n"], row["group_seats_n"], row["group_fill_ratio"]) == (4, 8, 0.5)
    assert world.week_row("attendance_week", 0)["group_fill_ratio"] is None


@pytest.mark.rule("T07", "T08", "T09")
def test_shares_of_booking_and_modality(world: World) -> None:
    row = january(world)
    # what was taken over from another system does not tell who booked it
    assert (row["self_booked_n"], row["booked_known_n"]) == (1, 16)
    assert (row["telehealth_kept_n"], row["telehealth_ratio"]) == (1, pytest.approx(1 / 12))
    # one switched to video; in person 1 + 2 of the group missed, 2 cancelled
    assert (row["switched_n"], row["switch_at_risk_n"], row["switch_ratio"]) == (1, 6, pytest.approx(1 / 6))


@pytest.mark.rule("T01", "T02", "T09")
def test_bands_add_up_to_the_month(world: World) -> None:
    rows = world.select(
        "SELECT dimension, band, scheduled_n, no_show_n, late_cancel_n FROM marts.attendance_band_month"
    )
    for dimension in ("modality", "lead_time"):
        of = [row for row in rows if row["dimension"] == dimension]
        assert [sum(row[name] for row in of) for name in ("scheduled_n", "no_show_n", "late_cancel_n")] == [17, 3, 1]
    bands = {row["band"]: row["scheduled_n"] for row in rows if row["dimension"] == "lead_time"}
    assert bands == {"unknown": 15, "0-1 days": 2}


@pytest.mark.rule("T02")
def test_a_quarter_lost_is_a_breach_and_few_seats_are_unknown(world: World, policy: Policy) -> None:
    assert verdict(world, "combined_loss") == ("unknown", "low_denominator")
    many = practice()
    many.seats(0, kept=17, missed=3)
    run(many, policy)
    assert verdict(many, "combined_loss") == ("warn", "above_warning")
    many.seats(1, kept=0, missed=2)
    run(many, policy)
    assert verdict(many, "combined_loss") == ("breach", "above_ceiling")
    many.seats(1, kept=40, missed=0)
    run(many, policy)
    assert verdict(many, "combined_loss") == ("pass", None)


def test_combined_loss_ships_switched_off() -> None:
    assert "combined_loss" not in load_policy().guardrail_ids


def remind(made: World, seat: str, start: Any, *offsets_h: float, **over: Any) -> None:
    for number, offset in enumerate(offsets_h):
        due, sent = (start - timedelta(hours=h) for h in (round(offset), offset))
        values = {"due_at": due, "offset_h": round(offset), "channel": "text", "sent_at": sent, **over}
        made.add("reminder", reminder_key=f"{seat}-{number}-{over}", appointment_key=seat, **values)


@pytest.mark.rule("T06")
def test_reminders_are_due_at_every_offset_at_which_the_seat_stood(policy: Policy) -> None:
    made = practice()
    start = made.at(made.day(1), "12:00")
    whole = made.seat(made.day(1), "12:00", booked_at=start - timedelta(days=9))
    remind(made, whole, start, 72.4, 24, 2)
    late = made.seat(made.day(1), "12:00", client="k2", booked_at=start - timedelta(hours=20))
    remind(made, late, start, 2)
    over: dict[str, Any] = {
        "status": "cancelled",
        "cancelled_by": "client",
        "cancelled_at": start - timedelta(hours=30),
    }
    given_up = made.seat(made.day(1), "12:00", client="k3", booked_at=start - timedelta(days=9), **over)
    remind(made, given_up, start, 72)
    run(made, policy)
    # 3 for the first, 1 for who booked 20 hours before, 1 for who cancelled 30 hours before
    row = january(made)
    assert (row["reminders_due_n"], row["reminders_in_time_n"]) == (5, 5)
    assert verdict(made, "reminders") == ("pass", None)
    made.rows["reminder"][0]["sent_at"] = start - timedelta(hours=72, minutes=31)
    made.rows["reminder"][1]["is_delivered"] = False
    run(made, policy)
    assert january(made)["reminders_in_time_n"] == 3
    assert verdict(made, "reminders") == ("breach", "below_floor")
    sent = made.select("SELECT offset_h, in_time_n, reminders_n FROM marts.reminder_month ORDER BY offset_h")
    assert [tuple(row.values()) for row in sent] == [(2, 2, 2), (24, 1, 1), (72, 1, 2)]


@pytest.mark.rule("T06")
def test_without_a_source_of_reminders_nothing_is_known(policy: Policy) -> None:
    made = practice()
    made.seats(0, kept=3, missed=0)
    made.completeness[("ehr", "reminder")] = None
    run(made, policy)
    assert january(made)["reminders_due_n"] is None
    assert verdict(made, "reminders") == ("unknown", "no_source")


@pytest.mark.rule("T03")
def test_lost_revenue_is_what_missed_seats_would_have_been_charged(policy: Policy) -> None:
    made = practice()
    for number, (code, cents) in enumerate([("long", 20_000), ("long", 10_000), ("short", 6_000)]):
        seat = made.seat(made.day(0, number), "09:00", service_code=code)
        made.session(made.day(0, number), "09:00", 50, appointment_key=seat, session_key=f"s{number}")
        made.add(
            "charge", charge_key=f"c{number}", session_key=f"s{number}", service_date=made.day(0, number),
            charge_cents=cents, currency="USD", payer_class="commercial", status="billed",
        )  # fmt: skip
    made.seat(made.day(1), "09:00", status="no_show", service_code="long")
    made.seat(made.day(1, 1), "09:00", status="no_show", service_code="new")
    made.seat(made.day(1, 2), "09:00", status="no_show", service_code="long", is_billable_cancel=True)
    run(made, policy)
    row = january(made)
    # A long one is 15 000 on average; of a code nobody kept the mean of all is expected, 12 000. The charged one
    # is no loss.
    assert row["lost_usd_cents"] == 27_000
    assert row["expected_usd_cents"] == 20_000 + 10_000 + 6_000 + 27_000
    assert row["lost_revenue_ratio"] == pytest.approx(27 / 63)
