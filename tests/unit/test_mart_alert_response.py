"""`alert_response`: whom alerts reached, and whether somebody acted in time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any  # a canonical value

import pytest
from tests.marts import Row, World

ONLY = ("alert_response", "offtrack_review", "safety_review", "dual_notification")


CLIENTS = (
    "soon", "late", "nobody", "far", "farther", "outreach", "mistake", "closed", "told", "tuesday", "alone", "holiday",
    "own", "note", "slow", "plan", "silent", "blank",
)  # fmt: skip
SEEN = tuple(client for client in CLIENTS if client not in {"far", "farther"})


def practice() -> World:
    """Clients who are seen every Monday at nine, by c1, for eight weeks; two only on the first."""
    made = World(only=ONLY)
    made.employ(date(2025, 1, 6))
    for week in range(8):
        made.session(made.day(week), "09:00", 50, clients=CLIENTS if week == 0 else SEEN)
    return made


def raised(made: World, client: str, *, kind: str = "reliable_drop", **over: Any) -> None:
    """An alert recorded on the second Monday at eleven; its key is the client's."""
    made.add(
        "clinical_alert",
        **{
            "alert_key": client,
            "client_key": client,
            "clinician_key": "c1",
            "kind": kind,
            "created_at": made.at(made.day(1), "11:00"),
            "state": "open",
            **over,
        },
    )


def acted(made: World, client: str, action: str, day: date, clock: str) -> None:
    made.add("alert_action", action_key=f"t-{client}", alert_key=client, acted_at=made.at(day, clock), action=action)


def noted(made: World, client: str, *, hours: int) -> None:
    """A note of the second Monday's session, marked as reviewed for risk, signed hours after ten."""
    at = made.at(made.day(1), "10:00")
    made.add(
        "note",
        note_key=f"n-{client}",
        session_key="s1",
        client_key=client,
        clinician_key="c1",
        note_type="progress",
        status="signed",
        created_at=at,
        signed_at=at + timedelta(hours=hours),
        is_risk_reviewed=True,
    )


def positive(made: World, client: str, value: int | None = 1) -> str:
    return made.answer(made.day(1), 10, client=client, item9=value)


@pytest.fixture(scope="module")
def world() -> World:
    made = practice()
    made.clinician("boss")
    for own in ("c1", "boss"):
        made.add(
            "supervision_link", clinician_key=own, supervisor_key="boss", kind="clinical", valid_from=date(2025, 1, 6)
        )
    for client in ("soon", "late", "nobody", "far", "farther", "outreach"):
        raised(made, client)
    raised(made, "mistake", state="false_positive")
    raised(made, "closed", state="reviewed")
    raised(made, "own", clinician_key="boss")
    # The second session after the second Monday at eleven ends on 26 January at 09:50.
    acted(made, "soon", "reviewed", date(2026, 1, 26), "09:50")
    acted(made, "late", "reviewed", date(2026, 1, 26), "09:51")
    # Three weeks after it is 2 February, eleven.
    acted(made, "far", "plan_changed", date(2026, 2, 2), "10:59")
    acted(made, "farther", "plan_changed", date(2026, 2, 2), "11:01")
    acted(made, "outreach", "outreach", made.day(1), "12:00")
    # Raised on Friday 16 January: the next business day is Monday the 19th; on the 23rd, Tuesday the 27th.
    friday, monday = date(2026, 1, 16), date(2026, 1, 19)
    for client, day, told in (
        ("told", friday, made.at(monday, "23:59")),
        ("tuesday", friday, made.at(date(2026, 1, 20), "00:01")),
        ("alone", friday, None),
        ("holiday", date(2026, 1, 23), made.at(date(2026, 1, 27), "17:00")),
    ):
        raised(
            made,
            client,
            created_at=made.at(day, "11:00"),
            therapist_notified_at=made.at(day, "12:00"),
            supervisor_notified_at=told,
        )
    made.add(
        "practice_closure", closure_key="h", kind="holiday", from_date=date(2026, 1, 26), to_date=date(2026, 1, 26)
    )
    for client, hours in (("note", 24), ("slow", 25)):
        positive(made, client)
        noted_key = f"s-{client}"
        # Each has a session of their own on that Monday, so that a note says nothing about the other.
        made.session(made.day(1), "09:00", 50, clients=(client,), session_key=noted_key)
        noted(made, client, hours=hours)
        made.rows["note"][-1]["session_key"] = noted_key
    raised(made, "plan", kind="safety_item", trigger_response_key=positive(made, "plan"))
    acted(made, "plan", "safety_plan", made.day(1), "15:00")
    positive(made, "silent")
    made.answer(made.day(1), 10, client="blank")
    made.run(weeks=8)
    return made


