"""How many clients a clinician has at the end of a week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.oracle.rows import Appointment, Practice, Session
from tests.oracle.weeks import Week, by_person, judged_weeks, local_day


@dataclass(frozen=True)
class Caseload:
    """Grain: clinician x end of a judged practice week (decision 0001, point 9).

    A client is in active_clients, in group_only_clients or in neither. uncertain_clients: those outside
    active_clients of whom nobody can say, because a session or an appointment has no status that can be read.
    """

    npi: str
    week_id: date
    active_clients: int
    group_only_clients: int
    uncertain_clients: int = 0


def is_booked_beyond(seat: Appointment, instant: datetime) -> bool:
    """At that instant the seat lay ahead, was already booked and not yet given up."""
    if seat.start < instant or seat.status == "entered_in_error":
        return False
    if seat.booked_at is not None and seat.booked_at > instant:
        return False
    if seat.cancelled_at is not None:
        return seat.cancelled_at > instant
    return seat.status not in {"cancelled", "rescheduled"}


def caseloads(practice: Practice, as_of: datetime, policy: dict[str, dict[str, float]]) -> list[Caseload]:
    """Every judged week of every clinician."""
    seen_within = int(policy["active_caseload"]["seen_within_days"])
    seats = by_person(a for a in practice.appointments if a.client is not None)
    sessions: dict[str, list[tuple[date, Session]]] = {}
    for session in practice.sessions:
        for person in session.persons:
            day = local_day(session.start, practice.zone_of(person))
            if (session.took_place and session.clients) or session.status == "unknown":
                sessions.setdefault(person, []).append((day, session))
    assignments = by_person(practice.assignments)
    rows = []
    for person, weeks in judged_weeks(practice, as_of).items():
        for week in weeks:
            day = week.last_day
            assigned = {
                a.client for a in assignments.get(person, []) if a.start <= day and (a.end is None or a.end >= day)
            }
            first_day = day - timedelta(days=seen_within - 1)
            seen = [s for held_on, s in sessions.get(person, []) if first_day <= held_on <= day]
            rows.append(_count(person, week, assigned, seen, seats.get(person, [])))
    return rows


def _count(
    person: str, week: Week, assigned: set[str], seen: Sequence[Session], seats: Sequence[Appointment]
) -> Caseload:
    in_group: set[str] = set()
    alone: set[str] = set()
    perhaps_alone: set[str] = set()
    for session in seen:
        if session.status == "unknown":
            if session.session_type != "group":
                perhaps_alone |= session.expected
        elif session.session_type == "group":
            in_group |= session.clients
        else:
            alone |= session.clients
    for seat in seats:
        if seat.client is None or not is_booked_beyond(seat, week.ends_at):
            continue
        if seat.status == "unknown":
            if not seat.is_group:
                perhaps_alone.add(seat.client)
        elif seat.is_group:
            in_group.add(seat.client)
        else:
            alone.add(seat.client)
    return Caseload(
        npi=person,
        week_id=week.monday,
        active_clients=len(assigned & alone),
        group_only_clients=len(assigned & (in_group - alone)),
        uncertain_clients=len(assigned & (perhaps_alone - alone)),
    )
