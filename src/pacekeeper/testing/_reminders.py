"""Reminders three days, one day and two hours ahead, from a service that knows the EHR's appointments."""

from __future__ import annotations

from datetime import date

from pacekeeper.testing._answers import of_practice
from pacekeeper.testing._calendar import month_before
from pacekeeper.testing._files import to_csv
from pacekeeper.testing._scene import Scene

HEADER = ("reminder_id", "appointment_id", "due_at", "hours_before", "channel", "sent_at", "delivered", "confirmed")
_OFFSETS = (72, 24, 2)
_CHANNELS = {72: "email", 24: "sms", 2: "sms"}


def reminders(scene: Scene) -> str:
    """Every reminder that was due by the end, sent within minutes; on one planted day none of the last ones was."""
    east, end = scene.calendar.east, scene.calendar.as_of
    silent = _silent_day(scene)
    rows = []
    lost = 0
    for seat in scene.diary.seats:
        for hours in _OFFSETS:
            due = seat.start - hours * 60
            if due >= end or (seat.created is not None and seat.created > due):
                continue
            if seat.cancelled is not None and seat.cancelled <= due:
                continue
            sent = due + seat.start % 7
            is_lost = hours == _OFFSETS[-1] and east.wall(seat.start)[0] == silent
            lost += is_lost
            row = (east.text(due), hours, _CHANNELS[hours], "" if is_lost or sent >= end else east.text(sent))
            rows.append((f"{seat.appointment[3:]}-{hours}", seat.appointment, *row, "no" if is_lost else "yes", ""))
    if lost:
        month = silent.replace(day=1)
        why = f"the service was down on one day: {lost} reminders two hours ahead were not sent"
        scene.answers.append(of_practice("reminders", month, why, 0.0))
    return to_csv(HEADER, rows)


def _silent_day(scene: Scene) -> date:
    """A Tuesday or Wednesday in the middle of the month before the last."""
    month = month_before(scene.calendar.last_month)
    return next(month.replace(day=day) for day in range(14, 21) if month.replace(day=day).weekday() == 2)