def alert(world: World, client: str) -> Row:
    (found,) = world.select(f"SELECT * FROM marts.alert_response WHERE client_key = '{client}'")
    return found


def says(world: World, guardrail: str, client: str) -> tuple[str, str | None] | None:
    """State and reason; null where nothing was judged."""
    found = world.select(
        "SELECT r.state, r.reason FROM marts.guardrail_result r"
        " JOIN marts.alert_response a ON a.alert_key = r.subject_key"
        f" WHERE guardrail_id = '{guardrail}' AND is_current AND NOT is_retracted AND a.client_key = '{client}'"
    )
    return (found[0]["state"], found[0]["reason"]) if found else None


PASS, BREACH = ("pass", None), ("breach", "above_ceiling")


@pytest.mark.formula(23)
@pytest.mark.rule("O03", "O04")
def test_review_is_due_by_the_end_of_the_second_session(world: World) -> None:
    assert (says(world, "offtrack_review", "soon"), says(world, "offtrack_review", "late")) == (PASS, BREACH)
    found = alert(world, "soon")
    # From Monday 11:00 to the Monday two weeks later, 09:50.
    assert (found["sessions_to_review"], found["h_to_action"]) == (2, pytest.approx(14 * 24 - 70 / 60))


@pytest.mark.formula(23)
def test_without_sessions_review_is_due_after_three_weeks(world: World) -> None:
    assert [alert(world, client)["is_reviewed_in_time"] for client in ("far", "farther")] == [True, False]


@pytest.mark.rule("O05")
def test_an_alert_that_nobody_reviewed_is_a_breach_whatever_outreach_was_made(world: World) -> None:
    assert (says(world, "offtrack_review", "nobody"), says(world, "offtrack_review", "outreach")) == (BREACH, BREACH)
    assert (alert(world, "nobody")["h_to_action"], alert(world, "outreach")["h_to_action"]) == (None, 1.0)
    assert alert(world, "nobody")["overdue"]


def test_a_false_positive_needs_no_review_and_a_review_of_unknown_time_is_unknown(world: World) -> None:
    assert says(world, "offtrack_review", "mistake") is None
    assert says(world, "offtrack_review", "closed") == ("unknown", "no_source")


@pytest.mark.formula(23)
@pytest.mark.rule("O02")
def test_therapist_and_supervisor_are_told_within_a_business_day(world: World) -> None:
    found = {client: says(world, "dual_notification", client) for client in ("told", "tuesday", "alone", "holiday")}
    assert found == {"told": PASS, "tuesday": BREACH, "alone": BREACH, "holiday": PASS}


@pytest.mark.formula(23)
def test_who_supervises_themselves_is_routed_to_the_clinical_lead(world: World) -> None:
    found = [(alert(world, client)["supervisor_key"], alert(world, client)["route_to"]) for client in ("soon", "own")]
    assert found == [("boss", "supervisor"), (None, "clinical_lead")]


@pytest.mark.formula(24)
@pytest.mark.rule("D10")
def test_a_positive_item_is_audited_by_a_note_or_a_logged_review_within_a_day(world: World) -> None:
    found = {client: says(world, "safety_review", client) for client in ("note", "slow", "plan", "silent")}
    assert found == {"note": PASS, "slow": BREACH, "plan": PASS, "silent": BREACH}
    assert (alert(world, "plan")["origin"], alert(world, "silent")["origin"]) == ("recorded", "derived")
    assert [alert(world, client)["is_risk_reviewed_in_time"] for client in ("note", "slow")] == [True, False]


@pytest.mark.edge_case(29)
def test_an_unanswered_item_is_no_alert_and_no_all_clear(world: World) -> None:
    assert world.select("SELECT 1 FROM marts.alert_response WHERE client_key = 'blank'") == []
    assert world.select("SELECT safety_flag FROM marts.measure_trajectory WHERE client_key = 'blank'") == [
        {"safety_flag": None}
    ]


def test_before_it_is_due_nothing_is_judged() -> None:
    made = practice()
    raised(made, "nobody")
    made.run(weeks=3)
    assert (says(made, "offtrack_review", "nobody"), alert(made, "nobody")["is_reviewed_in_time"]) == (None, None)


