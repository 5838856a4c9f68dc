"""pay_stability: how pay swings, what missed appointments and denials took from it (decision 8, M9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from statistics import fmean, stdev

from tests.oracle.marts.attendance import outcome
from tests.oracle.marts.clinician_week import clinician_week
from tests.oracle.marts.completeness import next_month
from tests.oracle.marts.denials import Claims
from tests.oracle.marts.practice import MartRows, Practice, Row
from tests.oracle.weeks import exact

PERIODS = 6
BY_SESSION = {"sessions", "charges", "collections"}
BY_NOTHING_ELSE = {"fixed", "hours"}
BY_MONEY = {"charges", "collections"}


def pay_stability(practice: Practice) -> MartRows:
    weeks, denied = _weeks(practice), _denied(practice)
    found: MartRows = {}
    for person, paid in _paid(practice).items():
        for place, (start, end) in enumerate(sorted(paid)):
            plan = _plan(practice, person, paid[start, end], start, end)
            pay = sum(r["pay_cents"] for r in paid[start, end])
            recent = [sum(r["pay_cents"] for r in paid[key]) for key in sorted(paid)[: place + 1]][-PERIODS:]
            basis = None if plan is None else plan["basis"]
            tiers = _tiers(practice, plan, [w for w in weeks[person] if start <= w["week_id"] <= end])
            asked = sum(cents for day, cents in denied[person] if start <= day <= end)
            found[person, start, end] = {
                "kind": None if plan is None else plan["kind"],
                "basis": basis,
                "pay_cents": pay,
                "cv_6p": stdev(recent) / fmean(recent) if len(recent) == PERIODS and sum(recent) else None,
                "lost_to_no_show_cents": _lost_to_no_show(practice, person, basis, pay, start, end),
                "lost_to_denial_cents": _lost_to_denial(practice, plan, tiers["tier"], asked),
                **tiers,
            }
    return found


def _paid(practice: Practice) -> dict[str, dict[tuple[date, date], list[Row]]]:
    found: dict[str, dict[tuple[date, date], list[Row]]] = defaultdict(lambda: defaultdict(list))
    today = practice.as_of
    for person, rows in practice.by_person("pay_period").items():
        for row in rows:
            if row["period_end"] < practice.day(person, today):
                found[person][row["period_start"], row["period_end"]].append(row)
    return found


def _weeks(practice: Practice) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for (person, monday), row in clinician_week(practice).items():
        found[person].append(row | {"week_id": monday})
    return found


def _plan(practice: Practice, person: str, paid: list[Row], start: date, end: date) -> Row | None:
    """The plan it was paid under, else that of the latest employment of the period."""
    keys = [r["comp_plan_key"] for r in paid if r["comp_plan_key"] is not None]
    if not keys:
        jobs = [
            r
            for r in practice.by_person("employment").get(person, [])
            if r["start_date"] <= end and (r["end_date"] is None or r["end_date"] >= start)
        ]
        keys = [r["comp_plan_key"] for r in sorted(jobs, key=lambda r: r["start_date"]) if r["comp_plan_key"]][-1:]
    return next((p for p in practice.rows["comp_plan"] if keys and p["comp_plan_key"] == keys[0]), None)


def _lost_to_no_show(
    practice: Practice, person: str, basis: str | None, pay: int, start: date, end: date
) -> int | None:
    if basis in BY_NOTHING_ELSE:
        return 0
    if basis not in BY_SESSION or not practice.knows(person, "appointment"):
        return None
    notice, kept, lost = timedelta(hours=practice.rule("no_show", "late_cancel_window")), 0, 0
    for seat in practice.by_person("appointment").get(person, []):
        if start <= practice.day(person, seat["start_at"]) <= end:
            became = outcome(seat, notice=notice)
            kept += became == "kept"
            lost += became in {"no_show", "late_cancel"} and not seat["is_billable_cancel"]
    return floor(Fraction(pay * lost, kept) + Fraction(1, 2)) if kept else None


def _denied(practice: Practice) -> dict[str, list[tuple[date, int]]]:
    """By rendering person: lines of which the latest decision is a denial, its day and what they asked for."""
    claims = Claims(practice)
    found: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for claim in claims.found.values():
        for decisions in claim.lines.values():
            last = decisions[-1]
            sent = claims.sent.get(last.processing["claim_key"], {})
            person = practice.person(last.processing["clinician_key"] or sent.get("clinician_key"))
            if last.family is not None and person is not None:
                found[person].append((last.day, last.charge_cents))
    return found


def _lost_to_denial(practice: Practice, plan: Row | None, tier: int | None, asked: int) -> int | None:
    if plan is None or plan["basis"] not in BY_NOTHING_ELSE | BY_SESSION:
        return None
    if plan["basis"] not in BY_MONEY:
        return 0
    shares = {
        r["from_sessions"]: r["share"]
        for r in practice.rows["comp_plan_tier"]
        if r["comp_plan_key"] == plan["comp_plan_key"]
    }
    share = shares.get(tier, plan["share"])
    if share is None or not practice.knows(None, "claim_payment"):
        return None
    return floor(asked * exact(share) + Fraction(1, 2))


def _tiers(practice: Practice, plan: Row | None, weeks: list[Row]) -> Row:
    tiers = [
        r["from_sessions"]
        for r in practice.rows["comp_plan_tier"]
        if plan is not None and r["comp_plan_key"] == plan["comp_plan_key"]
    ]
    if not tiers:
        return {"tier": None, "over_cap_weeks_n": None, "over_cap_in_top_tier": None}
    reached = [t for w in weeks for t in tiers if (w["sessions_n"] or 0) >= t]
    ceiling = exact(practice.threshold("direct_hours", "warn"))
    over = sum(
        (w["sessions_n"] or 0) >= max(tiers) and w["direct_h"] > ceiling * min(w["fte"] or 1, Fraction(1))
        for w in weeks
    )
    return {"tier": max(reached, default=None), "over_cap_weeks_n": over, "over_cap_in_top_tier": over > 0}


def top_tier_people(practice: Practice) -> Callable[[date], int | None]:
    """How many people have a period, ended in a month, in which a week of the top tier went above the ceiling."""
    periods = pay_stability(practice)
    is_known = practice.knows(None, "pay_period") and practice.knows(None, "comp_plan_tier")

    def count(month: date) -> int | None:
        ended = {key: row for key, row in periods.items() if month <= key[2] < next_month(month)}
        return len({key[0] for key, row in ended.items() if row["over_cap_in_top_tier"]}) if is_known else None

    return count
