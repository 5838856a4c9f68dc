"""routine_month: reports handed over, paid training, experiments (decision 8, T10 and T11)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from tests.oracle.marts.completeness import ended_months, month_bounds, next_month
from tests.oracle.marts.hot_seat import sees_clients
from tests.oracle.marts.leave import last_day
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import exact

PACKS = {"outcomes", "wellbeing", "caseload", "finance"}
TRAINING = {"training", "ce"}


def routine_month(practice: Practice) -> MartRows:
    return {(month,): month_bounds(practice, month) | _month(practice, month) for month in ended_months(practice)}


def _month(practice: Practice, month: date) -> Row:
    people = {
        person
        for person, weeks in practice.weeks.items()
        if sees_clients(practice, person) and any(month <= week.monday <= last_day(month) for week in weeks)
    }
    row: Row = {
        "clinicians_n": len(people),
        **dict.fromkeys(("own_reports_n", "own_report_ratio", "review_packs_n")),
        **dict.fromkeys(("training_paid_h", "experiments_n", "undecided_n")),
    }
    if practice.knows(None, "report_delivery"):
        handed = [
            (r, day)
            for r in practice.rows["report_delivery"]
            if (day := practice.day("", r["delivered_at"])) < next_month(month)
        ]
        got = {practice.person(r["clinician_key"]) for r, day in handed if r["kind"] == "own_data" and day >= month}
        quarter = month.replace(month=(month.month - 1) // 3 * 3 + 1)
        row["own_reports_n"] = len(got & people)
        row["own_report_ratio"] = ratio(Fraction(len(got & people)), len(people))
        row["review_packs_n"] = len({r["kind"] for r, day in handed if day >= quarter} & PACKS)
    if practice.knows(None, "time_entry"):
        row["training_paid_h"] = sum(
            exact(r["minutes"]) / 60
            for r in practice.rows["time_entry"]
            if r["kind"] in TRAINING
            and r["is_paid"] is True
            and r["cancelled_by"] is None
            and month <= r["entry_date"] <= last_day(month)
        )
    if practice.knows(None, "experiment"):
        row |= _experiments(practice, month)
    return row


def _experiments(practice: Practice, month: date) -> Row:
    known = practice.rows["experiment"]
    return {
        "experiments_n": sum(
            r["declared_on"] < r["after_from"] and r["after_from"] <= last_day(month) and r["after_to"] >= month
            for r in known
        ),
        "undecided_n": sum(r["after_to"] < month and r["decision"] is None for r in known),
    }