def test_what_was_done_in_time_passes_before_it_is_due() -> None:
    made = practice()
    # Read until noon of the second Monday, and judged a week later: of these reviews none is due until the 26th.
    for client in ("soon", "late", "nobody"):
        raised(made, client)
    acted(made, "soon", "reviewed", made.day(1), "11:30")
    acted(made, "late", "reviewed", made.day(1), "12:01")
    raised(
        made,
        "told",
        therapist_notified_at=made.at(made.day(1), "11:10"),
        supervisor_notified_at=made.at(made.day(1), "11:40"),
    )
    raised(made, "plan", kind="safety_item", trigger_response_key=positive(made, "plan"))
    acted(made, "plan", "safety_plan", made.day(1), "11:45")
    for entity in (
        "clinical_alert",
        "alert_action",
        "session",
        "session_participant",
        "measure_response",
        "measure_item",
        "note",
    ):
        made.completeness["ehr", entity] = made.at(made.day(1), "12:00")
    made.run(weeks=2)
    found = {client: says(made, "offtrack_review", client) for client in ("soon", "late", "nobody")}
    assert found == {"soon": PASS, "late": ("unknown", "stale"), "nobody": None}
    assert (says(made, "dual_notification", "told"), says(made, "safety_review", "plan")) == (PASS, PASS)


def test_without_sources_or_with_stale_ones_verdicts_are_unknown() -> None:
    made = practice()
    raised(made, "nobody")
    positive(made, "silent")
    made.completeness[("ehr", "alert_action")] = made.completeness[("ehr", "note")] = None
    made.completeness[("ehr", "clinical_alert")] = made.at(made.day(1), "12:00")
    made.run(weeks=8)
    assert says(made, "offtrack_review", "nobody") == ("unknown", "no_source")
    assert says(made, "safety_review", "silent") == ("unknown", "no_source")
    assert says(made, "dual_notification", "nobody") == ("unknown", "stale")


@pytest.mark.formula(22)
@pytest.mark.rule("O02")
def test_what_no_source_recorded_is_derived_once_and_again_after_a_recovery() -> None:
    made = practice()
    for week, total in enumerate([12, 18, 19, 11, 17, 18]):
        made.answer(made.day(week), total, client="silent")
    for week, tenths in enumerate([380, 359, 350, 360, 340]):
        made.answer(made.day(week), tenths, client="alone", instrument="srs")
    for week, total in enumerate([12, 18]):
        made.answer(made.day(week), total, client="told")
    raised(made, "told", kind="off_track")
    made.run(weeks=8)
    found = made.select("SELECT * FROM marts.alert_response ORDER BY client_key, created_at")
    # PHQ-9: six above the best before in week 1, still in week 2; week 3 is well; week 4 is six above 11.
    assert [(row["client_key"], row["kind"], row["origin"], row["created_on"]) for row in found] == [
        ("alone", "alliance_low", "derived", made.day(1)),
        ("alone", "alliance_low", "derived", made.day(4)),
        ("silent", "reliable_drop", "derived", made.day(1)),
        ("silent", "reliable_drop", "derived", made.day(4)),
        ("told", "off_track", "recorded", made.day(1)),
    ]
    # Nobody can tell of a derived alert whom it reached.
    assert says(made, "dual_notification", "silent") is None


@pytest.mark.rule("D10")
def test_a_day_runs_from_the_answer_and_only_a_standing_note_about_the_client_counts() -> None:
    made = practice()
    # Answered on the second Monday at ten; the source raised an alert at nine the next morning.
    raised(
        made,
        "told",
        kind="safety_item",
        trigger_response_key=positive(made, "told"),
        created_at=made.at(made.day(1, 1), "09:00"),
    )
    acted(made, "told", "reviewed", made.day(1, 1), "12:00")
    for client, over in (("seat", {}), ("withdrawn", {"status": "entered_in_error"}), ("another", {"client_key": "z"})):
        positive(made, client)
        made.session(made.day(1), "09:00", 50, clients=(client,), session_key=client, appointment_key=f"a-{client}")
        noted(made, client, hours=2)
        made.rows["note"][-1] |= {"session_key": None, "appointment_key": f"a-{client}", **over}
    made.run(weeks=8)
    found = {client: says(made, "safety_review", client) for client in ("told", "seat", "withdrawn", "another")}
    assert found == {"told": BREACH, "seat": PASS, "withdrawn": BREACH, "another": BREACH}


@pytest.mark.formula(22)
def test_an_alert_recorded_for_one_instrument_leaves_another_one_open() -> None:
    made = practice()
    made.answer(made.day(1), 12, client="two")
    last = made.answer(made.day(2), 19, client="two")
    for week, total in ((1, 8), (2, 15)):
        made.answer(made.day(week), total, client="two", instrument="gad7")
    raised(made, "two", kind="off_track", trigger_response_key=last, created_at=made.at(made.day(2), "12:00"))
    made.run(weeks=8)
    rows = made.select("SELECT instrument, origin FROM marts.alert_response ORDER BY instrument")
    assert [tuple(row.values()) for row in rows] == [("gad7", "derived"), ("phq9", "recorded")]
