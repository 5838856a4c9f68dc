"""`clinician_intake`: who came and who left, redone by hand."""

from __future__ import annotations

from datetime import date

import pytest
from tests.marts import Row, World

ONLY = ("clinician_intake", "intake_flow")


def month_row(made: World, month: int) -> Row:
    rows = made.select(f"SELECT * FROM marts.clinician_intake WHERE month_id = DATE '2026-{month:02d}-01'")
    assert len(rows) == 1
    return rows[0]


def says(made: World, month: int) -> tuple[str, str | None]:
    rows = made.select(
        "SELECT state, reason FROM marts.guardrail_result WHERE is_current AND NOT is_retracted"
        f" AND guardrail_id = 'intake_flow' AND period = '2026-{month:02d}-01'"
    )
    assert len(rows) == 1
    return rows[0]["state"], rows[0]["reason"]


def world() -> World:
    made = World(only=ONLY)
    made.employ(date(2025, 1, 6))
    made.seat(made.day(0), "09:00")
    return made


@pytest.mark.rule("T10")
def test_new_is_an_intake_or_the_first_session_after_ninety_days() -> None:
    made = world()
    made.session(date(2026, 1, 6), "09:00", 50, clients=("old",))
    made.session(date(2026, 1, 20), "09:00", 50, clients=("early",))  # the practice's record is two weeks old
    made.session(date(2026, 4, 6), "09:00", 50, clients=("old",))  # ninety days later
    made.session(date(2026, 4, 7), "09:00", 50, clients=("late",))  # first seen after the record's first ninety days
    for week in (7, 14):
        made.session(date(2026, 4, week), "11:00", 50, clients=("two",), is_intake=True)
    made.run(weeks=17)
    assert [month_row(made, month)["intakes_n"] for month in (1, 2, 3, 4)] == [0, 0, 0, 3]


@pytest.mark.rule("T10")
def test_two_months_in_which_more_left_than_came_are_a_breach() -> None:
    made = world()
    made.assign("one", date(2025, 6, 1), date(2026, 1, 31))
    made.assign("two", date(2025, 6, 1), date(2026, 2, 1))
    made.assign("three", date(2025, 6, 1), date(2026, 3, 31))
    made.session(date(2026, 3, 3), "09:00", 50, clients=("new",), is_intake=True)
    made.run(weeks=13)
    assert [month_row(made, month)["net_flow"] for month in (1, 2, 3)] == [-1, -1, 0]
    assert [says(made, month) for month in (1, 2, 3)] == [("pass", None), ("breach", "below_floor"), ("pass", None)]


@pytest.mark.rule("T10")
def test_without_assignments_nobody_knows_who_left() -> None:
    made = world()
    made.completeness["ehr", "case_assignment"] = None
    made.run(weeks=5)
    assert month_row(made, 1)["net_flow"] is None
    assert says(made, 1) == ("unknown", "no_source")


@pytest.mark.rule("T14", "W21")
def test_a_new_client_is_matched_who_asked_for_a_specialty_of_the_clinician() -> None:
    made = world()
    made.add("clinician_specialty", clinician_key="c1", specialty="trauma")
    for client in ("a", "b", "c"):
        made.session(date(2026, 1, 20), "09:00", 50, clients=(client,), is_intake=True)
    for client, day, asked in (("a", 12, "trauma"), ("b", 12, "couples"), ("c", 9, "trauma"), ("c", 12, None)):
        made.add(
            "referral",
            referral_key=f"{client}{day}",
            client_key=client,
            direction="in",
            channel="phone",
            outcome="accepted",
            inquiry_at=made.at(date(2026, 1, day), "09:00"),
            requested_specialty=asked,
        )
    made.assign("d", date(2025, 6, 1), date(2026, 1, 20))
    made.rows["case_assignment"][-1]["end_reason"] = "transfer_fit"
    made.run(weeks=5)
    row = month_row(made, 1)
    assert (row["intakes_n"], row["specialty_asked_n"], row["match_ratio"]) == (3, 2, 0.5)
    assert (row["discharges_n"], row["transfers_out_n"]) == (1, 1)


@pytest.mark.rule("W21")
def test_of_whom_no_source_of_sessions_knows_nothing_is_said_of_specialties() -> None:
    made = world()
    made.clinician("filed", source="hr")
    made.employ(date(2025, 1, 6), key="filed")
    made.add("clinician_specialty", clinician_key="filed", specialty="trauma", source="hr")
    made.run(weeks=5)
    (row,) = made.select(
        "SELECT * FROM marts.clinician_intake WHERE clinician_key = 'filed' AND month_id = DATE '2026-01-01'"
    )
    assert (row["intakes_n"], row["specialty_asked_n"], row["specialty_matched_n"]) == (None, None, None)
