"""Running the practice: reports that were handed over, experiments, closures."""

from __future__ import annotations

from datetime import date, timedelta

from pacekeeper.testing._answers import of_practice
from pacekeeper.testing._calendar import month_after, month_before
from pacekeeper.testing._files import to_csv
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene

REPORT_HEADER = ("delivery_id", "employee_id", "kind", "month", "delivered_at")
EXPERIMENT_HEADER = (
    "experiment_id", "metric", "mart_column", "before_from", "before_to", "after_from", "after_to", "declared_on",
    "decision", "opt_in",
)  # fmt: skip
CLOSURE_HEADER = ("closure_id", "location_id", "from", "to", "start", "end", "kind")
_PACKS = ("outcomes", "wellbeing", "caseload", "finance")
_DELIVERED_ON, _TEN = 20, 10 * 60
_METRICS = (
    ("no_show", "attendance_week.no_show_ratio"),
    ("utilization", "clinician_week.utilization_ratio"),
    ("notes", "ehr_time_week.after_hours_min"),
)


def report_deliveries(scene: Scene) -> str:
    """Everybody's own numbers every month, but for one in the month before the last; the quarter's review packs."""
    calendar = scene.calendar
    left_out_in = month_before(calendar.last_month)
    rows: list[tuple[object, ...]] = []
    left_out = next((p for p in scene.clinicians if not p.ended and p.kind.start_back is None), None)
    for month in calendar.months():
        about = month_before(month)
        for person in scene.people:
            if (day := _delivered(person, month)) is None:
                continue
            if person is left_out and month == left_out_in:
                why = "one clinician did not get their own numbers"
                scene.answers.append(of_practice("own_data_report", month, why, 1 / len(scene.clinicians)))
                continue
            at = person.clock.text(person.clock.at(day, _TEN))
            rows.append((f"D{month:%Y%m}-{person.index:04d}", person.employee_id, "own_data", about, at))
        if month.month % 3 == 1:
            at = calendar.east.text(calendar.east.at(month.replace(day=_DELIVERED_ON), _TEN))
            rows += [(f"Q{month:%Y%m}-{pack}", "", pack, about, at) for pack in _PACKS]
    return to_csv(REPORT_HEADER, rows)


def _delivered(person: Person, month: date) -> date | None:
    """Day of the month on which somebody got their report; null for who was not employed in it."""
    first, last = month, month_after(month) - timedelta(days=1)
    if person.started > last or (person.ended is not None and person.ended < first):
        return None
    day = max(month.replace(day=_DELIVERED_ON), person.started)
    return day if person.ended is None else min(day, person.ended)


def experiments(scene: Scene) -> str:
    """One a month, against the four weeks before; none in the third month from the end."""
    without = month_before(month_before(scene.calendar.last_month))
    rows = []
    for number, month in enumerate(scene.calendar.months()):
        if month == without:
            scene.answers.append(of_practice("monthly_experiment", month, "nothing was tried in the month", 1.0))
            continue
        monday = month + timedelta(days=(7 - month.weekday()) % 7)
        metric, column = _METRICS[number % len(_METRICS)]
        before = (monday - timedelta(weeks=4), monday - timedelta(days=1))
        after = (monday, monday + timedelta(days=20))
        decision = ("keep", "change", "stop")[number % 3] if month != scene.calendar.last_month else ""
        rows.append((f"V{month:%Y%m}", metric, column, *before, *after, monday - timedelta(days=3), decision, "yes"))
    return to_csv(EXPERIMENT_HEADER, rows)


def closures(scene: Scene) -> str:
    """Evenings and a Sunday on which a clinic was closed, and the next holiday; no hours with clients lie in them."""
    east = scene.calendar.east
    rows: list[tuple[object, ...]] = []
    for number, monday in enumerate(scene.calendar.mondays[4::8]):
        sunday = monday + timedelta(days=6)
        rows.append((f"X{number:02d}", "loc-east", sunday, sunday, "", "", "closure"))
        evening = monday + timedelta(days=1)
        begins, ends = (east.text(east.at(evening, hour * 60)) for hour in (21, 23))
        rows.append((f"Y{number:02d}", "loc-east", evening, evening, begins, ends, "closure"))
    memorial = scene.calendar.mondays[-1] + timedelta(weeks=8)
    rows.append(("H01", "", memorial, memorial, "", "", "holiday"))
    return to_csv(CLOSURE_HEADER, rows)
