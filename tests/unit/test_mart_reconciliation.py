"""What the EHR, billing and measures say of one week, and where they differ. All times are local."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.marts import Row, World
from tests.marts.billing import charge

ONLY = ("reconciliation",)


def practice() -> World:
    made = World(only=ONLY)
    made.employ(date(2025, 1, 6))
    return made


def note(made: World, **over: object) -> None:
    number = len(made.rows["note"])
    values = {"note_type": "progress", "status": "final", "created_at": made.at(made.day(0), "18:00"), **over}
    made.add("note", note_key=f"n{number}", **values)


def week(made: World, number: int = 0, *, weeks: int = 3) -> Row:
    made.run(weeks=weeks)
    return made.week_row("reconciliation", number)


@pytest.fixture(scope="module")
def found() -> Row:
    """One week: what is there for each session and seat is said beside it."""
    made = practice()
    seat = made.seat(made.day(0), "09:00")  # session, note by the appointment, charge
    made.session(made.day(0), "09:00", 55, session_key="all", appointment_key=seat)
    note(made, appointment_key=seat)
    charge(made, made.day(0), 9_000, appointment_key=seat, procedure_code="90837", units=1.0)
    charge(made, made.day(0), 900, session_key="all", procedure_code="90785")
    made.session(made.day(0, 1), "09:00", 40, session_key="by day", clients=("k2",))  # charge by client and day
    charge(made, made.day(0, 1), 9_000, client_key="k2", procedure_code="90837", units=1.0)
    made.session(made.day(0, 2), "09:00", 60, session_key="bare", clients=("k3",))  # nothing
    made.session(made.day(0, 3), "17:00", 90, session_key="grp", session_type="group", clients=("g1", "g2", "g3"))
    for client in ("g1", "g2"):
        charge(made, made.day(0, 3), 5_000, session_key="grp", client_key=client, procedure_code="90853")
    note(made, session_key="grp")
    note(made, session_key="bare", status="entered_in_error")
    made.seat(made.day(0, 4), "09:00", client="k4")  # kept, and nothing else
    missed = made.seat(made.day(0, 4), "11:00", client="k5", status="no_show")
    charge(made, made.day(0, 4), 5_000, appointment_key=missed, procedure_code="90837", client_key="k5")
    charge(made, made.day(0, 4), 5_000, client_key="k6", procedure_code="90834")  # of nobody who was there
    charge(made, made.day(0, 4), 5_000, client_key="k6", procedure_code="99492")
    made.assign("k2", date(2025, 1, 6))
    made.answer(made.day(0, 1), 9, client="k2")
    made.answer(made.day(0, 4), 9, client="k2")  # 96 hours later
    return week(made)


@pytest.mark.rule("D19", "F04")
def test_sessions_without_note_or_charge_are_found(found: Row) -> None:
    assert (found["sessions_n"], found["note_due_n"], found["without_note_n"]) == (4, 4, 2)
    assert (found["charge_due_n"], found["without_charge_n"]) == (4, 1)


@pytest.mark.edge_case(18)
def test_a_fee_for_a_missed_appointment_is_no_session_that_was_not_held(found: Row) -> None:
    # of the charges of 9 January one is a fee, one is billed by the month, and one has no session
    assert (found["missed_fee_n"], found["charges_without_session_n"]) == (1, 1)


def test_units_are_held_against_sessions_and_group_places(found: Row) -> None:
    # 90837 twice, two of the group and the loose one; three sessions and three places of the group
    assert (found["charge_units_n"], found["expected_units_n"], found["units_over_n"]) == (5, 6, -1)


def test_a_session_too_short_for_its_code_is_counted(found: Row) -> None:
    assert found["short_for_code_n"] == 1


@pytest.mark.edge_case(16)
def test_kept_by_default_without_session_note_or_charge_is_found(found: Row) -> None:
    assert found["kept_without_session_n"] == 1


def test_a_measure_far_from_any_session_is_found(found: Row) -> None:
    assert found["measures_without_session_n"] == 1


def test_a_measure_waits_for_the_session_that_may_still_follow_it() -> None:
    made = practice()
    made.assign("k2", date(2025, 1, 6))
    made.answer(made.day(0, 4), 9, client="k2")  # 10:00 on Friday, so that a session may follow until Monday, 10:00
    found = []
    for clock in ("09:59", "10:00"):
        made.run(weeks=1, as_of=made.at(made.day(1), clock))
        found.append(made.week_row("reconciliation", 0)["measures_without_session_n"])
    assert found == [0, 1]


def test_nothing_is_missing_within_a_week_nor_beyond_what_was_read() -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60)
    made.seat(made.day(0, 1), "09:00", client="k2")
    early = week(made, weeks=1)
    assert (early["note_due_n"], early["kept_without_session_n"], early["charge_units_n"]) == (0, 0, None)
    made.completeness[("ehr", "note")] = made.at(made.day(1), "08:00") - timedelta(hours=1)
    late = week(made)
    assert (late["note_due_n"], late["without_charge_n"], late["kept_without_session_n"]) == (0, 1, 1)


def test_without_billing_nothing_is_said_about_charges() -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60)
    made.completeness[("ehr", "charge")] = None
    found = week(made)
    assert (found["without_charge_n"], found["units_over_n"], found["without_note_n"]) == (None, None, 1)


def test_a_session_whose_appointment_shows_as_missed_is_counted() -> None:
    made = practice()
    missed = made.seat(made.day(0), "09:00", status="no_show")
    made.session(made.day(0), "09:00", 60, appointment_key=missed)
    assert week(made)["sessions_not_kept_n"] == 1
