"""Plans of pay, and what was paid for each month."""

from __future__ import annotations

from datetime import date, timedelta

from pacekeeper.testing._answers import of_practice
from pacekeeper.testing._calendar import month_after
from pacekeeper.testing._files import to_csv
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene

PLAN_HEADER = ("plan_id", "kind", "basis", "share", "bonus_basis", "from", "to")
TIER_HEADER = ("plan_id", "from_sessions", "to_sessions", "share")
PAY_HEADER = ("employee_id", "period_start", "period_end", "pay", "plan_id")
#: Sessions of a week from which the top tier pays.
_TOP_FROM = 26
_MONTHLY = 5_200.0
#: One in so many is paid by tiers, beside those who are planted to reach the top one.
_TIERED_EVERY = 7
_TIERED_PLANTS = frozenset({"direct_four"})
_HOURS_OVER = 33


def pay_files(scene: Scene) -> dict[str, str]:
    """Three plans, the tiers of one, and a row per clinician and month that had ended."""
    since = scene.calendar.mondays[0].replace(month=1, day=1).isoformat()
    plans = [
        ("salary", "salary", "fixed", "", "team_goals", since, ""),
        ("tiered", "tiered", "sessions", "", "none", since, ""),
        ("commission", "commission", "collections", 0.6, "none", since, ""),
    ]
    tiers = [("tiered", 1, 20, 0.5), ("tiered", 21, _TOP_FROM - 1, 0.55), ("tiered", _TOP_FROM, "", 0.6)]
    rows = []
    for person in scene.clinicians:
        for month in scene.calendar.months():
            end = month_after(month) - timedelta(days=1)
            if scene.employed(person, month) or scene.employed(person, end):
                pay = _MONTHLY * (person.kind.fte or 0.7)
                rows.append((_number(person, end), month, end, f"{pay:.2f}", plan_of(person)))
    _answer(scene)
    return {
        "comp_plans.csv": to_csv(PLAN_HEADER, plans),
        "comp_tiers.csv": to_csv(TIER_HEADER, tiers),
        "pay_periods.csv": to_csv(PAY_HEADER, rows),
    }


def plan_of(person: Person) -> str:
    """How a clinician is paid. Who has more than an ordinary week's sessions planted is paid by tiers only by plan."""
    if person.kind.employment == "1099":
        return "commission"
    is_plain = person.kind.plant in {"", "late_notes", "no_supervision", "few_forms"} and not person.kind.group
    return "tiered" if person.kind.plant in _TIERED_PLANTS or (is_plain and person.index % 2) else "salary"


def _number(person: Person, day: date) -> str:
    """The employee number at the end of a period."""
    numbers = (n for n, start, end, _ in person.employments if start <= day and (end is None or day <= end))
    return next(numbers, person.employee_id)


def _answer(scene: Scene) -> None:
    """Months whose pay paid for a planted week of 33 sessions of an hour."""
    months = set()
    for person in scene.clinicians:
        for back in person.plant.shapes if person.kind.plant in _TIERED_PLANTS else ():
            week = scene.calendar.back(back)
            if week is not None and person.worked(week):
                months.add(scene.calendar.mondays[week].replace(day=1))
    for month in sorted(months & set(scene.calendar.months())):
        why = f"somebody paid by tiers held {_HOURS_OVER} sessions of an hour in a week: top tier from {_TOP_FROM} on"
        scene.answers.append(of_practice("top_tier_over_cap", month, why, 1.0))
