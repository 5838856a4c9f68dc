"""clinician_week: work beside sessions, day by day, and what was booked and billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

from tests.oracle.intervals import Stretches, hours, tick, union, without
from tests.oracle.marts.hours import CLOSED, LEAVE, blocks_in, closed_by_practice, within
from tests.oracle.marts.practice import Practice, Row, clip, day_of, ratio, stretches
from tests.oracle.weeks import Week, exact

WORK = {"admin", "documentation", "supervision", "team_meeting", "training", "hot_seat", "reply_block", "huddle"}
SUPERVISION = {"supervision_ind", "supervision_grp"}
DOCUMENTATION = {"admin", "documentation"}


def entries_in(practice: Practice, person: str, week: Week) -> list[Row]:
    """Time entries of the week that took place."""
    return [e for e in _all_entries(practice, person, week) if e["cancelled_by"] is None]


def _all_entries(practice: Practice, person: str, week: Week) -> list[Row]:
    mine = practice.by_person("time_entry").get(person, [])
    return [e for e in mine if week.monday <= e["entry_date"] <= week.last_day]


def timed(entries: list[Row]) -> Stretches:
    return union(
        (tick(e["started_at"]), tick(e["started_at"] + timedelta(minutes=e["minutes"])))
        for e in entries
        if e["started_at"] is not None
    )


def untimed(entries: list[Row]) -> dict[date, Fraction]:
    """Hours by day of entries of which only the day is known."""
    found: dict[date, Fraction] = defaultdict(Fraction)
    for entry in entries:
        if entry["started_at"] is None:
            found[entry["entry_date"]] += exact(entry["minutes"]) / 60
    return found


def message_hours(practice: Practice, person: str, week: Week) -> dict[date, Fraction]:
    """Hours of messages by the local day of the work: what comes in is read and answered, the rest is written."""
    found: dict[date, Fraction] = defaultdict(Fraction)
    for row in practice.by_person("message").get(person, []):
        moment = row["sent_at"] or row["received_at"]
        if row["direction"] == "in":
            moment = row["replied_at"] or row["read_at"] or row["received_at"] or row["sent_at"]
        if row["minutes"] and moment is not None and row["status"] != "entered_in_error":
            day = practice.day(person, moment)
            if week.monday <= day <= week.last_day:
                found[day] += exact(row["minutes"]) / 60
    return found


def in_ehr(practice: Practice, person: str, week: Week) -> Stretches:
    mine = practice.touching(person, week, "ehr_interval", "started_at", "ended_at")
    return clip(stretches(mine, "started_at", "ended_at"), week.stretch)


def larger_by_day(week: Week, known: Stretches, by_day: dict[date, Fraction]) -> Fraction:
    """Day by day the larger of what has times and what has none: the same hour may stand in both."""
    return sum(
        (max(hours(day_of(known, day, week.zone)), by_day.get(day, Fraction(0))) for day in week.days), Fraction(0)
    )


def other_work(practice: Practice, person: str, week: Week, direct: Stretches, own: Stretches) -> Row:
    """direct: what of direct time lies in the week. own: of the sessions that start in it, which count in it."""
    blocks = blocks_in(practice, person, week)
    away = union(
        [*within(week, [b for b in blocks if b["kind"] in LEAVE | CLOSED]), *closed_by_practice(practice, person, week)]
    )
    planned = within(week, [b for b in blocks if b["kind"] in WORK])
    entries = entries_in(practice, person, week)
    other = [e for e in entries if e["kind"] != "direct"]
    ehr = in_ehr(practice, person, week)
    with_times = without(union([*timed(other), *ehr, *without(planned, away)]), direct)
    messages = message_hours(practice, person, week)
    by_day = untimed(other)
    for day, extra in messages.items():
        by_day[day] += extra
    worked_days = {e["entry_date"] for e in entries} | set(messages)
    worked_days |= {d for d in week.days if day_of(own, d, week.zone) or day_of(without(planned, away), d, week.zone)}
    papers = [e for e in entries if e["kind"] in DOCUMENTATION]
    documentation = without(union([*timed(papers), *ehr]), direct)
    return {
        "total_work_h": hours(own) + larger_by_day(week, with_times, by_day),
        "days_worked_n": len(worked_days),
        "documentation_h": larger_by_day(week, documentation, untimed(papers)),
    }


def worked_ratio(practice: Practice, person: str, week: Week, template: Stretches) -> Fraction | None:
    blocks = blocks_in(practice, person, week)
    away = union(
        [*within(week, [b for b in blocks if b["kind"] in LEAVE | CLOSED]), *closed_by_practice(practice, person, week)]
    )
    planned = union([*template, *within(week, [b for b in blocks if b["kind"] in WORK])])
    found: Fraction | None = ratio(hours(without(planned, away)), hours(planned))
    return found


def supervision(practice: Practice, person: str, week: Week) -> Row:
    blocks = [b for b in blocks_in(practice, person, week) if b["kind"] == "supervision"]
    everything = [e for e in _all_entries(practice, person, week) if e["kind"] in SUPERVISION]
    held = [e for e in everything if e["cancelled_by"] is None]
    least = practice.rule("supervision_weekly", "min_minutes")
    long_enough = [e for e in held if e["minutes"] >= least]
    paid = sum(e["is_paid"] is True for e in long_enough)

    def summed(kind: str) -> Fraction:
        return sum((exact(e["minutes"]) for e in held if e["kind"] == kind), Fraction(0)) / 60

    return {
        "supervision_h": larger_by_day(week, union([*within(week, blocks), *timed(held)]), untimed(held)),
        "supervision_individual_h": summed("supervision_ind"),
        "supervision_group_h": summed("supervision_grp"),
        "supervision_n": paid,
        "supervision_cancelled_n": len(everything) - len(held),
        "supervision_cancelled_by_supervisor_n": sum(e["cancelled_by"] == "counterpart" for e in everything),
        "is_supervision_unclear": paid == 0 and any(e["is_paid"] is None for e in long_enough),
    }


def protected_admin_h(practice: Practice, person: str, week: Week, direct: Stretches) -> Fraction:
    """Protected admin and documentation blocks, less sessions and meetings; half taken counts nothing."""
    blocks = blocks_in(practice, person, week)
    meetings = within(week, [b for b in blocks if b["kind"] == "team_meeting"])
    busy = union([*direct, *meetings])
    kept: Stretches = []
    limit = exact(practice.setting("protected_admin", "encroached_from"))
    for block in blocks:
        if block["kind"] not in DOCUMENTATION or not block["is_protected"]:
            continue
        whole = within(week, [block])
        free = without(whole, busy)
        if 1 - hours(free) / hours(whole) < limit:
            kept += free
    return hours(union(kept))


def acuity(practice: Practice, person: str, week: Week, held: list[Row]) -> Row:
    """Sessions of high acuity, and whether a huddle followed within the policy's days."""
    acute = [s for s in held if s["is_acuity_event"]]
    is_told = not held or any(s["is_acuity_event"] is not None for s in held)
    days = practice.rule("debrief", "within_days")
    last_judged = practice.weeks[person][-1].last_day
    huddles = [
        (tick(e["started_at"]) if e["started_at"] else None, e["entry_date"])
        for e in practice.by_person("time_entry").get(person, [])
        if e["kind"] == "huddle" and e["cancelled_by"] is None and e["entry_date"] <= last_judged
    ]
    huddles += [
        (tick(b["start_at"]), practice.day(person, b["start_at"]))
        for b in practice.by_person("schedule_block").get(person, [])
        if b["kind"] == "huddle" and b["start_at"] < practice.as_of
    ]
    due = done = 0
    for session in acute:
        end, end_day = tick(session["ended_at"]), practice.day(person, session["ended_at"])
        last_day = end_day + timedelta(days=days)
        is_done = any(
            day <= last_day and (moment >= end if moment is not None else day >= end_day) for moment, day in huddles
        )
        done += is_done
        due += is_done or last_day <= last_judged
    is_known = is_told and practice.knows(person, "time_entry", "schedule_block")
    return {
        "acuity_sessions_n": len(acute) if is_told else None,
        "debrief_due_n": due if is_known else None,
        "debriefed_n": done if is_known else None,
        "debrief_ratio": ratio(Fraction(done), due) if is_known else None,
    }


