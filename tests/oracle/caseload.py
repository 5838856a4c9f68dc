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

    A client is in one of the two counts or in none; group_only_clients are not active_clients.
    """

    npi: str
    week_id: date
    active_clients: int
    group_only_clients: int


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
            if session.took_place and session.clients:
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
    ahead = [seat for seat in seats if is_booked_beyond(seat, week.ends_at)]
    in_group = {client for s in seen if s.session_type == "group" for client in s.clients}
    alone = {client for s in seen if s.session_type != "group" for client in s.clients}
    in_group |= {seat.client for seat in ahead if seat.is_group and seat.client is not None}
    alone |= {seat.client for seat in ahead if not seat.is_group and seat.client is not None}
    return Caseload(person, week.monday, len(assigned & alone), len(assigned & (in_group - alone)))
