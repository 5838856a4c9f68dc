"""workforce_month: who is there, who left, and what they have of leave (decision 8, M11)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from statistics import median

from tests.oracle.marts.completeness import ended_months, month_bounds, next_month
from tests.oracle.marts.leave import before, employed_since, last_day, leave_month
from tests.oracle.marts.pay import top_tier_people
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio

EVERYBODY = "practice"
LEAVE_COLUMNS = ("no_leave_90d_n", "sick_days", "sick_days_usual")


class Staff:
    """Jobs by person, those that follow another within a day joined; interns and students left out."""

    def __init__(self, practice: Practice) -> None:
        interns = {practice.person(r["clinician_key"]) for r in practice.rows["clinician"] if r["role"] == "intern"}
        spans: dict[str, list[tuple[date, date]]] = defaultdict(list)
        for row in practice.rows["employment"]:
            person = practice.person(row["clinician_key"])
            assert person is not None
            if person not in interns and row["employment_type"] != "student":
                spans[person].append((row["start_date"], row["end_date"] or date.max))
        self.jobs: dict[str, list[tuple[date, date]]] = {}
        for person, mine in spans.items():
            joined: list[tuple[date, date]] = []
            for start, end in sorted(mine):
                if joined and start.toordinal() - joined[-1][1].toordinal() - 1 <= 1:
                    joined[-1] = joined[-1][0], max(joined[-1][1], end)
                else:
                    joined.append((start, end))
            self.jobs[person] = joined

    def at_end_of(self, month: date) -> set[str]:
        """Who is still employed when a month is over."""
        last = last_day(month)
        return {p for p, jobs in self.jobs.items() if any(start <= last < end for start, end in jobs)}

    def left_in(self, month: date) -> list[str]:
        last = last_day(month)
        return [p for p, jobs in self.jobs.items() for _, end in jobs if month <= end <= last]


def workforce_month(practice: Practice) -> MartRows:
    staff, leave, top_tier = Staff(practice), leave_month(practice), top_tier_people(practice)
    everybody = set(staff.jobs)
    found: MartRows = {}
    for month in ended_months(practice):
        row = _group(practice, staff, leave, month, everybody)
        found[month, EVERYBODY] = row | {"is_practice": True, "top_tier_over_cap_n": top_tier(month)}
        for team, members in _teams(practice, staff, month).items():
            row = _group(practice, staff, leave, month, members)
            found[month, team] = row | {"is_practice": False, "top_tier_over_cap_n": None}
    return found


def _teams(practice: Practice, staff: Staff, month: date) -> dict[str, set[str]]:
    """Teams of a month that are large enough and leave no smaller rest."""
    least = practice.rule("turnover", "least_team_n")
    here = staff.at_end_of(month)
    teams: dict[str, set[str]] = defaultdict(set)
    for person in staff.jobs:
        links = [
            r
            for r in practice.by_person("supervision_link").get(person, [])
            if r["team_key"] is not None and r["valid_from"] <= last_day(month)
        ]
        if links:
            teams[max(links, key=lambda r: (r["valid_from"], r["team_key"]))["team_key"]].add(person)
    shown = sorted((t for t in teams if len(teams[t] & here) >= least), key=lambda t: (len(teams[t] & here), t))
    rest = len(here) - sum(len(teams[t] & here) for t in shown)
    while shown and 0 < rest < least:
        rest += len(teams[shown.pop(0)] & here)
    # One team alone would give away what is not hers.
    return {t: teams[t] for t in shown} if len(shown) > 1 or not rest else {}


def _group(practice: Practice, staff: Staff, leave: MartRows, month: date, members: set[str]) -> Row:
    here = staff.at_end_of(month) & members
    year_ago = staff.at_end_of(before(month, 12)) & members
    heads = [len(staff.at_end_of(before(month, n)) & members) for n in range(13)]
    left = [[p for p in staff.left_in(before(month, n)) if p in members] for n in range(12)]
    average, separations = Fraction(sum(heads), 13), sum(len(people) for people in left)
    starts = [employed_since(practice, person, last_day(month)) for person in here]
    mine = [row for (person, of), row in leave.items() if of == month and person in here]
    used = [r for r in mine if r["is_employed"] and r["pto_used_ratio"] is not None]
    limit = practice.threshold("no_leave_90d", "breach")
    row: Row = month_bounds(practice, month) | {
        "headcount_n": len(here),
        "headcount_avg": average,
        "separations": len(left[0]),
        "separations_12m": separations,
        "turnover_12m": ratio(Fraction(separations), average) if year_ago else None,
        "cohort_n": len(year_ago),
        "retention_12m": ratio(Fraction(len(year_ago & here)), len(year_ago)),
        "tenure_median": median([_months(s, month) for s in starts if s]) if here else None,
        "pto_used_ratio": ratio(sum(r["pto_taken_h"] for r in used), sum(r["pto_due_h"] for r in used)),
        "no_leave_90d_n": sum((r["days_without_leave"] or 0) > limit for r in mine),
        "sick_days": sum(r["sick_days"] or 0 for r in mine),
        "sick_days_usual": Fraction(sum(r["sick_days_12m"] or 0 for r in mine), 12),
    }
    if not practice.knows(None, "pto_ledger"):
        row |= dict.fromkeys(LEAVE_COLUMNS)
    return row


def _months(since: date, month: date) -> int:
    """Completed months when the month is over."""
    end = next_month(month)
    months = (end.year - since.year) * 12 + end.month - since.month
    return months - (end.day < since.day)