def booked(practice: Practice, person: str, appointments: list[Row]) -> Row:
    """appointments: those that start in the week."""
    valid = [a for a in appointments if a["status"] not in {"entered_in_error", "rescheduled"}]
    window = timedelta(hours=practice.rule("no_show", "late_cancel_window"))

    def stood(a: Row) -> bool:
        if a["status"] != "cancelled":
            return True
        is_late = a["cancelled_at"] is not None and a["start_at"] - a["cancelled_at"] < window
        return a["cancelled_by"] == "client" and is_late

    slots: dict[object, Fraction] = {}
    for a in valid:
        if a["end_at"] is not None and stood(a):
            slots[a["group_key"] or a["appointment_key"]] = Fraction(
                tick(a["end_at"]) - tick(a["start_at"]), 3_600_000_000
            )
    lost = [a for a in valid if a["status"] in {"cancelled", "no_show"}]
    is_told = not lost or any(a["is_billable_cancel"] is not None for a in lost)
    return {
        "scheduled_h": hours(stretches(valid, "start_at", "end_at")),
        "booked_h": sum(slots.values(), Fraction(0)),
        "billable_cancel_n": sum(bool(a["is_billable_cancel"]) for a in lost) if is_told else None,
    }


def billed_sessions(practice: Practice) -> Callable[[str, Row], bool]:
    """Whether a standing charge names a held session: by session, else by appointment, else by client and day."""
    by_session: set[str] = set()
    by_appointment: set[str] = set()
    by_day: set[tuple[str | None, str | None, date]] = set()
    for row in practice.rows["charge"]:
        if row["status"] != "billed":
            continue
        if row["session_key"] is not None:
            by_session.add(row["session_key"])
        elif row["appointment_key"] is not None:
            by_appointment.add(row["appointment_key"])
        else:
            by_day.add((practice.client(row["client_key"]), practice.person(row["clinician_key"]), row["service_date"]))

    def is_billed(session: Row) -> bool:
        if session["session_key"] in by_session or session["appointment_key"] in by_appointment:
            return True
        return any(
            (client, person, practice.day(person, session["started_at"])) in by_day
            for client in practice.attended[session["session_key"]]
            for person in practice.clinicians_of_session[session["session_key"]]
        )

    return lambda _person, session: is_billed(session)
