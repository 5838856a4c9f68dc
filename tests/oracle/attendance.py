"""What became of the seats a clinician's clients had booked, by the week they were booked for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

from tests.oracle.rows import Appointment, Practice
from tests.oracle.weeks import judged_weeks, local_day, monday_of


@dataclass
class AttendanceWeek:
    """Grain: clinician x judged practice week; one seat per client, in groups too (decision 0001, point 10).
    An appointment without a client, such as a staff meeting, is no seat.

    no_show_n includes clients who cancelled at or after the start. late_cancel_n: by the client, less than
    the policy's hours before; advance_cancel_n: by the client, earlier; clinician_cancel_n: by anybody else
    known; unknown_cancel_n: by the client at no known time, or by nobody known.
    unknown_n: seats whose status nobody could read. other_n: still booked, rescheduled.
    """

    npi: str
    week_id: date
    kept_n: int = 0
    no_show_n: int = 0
    late_cancel_n: int = 0
    advance_cancel_n: int = 0
    clinician_cancel_n: int = 0
    unknown_cancel_n: int = 0
    unknown_n: int = 0
    other_n: int = 0


COUNTS = tuple(f.name for f in fields(AttendanceWeek) if f.name.endswith("_n"))


def outcome(seat: Appointment, *, late_cancel_h: float) -> str | None:
    """The column a seat is counted in; None for one without a client or entered in error, which is no seat."""
    if seat.client is None or seat.status == "entered_in_error":
        return None
    if seat.status in {"kept", "no_show", "unknown"}:
        return f"{seat.status}_n"
    if seat.status != "cancelled":
        return "other_n"
    if seat.cancelled_by in {None, "unknown"}:
        return "unknown_cancel_n"
    if seat.cancelled_by != "client":
        return "clinician_cancel_n"
    if seat.cancelled_at is None:
        return "unknown_cancel_n"
    notice = seat.start - seat.cancelled_at
    if notice <= timedelta(0):
        return "no_show_n"
    return "late_cancel_n" if notice < timedelta(hours=late_cancel_h) else "advance_cancel_n"


def attendance_weeks(practice: Practice, as_of: datetime, policy: dict[str, dict[str, float]]) -> list[AttendanceWeek]:
    """Every judged week of every clinician, weeks without a seat as zeros."""
    tally: dict[tuple[str, date, str], int] = defaultdict(int)
    for seat in practice.appointments:
        column = outcome(seat, late_cancel_h=policy["no_show"]["late_cancel_h"])
        if column is not None:
            week_id = monday_of(local_day(seat.start, practice.zone_of(seat.person)))
            tally[seat.person, week_id, column] += 1
    return [
        AttendanceWeek(person, week.monday, *(tally.get((person, week.monday, name), 0) for name in COUNTS))
        for person, weeks in judged_weeks(practice, as_of).items()
        for week in weeks
    ]
