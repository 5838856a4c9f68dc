"""`clinician_week` beside sessions: all work, supervision, debriefings, bookings and bills. All times are local."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any  # a canonical value

import pytest
from tests.marts import World

from pacekeeper.measures.completeness import SourceCompleteness

EARLY = date(2025, 1, 6)
RAILS = (
    "total_work_hours",
    "clients_week",
    "overbooking",
    "documentation_load",
    "protected_admin",
    "supervision_weekly",
    "debrief",
)


def a_world(*keys: str, **over: Any) -> World:
    made = World(only=("clinician_week", *RAILS))
    made.seat(made.day(0), "07:00", client=None, end_at=None)
    for key in keys:
        made.clinician(key)
        made.employ(EARLY, key=key, **over)
    return made


def entry(made: World, day: date, minutes: float, *, key: str = "c1", clock: str | None = None, **over: Any) -> None:
    values: dict[str, Any] = {"kind": "admin", "is_paid": True, **over}
    made.add(
        "time_entry",
        entry_key=f"t{len(made.rows['time_entry'])}",
        clinician_key=key,
        entry_date=day,
        started_at=None if clock is None else made.at(day, clock),
        minutes=minutes,
        **values,
    )


def ehr(made: World, day: date, clock: str, minutes: int, *, key: str = "c1", task: str = "note") -> None:
    start = made.at(day, clock)
    made.add(
        "ehr_interval",
        clinician_key=key,
        started_at=start,
        ended_at=start + timedelta(minutes=minutes),
        task_type=task,
        active_min=float(minutes),
        events_n=1,
        source="derived",
    )


def log(made: World, day: date, *keys: str) -> None:
    for key in keys:
        made.add(
            "ehr_event",
            event_key=f"v{len(made.rows['ehr_event'])}",
            clinician_key=key,
            at=made.at(day, "12:00"),
            event_type="view",
            task_type="note",
            action_count=1,
        )


def says(made: World, guardrail: str, *keys: str, week: int = 0) -> dict[str, tuple[str, str | None]]:
    return {key: made.says(guardrail, week, key=key) for key in keys}


@pytest.fixture(scope="module")
def world() -> World:
    made = a_world("union", "loose", "off", "billed", "addon", "fee", "intern", "biller", "booked", "mail")
    monday, tuesday = made.day(0), made.day(0, 1)

    # 09:00-10:00 session; a note 09:30-10:30; an admin entry 10:00-11:00; a meeting 10:30-12:00: 09:00 to 12:00
    made.session(monday, "09:00", 60, key="union")
    ehr(made, monday, "09:30", 60, key="union")
    entry(made, monday, 60, key="union", clock="10:00")
    made.block(monday, "10:30", "12:00", kind="team_meeting", key="union")
    # Tuesday: supervision planned for an hour and entered for 45 minutes without a time: the hour
    made.block(tuesday, "15:00", "16:00", kind="supervision", key="union")
    entry(made, tuesday, 45, key="union", kind="supervision_ind")

    # an hour of admin entries by the day and half an hour of messages, a block of 40 minutes: an hour and a half
    made.session(monday, "09:00", 60, key="loose")
    entry(made, monday, 60, key="loose", kind="documentation")
    made.block(monday, "13:00", "13:40", kind="admin", key="loose")
    made.add(
        "message",
        message_key="m0",
        clinician_key="loose",
        direction="out",
        category="clinical",
        urgency="routine",
        status="completed",
        sent_at=made.at(monday, "20:00"),
        minutes=30.0,
    )
    # answered by the client on Wednesday: no work of the clinician on that day
    mail: dict[str, Any] = {"clinician_key": "mail", "category": "clinical", "urgency": "routine", "minutes": 30.0}
    mail |= {"status": "completed", "sent_at": made.at(tuesday, "09:00")}
    made.add("message", message_key="m1", direction="out", replied_at=made.at(made.day(0, 2), "10:00"), **mail)
    mail["sent_at"] = made.at(monday, "09:00")
    made.add("message", message_key="m2", direction="in", replied_at=made.at(tuesday, "10:00"), **mail)
    # called off, and what a session tells already
    entry(made, monday, 60, key="loose", kind="supervision_ind", cancelled_by="counterpart")
    entry(made, monday, 60, key="loose", kind="direct", clock="16:00")

    # a meeting on a day of leave is no work; the note written that evening is
    made.block(monday, "00:00", "24:00", kind="pto", key="off")
    made.block(monday, "10:00", "11:00", kind="team_meeting", key="off")
    ehr(made, monday, "20:00", 30, key="off")

    def charge(session: str | None, key: str, **over: Any) -> None:
        number = len(made.rows["charge"])
        values: dict[str, Any] = {"charge_cents": 12000, "currency": "USD", "payer_class": "commercial", **over}
        values = {"status": "billed", "service_date": monday, **values}
        made.add("charge", charge_key=f"ch{number}", session_key=session, clinician_key=key, **values)

    first = made.session(monday, "09:00", 50, key="billed")
    made.session(monday, "10:00", 50, key="billed", clients=["k2"])
    charge(first, "billed")
    charge(None, "billed", client_key="k3", status="billed")
    made.session(monday, "11:00", 50, key="billed", clients=["k4"])
    charge(None, "billed", client_key="k4")
    voided = made.session(monday, "12:00", 50, key="billed", clients=["k5"])
    charge(voided, "billed", status="voided")
    made.seat(monday, "14:00", key="billed", status="no_show", is_billable_cancel=True)
    made.seat(monday, "15:00", key="billed", status="cancelled", cancelled_by="client", is_billable_cancel=False)
    made.leave(tuesday, 8, key="billed")

    # E/M with the psychotherapy add-on 90833 and the complexity add-on 90785: one visit of 30 minutes
    visit = made.session(monday, "09:00", 30, key="addon", session_type="medication")
    for code in ("99214", "90833", "90785"):
        charge(visit, "addon", procedure_code=code, units=1.0)
    # a couple in one session: two clients, one charge
    pair = made.session(tuesday, "09:00", 50, key="addon", session_type="couple", clients=["k1", "k2"])
    charge(pair, "addon", procedure_code="90847", client_key="k1")

    missed = made.seat(monday, "09:00", key="fee", status="no_show")
    charge(None, "fee", appointment_key=missed, client_key="k1", procedure_code="90837")

    supervised = made.session(monday, "09:00", 60, key="intern")
    charge(supervised, "intern", billing_clinician_key="biller")

    # 8 h open; 9 planned hours of which one is cancelled in time and one late; one slot is booked twice
    made.open_week(0, 8, key="booked", days=1)
    for hour in range(8, 16):
        over = {11: ("cancelled", 25), 12: ("cancelled", 2)}.get(hour)
        start = made.at(monday, f"{hour:02d}:00")
        values: dict[str, Any] = {"status": "kept", "end_at": start + timedelta(hours=1)}
        if over is not None:
            values |= {
                "status": over[0],
                "cancelled_by": "client",
                "cancelled_at": start - timedelta(hours=over[1]),
            }
        made.seat(monday, f"{hour:02d}:00", key="booked", client=f"b{hour}", **values)
    made.seat(monday, "08:00", key="booked", client="twice", end_at=made.at(monday, "09:00"))
    made.run(weeks=1)
    return made


@pytest.mark.rule("W02", "W12")
@pytest.mark.rule("D07")
def test_total_work_counts_each_hour_once(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="union")
    # Monday 09:00-12:00, Tuesday one hour
    assert (row["direct_h"], row["total_work_h"], row["supervision_h"]) == (1.0, 4.0, 1.0)
    # notes and admin outside the session: 10:00-11:00
    assert row["documentation_h"] == 1.0
    assert (row["days_worked_n"], row["intensity_h_per_day"]) == (2, 0.5)


def test_time_known_by_the_day_alone_adds_what_exceeds_the_timed_hours_of_its_day(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="loose")
    assert (row["total_work_h"], row["documentation_h"], row["supervision_cancelled_n"]) == (2.5, 1.0, 1)
    assert (row["supervision_cancelled_by_supervisor_n"], row["supervision_n"], row["supervision_h"]) == (1, 0, 0.0)


def test_minutes_of_a_message_are_of_the_day_it_was_written_or_answered(world: World) -> None:
    # an outgoing one sent on Tuesday, an incoming one answered on Tuesday
    row = world.week_row("clinician_week", 0, key="mail")
    assert (row["total_work_h"], row["days_worked_n"]) == (1.0, 1)


def test_a_block_on_leave_is_no_work_and_what_was_done_is(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="off")
    assert (row["total_work_h"], row["worked_ratio"], row["days_worked_n"]) == (0.5, 0.0, 0)


@pytest.mark.formula(3)
@pytest.mark.rule("U05", "U06")
def test_billable_hours_are_those_of_held_sessions_with_a_standing_charge(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="billed")
    # 50 minutes by session, 50 by client and day; k3 was not seen, the last charge is voided
    assert row["billable_h"] == pytest.approx(100 / 60)
    assert row["direct_h"] == pytest.approx(200 / 60)
    # paid are 40 h less 8 h of leave
    assert row["billable_ratio"] == pytest.approx(100 / 60 / 32)
    assert row["paid_productivity_ratio"] == pytest.approx(200 / 60 / 32)
    assert row["billable_cancel_n"] == 1


@pytest.mark.edge_case(2, 3)
def test_add_on_codes_and_second_clients_add_no_minutes(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="addon")
    assert row["billable_h"] == row["direct_h"] == pytest.approx(80 / 60)
    assert (row["sessions_n"], row["distinct_clients_n"]) == (2, 2)


@pytest.mark.edge_case(18)
def test_fee_for_a_missed_appointment_is_no_session(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="fee")
    assert (row["billable_h"], row["direct_h"], row["sessions_n"]) == (0.0, 0.0, 0)


@pytest.mark.edge_case(12)
def test_hours_are_those_of_the_person_in_the_room_and_not_of_the_biller(world: World) -> None:
    assert world.week_row("clinician_week", 0, key="intern")["billable_h"] == 1.0
    assert world.week_row("clinician_week", 0, key="biller")["billable_h"] == 0.0


@pytest.mark.rule("W20", "U08")
def test_booked_hours_stood_when_the_notice_period_began(world: World) -> None:
    row = world.week_row("clinician_week", 0, key="booked")
    # eight hours less one cancelled in time, and one slot twice
    assert (row["booked_h"], row["bookable_h"], row["booked_ratio"]) == (8.0, 8.0, 1.0)
    assert (row["scheduled_h"], row["completed_ratio"]) == (8.0, 0.0)


@pytest.fixture(scope="module")
def judged() -> World:
    worked = ("fine", "long", "over", "half", "unclear", "unreviewed", "docs", "crowd31", "crowd35")
    made = a_world(*worked, "unlogged", "admin8", "admin7", "adminpart")
    made.clinician("away")
    made.employ(EARLY, key="away")
    made.rows["employment"][3]["fte"] = 0.5
    hours_of = {"fine": 45, "long": 46, "over": 51, "half": 23, "unclear": 20, "unreviewed": 20, "unlogged": 20}
    for key, hours in hours_of.items():
        for weekday in range(5):
            entry(made, made.day(0, weekday), hours * 12, key=key, kind="outreach")
    log(made, made.day(0), *worked)
    made.session(made.day(0), "09:00", 50, key="unlogged")
    for key, status in (("unclear", "unknown"), ("unreviewed", "unreviewed")):
        made.session(made.day(0), "09:00", 50, key=key, status=status)
        made.open_week(0, key=key)
    entry(made, made.day(0), 601, key="docs", kind="documentation")
    for key, clients in (("crowd31", 31), ("crowd35", 35)):
        for number in range(clients):
            made.session(made.day(0), "09:00", 50, key=key, clients=[f"k{number}"])
    for key, hours in (("admin8", 8), ("admin7", 7), ("adminpart", 4), ("away", 1)):
        made.open_week(0, 4, key=key)
        made.block(made.day(0), "12:00", f"{12 + hours}:00", kind="admin", key=key, is_protected=True)
    made.add(
        "practice_closure",
        closure_key="storm",
        location_key="north",
        from_date=made.day(0, 1),
        to_date=made.day(0, 4),
        kind="closure",
    )
    made.add(
        "location",
        location_key="north",
        practice_key="p",
        name="North",
        tz=made.zone,
        tz_source="record",
        kind="clinic",
    )
    for row in made.rows["clinician"]:
        if row["clinician_key"] == "adminpart":
            row["home_location_key"] = "north"
    made.leave(made.day(0), 4, key="away")
    made.run(weeks=1)
    return made


@pytest.mark.rule("W02", "D07")
def test_total_work_hours(judged: World) -> None:
    keys = ("fine", "long", "over", "half", "unclear", "unreviewed", "unlogged")
    assert says(judged, "total_work_hours", *keys) == {
        "fine": ("pass", None),
        "long": ("warn", "above_warning"),
        "over": ("breach", "above_ceiling"),
        "half": ("warn", "above_warning"),
        "unclear": ("unknown", "partial"),
        "unreviewed": ("unknown", "defaulted"),
        # a session on a day of which the log tells nothing: what else was done in the EHR is not known
        "unlogged": ("unknown", "partial"),
    }


@pytest.mark.rule("W03", "W19")
def test_clients_week(judged: World) -> None:
    assert says(judged, "clients_week", "fine", "crowd31", "crowd35", "unclear", "unreviewed") == {
        "fine": ("pass", None),
        "crowd31": ("warn", "above_warning"),
        "crowd35": ("breach", "above_ceiling"),
        "unclear": ("unknown", "partial"),
        "unreviewed": ("unknown", "defaulted"),
    }


@pytest.mark.rule("W12")
def test_documentation_load(judged: World) -> None:
    assert says(judged, "documentation_load", "fine", "docs", "unlogged") == {
        "fine": ("pass", None),
        "docs": ("warn", "above_warning"),
        "unlogged": ("unknown", "partial"),
    }


@pytest.mark.formula(19)
@pytest.mark.rule("W11")
@pytest.mark.edge_case(7)
def test_protected_admin_is_a_floor_of_what_the_practice_was_open(judged: World) -> None:
    keys = ("admin8", "admin7", "adminpart", "away", "unclear", "unreviewed", "fine")
    assert says(judged, "protected_admin", *keys) == {
        "admin8": ("pass", None),
        "admin7": ("breach", "below_floor"),
        # 20 h of client time and 4 h of admin were planned, 16 h of them on days of the storm: the floor is 8 x 8/24
        "adminpart": ("pass", None),
        "away": ("exempt", "leave"),
        "unclear": ("unknown", "partial"),
        "unreviewed": ("unknown", "defaulted"),
        # nothing is planned
        "fine": ("unknown", "no_source"),
    }
    assert judged.verdict("protected_admin", 0, key="adminpart")["threshold_breach"] == pytest.approx(8 / 3)
    row = judged.week_row("clinician_week", 0, key="adminpart")
    assert (row["available_h"], row["template_h"], row["evaluability"]) == (4.0, 20.0, "not_evaluated")
    assert judged.week_row("clinician_week", 0, key="admin8")["available_h"] == 20.0
    assert judged.week_row("clinician_week", 0, key="admin8")["admin_protected_ratio"] == 0.2


@pytest.fixture(scope="module")
def weeks() -> World:
    """Five weeks of supervision and of booking, and two sessions of high acuity."""
    made = a_world("held", "missed", "unpaid", "leave", "silent", "packed", "often")
    for week in range(5):
        for key in ("held", "missed", "unpaid", "leave", "silent"):
            made.open_week(week, 6, key=key)
        day = made.day(week, 2)
        entry(made, day, 30, key="held", kind="supervision_grp")
        entry(made, day, 29 if week in {1, 2} else 30, key="missed", kind="supervision_ind")
        entry(made, day, 60, key="unpaid", kind="supervision_ind", is_paid=False)
        entry(made, day, 60, key="silent", kind="supervision_ind", is_paid=None)
        if week in {0, 4}:
            entry(made, day, 60, key="leave", kind="supervision_ind")
        if week in {1, 2}:
            made.leave(day, 6, key="leave")
        for key, busy in (("packed", {0, 1}), ("often", {0, 2, 3})):
            made.open_week(week, 4, key=key)
            for weekday in range(5):
                start = made.at(made.day(week, weekday), "08:00")
                longer = timedelta(hours=5 if week in busy else 4)
                made.seat(made.day(week, weekday), "08:00", key=key, end_at=start + longer)
    made.session(made.day(3, 4), "09:00", 50, key="held", is_acuity_event=True)
    entry(made, made.day(4, 4), 20, key="held", kind="huddle")
    made.session(made.day(2, 4), "09:00", 50, key="missed", is_acuity_event=True)
    entry(made, made.day(2, 4), 20, key="missed", kind="huddle", clock="08:00")
    entry(made, made.day(3, 5), 20, key="missed", kind="huddle", clock="09:00")
    made.session(made.day(4, 4), "09:00", 50, key="missed", is_acuity_event=True)
    made.session(made.day(4, 4), "09:00", 50, key="packed", is_acuity_event=False)
    made.run(weeks=5)
    return made


@pytest.mark.edge_case(14)
def test_scoring_a_test_is_work_and_no_direct_time() -> None:
    made = a_world()
    made.employ(EARLY)
    made.session(made.day(0), "09:00", 120, session_type="testing")
    entry(made, made.day(0), 180, clock="13:00", kind="other")
    made.run(weeks=1)
    row = made.week_row("clinician_week", 0)
    assert (row["direct_h"], row["total_work_h"]) == (2.0, 5.0)


@pytest.mark.formula(20)
@pytest.mark.rule("H08", "H09")
@pytest.mark.edge_case(8)
def test_supervision_missed_twice_in_a_row_is_a_breach_and_weeks_of_leave_are_skipped(weeks: World) -> None:
    found = {
        key: [weeks.says("supervision_weekly", week, key=key)[0] for week in range(5)] for key in ("held", "missed")
    }
    assert found == {
        "held": ["pass"] * 5,
        # half an hour is supervision, 29 minutes are not
        "missed": ["pass", "pass", "breach", "pass", "pass"],
    }
    assert [weeks.says("supervision_weekly", week, key="unpaid")[0] for week in (0, 1)] == ["pass", "breach"]
    assert weeks.says("supervision_weekly", 1, key="silent") == ("unknown", "partial")
    # the third week without supervision is the first that is not on leave
    assert [weeks.says("supervision_weekly", week, key="leave") for week in range(5)] == [
        ("pass", None),
        ("exempt", "leave"),
        ("exempt", "leave"),
        ("pass", None),
        ("pass", None),
    ]
    row = weeks.week_row("clinician_week", 0, key="held")
    assert (row["supervision_group_h"], row["supervision_individual_h"], row["supervision_n"]) == (0.5, 0.0, 1)


@pytest.mark.rule("W20")
def test_overbooking_is_what_lasts_three_of_four_weeks(weeks: World) -> None:
    assert [weeks.says("overbooking", week, key="packed")[0] for week in range(5)] == ["pass"] * 5
    assert [weeks.says("overbooking", week, key="often")[0] for week in range(5)] == [
        "pass",
        "pass",
        "pass",
        "breach",
        "pass",
    ]
    assert weeks.says("overbooking", 0, key="c1") == ("unknown", "no_source")


@pytest.mark.rule("W10")
def test_session_of_high_acuity_wants_a_huddle_within_seven_days(weeks: World) -> None:
    # seven days later is in time; before the session, or eight days after it, is not
    assert weeks.says("debrief", 3, key="held") == ("pass", None)
    assert weeks.says("debrief", 2, key="missed") == ("breach", "below_floor")
    last = weeks.week_row("clinician_week", 4, key="missed")
    assert (last["acuity_sessions_n"], last["debrief_due_n"], last["debrief_ratio"]) == (1, 0, None)
    assert weeks.week_row("clinician_week", 4, key="packed")["acuity_sessions_n"] == 0
    judged = weeks.select("SELECT subject_key FROM marts.guardrail_result WHERE guardrail_id = 'debrief'")
    assert {row["subject_key"] for row in judged} == {"held", "missed"}


@pytest.mark.rule("W02", "W10", "W11", "W12", "W19", "W20", "H08")
def test_without_a_source_nothing_passes() -> None:
    made = a_world()
    made.employ(EARLY)
    made.hold(0, 20)
    as_of = made.at(made.day(1), "00:00")
    reads = [SourceCompleteness("ehr", entity, as_of, True) for entity in ("clinician", "session", "appointment")]
    made.run(weeks=1, reads=reads)
    for guardrail in set(RAILS) - {"debrief"}:
        assert made.says(guardrail, 0) == ("unknown", "no_source"), guardrail
    row = made.week_row("clinician_week", 0)
    empty = ("total_work_h", "documentation_h", "supervision_h", "supervision_n", "billable_h", "admin_protected_ratio")
    assert [row[name] for name in (*empty, "debrief_ratio", "acuity_sessions_n")] == [None] * 8


@pytest.mark.rule("W02")
def test_hours_at_work_are_unknown_once_a_source_is_stale() -> None:
    made = a_world()
    made.employ(EARLY)
    made.hold(0, 1)
    entry(made, made.day(0), 60)
    made.completeness[("ehr", "time_entry")] = made.at(made.day(0, 6), "00:00")
    made.run(weeks=1)
    assert says(made, "total_work_hours", "c1")["c1"] == ("unknown", "stale")
