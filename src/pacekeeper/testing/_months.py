"""Verdicts of months that follow from the plants of a clinician."""

from __future__ import annotations

from datetime import date, timedelta

from pacekeeper.testing._answers import of_clinician, of_practice
from pacekeeper.testing._calendar import month_after, month_before, quarter_of
from pacekeeper.testing._plants import Expect
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene

#: Days off are asked for after so many days, and half of what is due from June on.
_LONGEST_DAYS, _FROM_MONTH = 90, 6
#: Months that must lie before a judged one for limits of one's own.
_BASELINE_MONTHS = 6
_MOST_SICK_DAYS = 3
_LEAST_SESSIONS = 20
_LEAST_ENDS, _EARLY_LIMIT = 40, 0.2


def answer_months(scene: Scene) -> None:
    """Leave, sick days, forms and the flow of clients; and how many broke off."""
    _broken_off(scene)
    for person in scene.clinicians:
        if person.ended is None and person.kind.start_back is None:
            _leave(scene, person)
            _sick_days(scene, person)
            _forms(scene, person)
            _flow(scene, person)


def _broken_off(scene: Scene) -> None:
    """Of all cases that ended in the last quarter: at least the share, as some ends count in no rate."""
    quarter = scene.calendar.last_quarter
    ended = [closed for closed in scene.diary.closed if quarter_of(closed.day) == quarter]
    broken = sum(closed.why == "client_unilateral" for closed in ended)
    if len(ended) >= _LEAST_ENDS and broken / len(ended) > _EARLY_LIMIT:
        why = f"clients broke off {broken} of the {len(ended)} cases that ended in the quarter"
        scene.answers.append(of_practice("early_termination", quarter, why, broken / len(ended) - _EARLY_LIMIT))


def _leave(scene: Scene, person: Person) -> None:
    if not person.plant.weeks_of("no_leave"):
        return
    for month in scene.calendar.months():
        days = (month_after(month) - person.started).days
        why = f"no leave in the {days} days since the first"
        expect = Expect("no_leave_90d", "breach", why, float(days - _LONGEST_DAYS))
        scene.answers.append(of_clinician(person, month, expect))
        if month.month >= _FROM_MONTH:
            expect = Expect("pto_low", "breach", "leave accrues every four weeks, and none was taken", 0.5)
            scene.answers.append(of_clinician(person, month, expect))


def _sick_days(scene: Scene, person: Person) -> None:
    calendar = scene.calendar
    days: dict[date, int] = {}
    for (week, weekday), off in scene.days_off[person.index].items():
        if off.kind == "sick":
            month = calendar.day(week, weekday).replace(day=1)
            days[month] = days.get(month, 0) + 1
    for month in calendar.months()[_BASELINE_MONTHS:]:
        before = [n for earlier, n in days.items() if earlier < month]
        if person.plant.sick_days and not before and days.get(month, 0) > _MOST_SICK_DAYS:
            why = f"{days[month]} sick days after half a year without one: three sigma are three days"
            expect = Expect("sick_days_own_limit", "breach", why, float(days[month] - _MOST_SICK_DAYS))
            scene.answers.append(of_clinician(person, month, expect))


def _forms(scene: Scene, person: Person) -> None:
    if not person.plant.weeks_of("few_forms"):
        return
    for month in scene.calendar.months():
        days = scene.days[person.index]
        held = [h for day, sessions in days.items() if day.replace(day=1) == month for h in sessions]
        if sum(h.kind not in {"group", "crisis"} for h in held) >= _LEAST_SESSIONS:
            expect = Expect("measurement_completeness", "warn", "a form at every second session of a client", 0.15)
            scene.answers.append(of_clinician(person, month, expect))


def _flow(scene: Scene, person: Person) -> None:
    calendar = scene.calendar
    closing = {calendar.weeks - 1 - back for back in person.plant.weeks_of("closing")}
    for month in calendar.months():
        both = (month_before(month), month)
        weeks = [week for week in range(calendar.weeks) if calendar.mondays[week].replace(day=1) in both]
        if weeks and closing.issuperset(weeks) and calendar.mondays[0] <= both[0] + timedelta(days=7):
            left = sum(
                closed.person == person.index and closed.day.replace(day=1) == month for closed in scene.diary.closed
            )
            expect = Expect(
                "intake_flow", "breach", f"{left} cases ended and none began, as in the month before", float(left)
            )
            scene.answers.append(of_clinician(person, month, expect))
