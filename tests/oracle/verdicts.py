"""The four guardrails, judged one clinician and one week at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from tests.oracle.attendance import AttendanceWeek, attendance_weeks
from tests.oracle.caseload import Caseload, caseloads
from tests.oracle.productivity import ClinicianWeek, clinician_weeks
from tests.oracle.rows import Practice
from tests.oracle.weeks import exact

Policy = dict[str, dict[str, float]]

DEFAULT_POLICY: Policy = {
    "direct_hours": {"warn": 22, "breach": 30, "breach_weeks": 3, "of_weeks": 4, "breach_single": 35},
    "utilization": {"floor": 0.70, "warn": 0.85, "breach": 0.90, "floor_streak": 3, "min_available_h": 8},
    "active_caseload": {"warn": 50, "breach": 60, "seen_within_days": 60},
    "no_show": {"breach": 0.10, "min_n": 20, "weeks": 4, "late_cancel_h": 24},
}


@dataclass(frozen=True)
class Verdict:
    """Grain: clinician x guardrail x week. value is null where state is unknown.

    numerator and denominator: hours for direct_hours (no denominator) and utilization, clients for
    active_caseload (no denominator), seats over the window for no_show. reason: null for pass, warn, breach.
    """

    npi: str
    guardrail_id: str
    week_id: date
    state: str
    reason: str | None
    value: float | None
    numerator: float | None
    denominator: float | None


def full_policy(policy: Mapping[str, Mapping[str, float]] | None = None) -> Policy:
    """The practice's numbers over the default ones."""
    given = policy or {}
    return {name: {**default, **given.get(name, {})} for name, default in DEFAULT_POLICY.items()}


def verdicts(practice: Practice, as_of: datetime, policy: Policy) -> list[Verdict]:
    """All verdicts, by guardrail, clinician and week."""
    weeks = clinician_weeks(practice, as_of, policy)
    scale = {(w.npi, w.week_id): min(w.fte, Fraction(1)) if w.fte is not None else Fraction(1) for w in weeks}
    found: list[Verdict] = []
    for mine in _by_npi(weeks).values():
        found += _direct_hours(mine, scale, policy["direct_hours"])
        found += _utilization(mine, policy["utilization"])
    for load in caseloads(practice, as_of, policy):
        found.append(_caseload(load, scale[load.npi, load.week_id], policy["active_caseload"]))
    seats: dict[str, list[AttendanceWeek]] = {}
    for row in attendance_weeks(practice, as_of, policy):
        seats.setdefault(row.npi, []).append(row)
    for rows in seats.values():
        found += _no_show(rows, policy["no_show"])
    found = [v if v.npi in practice.in_ehr else _nobody_can_tell(v) for v in found]
    return sorted(found, key=lambda v: (v.guardrail_id, v.npi, v.week_id))


def _nobody_can_tell(verdict: Verdict) -> Verdict:
    """Point 11: all that is judged comes from the EHR, so of people it does not have nothing is known."""
    return Verdict(verdict.npi, verdict.guardrail_id, verdict.week_id, "unknown", "no_source", None, None, None)


def _by_npi(weeks: Sequence[ClinicianWeek]) -> dict[str, list[ClinicianWeek]]:
    found: dict[str, list[ClinicianWeek]] = {}
    for week in weeks:
        found.setdefault(week.npi, []).append(week)
    return found


def _direct_hours(
    weeks: Sequence[ClinicianWeek], scale: Mapping[tuple[str, date], Fraction], limits: Mapping[str, float]
) -> Iterator[Verdict]:
    """Point 7. A week nobody can read is no part of the last four."""
    above: list[bool] = []
    for week in weeks:
        factor = scale[week.npi, week.week_id]
        if week.unknown_sessions_n:
            yield Verdict(week.npi, "direct_hours", week.week_id, "unknown", "partial", None, None, None)
            continue
        above.append(week.direct_h > exact(limits["breach"]) * factor)
        recent = above[-int(limits["of_weeks"]) :]
        if week.direct_h > exact(limits["breach_single"]) * factor or (
            above[-1] and sum(recent) >= limits["breach_weeks"]
        ):
            state = "breach"
        else:
            state = "warn" if week.direct_h > exact(limits["warn"]) * factor else "pass"
        worked_h = float(week.direct_h)
        yield Verdict(week.npi, "direct_hours", week.week_id, state, None, worked_h, worked_h, None)


def _utilization(weeks: Sequence[ClinicianWeek], limits: Mapping[str, float]) -> Iterator[Verdict]:
    """Point 8. Only weeks that can be judged, and need no indulgence, make or end a run of low ones."""
    low_weeks = 0
    for week in weeks:
        if week.not_evaluated_because == "outside":
            continue
        state, reason = _readable(week)
        if state is None:
            ratio = week.utilization
            assert ratio is not None
            assert week.available_h is not None
            if ratio < exact(limits["floor"]):
                state, reason = _indulgence(week)
                if state is None:
                    low_weeks += 1
                    state = "breach" if low_weeks >= limits["floor_streak"] else "pass"
            else:
                low_weeks = 0
                state = "pass"
                if ratio > exact(limits["warn"]):
                    state = "breach" if ratio > exact(limits["breach"]) else "warn"
        is_known = state != "unknown" and week.utilization is not None
        yield Verdict(
            week.npi,
            "utilization",
            week.week_id,
            state,
            reason,
            float(week.utilization) if is_known and week.utilization is not None else None,
            float(week.direct_h) if is_known else None,
            float(week.available_h) if is_known and week.available_h is not None else None,
        )


def _readable(week: ClinicianWeek) -> tuple[str | None, str | None]:
    """What a week that cannot be evaluated comes to; (None, None) for one that can."""
    if week.unknown_sessions_n:
        return "unknown", "partial"
    if week.not_evaluated_because == "leave":
        return "exempt", "leave"
    if week.not_evaluated_because is not None:
        return "unknown", week.not_evaluated_because
    return None, None


def _indulgence(week: ClinicianWeek) -> tuple[str | None, str | None]:
    """Why a low week is not held against the clinician; (None, None) where it is."""
    if week.tenure_month == 1:
        return "exempt", "ramp"
    if week.leave_h > 0:
        return "exempt", "leave"
    return None, None


def _caseload(load: Caseload, factor: Fraction, limits: Mapping[str, float]) -> Verdict:
    clients = load.active_clients
    if load.uncertain_clients:
        return Verdict(load.npi, "active_caseload", load.week_id, "unknown", "partial", None, None, None)
    state = "pass"
    if clients > exact(limits["warn"]) * factor:
        state = "breach" if clients > exact(limits["breach"]) * factor else "warn"
    return Verdict(load.npi, "active_caseload", load.week_id, state, None, float(clients), float(clients), None)


def _no_show(weeks: Sequence[AttendanceWeek], limits: Mapping[str, float]) -> Iterator[Verdict]:
    """Point 10: definition A, no-shows / (kept + no-shows), sums over the window."""
    for position, week in enumerate(weeks):
        window = weeks[max(0, position + 1 - int(limits["weeks"])) : position + 1]
        missed = sum(w.no_show_n for w in window)
        due = missed + sum(w.kept_n for w in window)
        state, reason = "pass", None
        if any(w.unknown_n for w in window):
            state, reason = "unknown", "partial"
        elif due < limits["min_n"]:
            state, reason = "unknown", "low_denominator"
        elif missed > exact(limits["breach"]) * due:
            state = "breach"
        ratio = missed / due if state != "unknown" else None
        yield Verdict(week.npi, "no_show", week.week_id, state, reason, ratio, float(missed), float(due))
