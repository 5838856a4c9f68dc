"""utilization_trend: weeks held against the clinician's own, and against what was expected (decision 8, T1 to T4)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.oracle.intervals import hours
from tests.oracle.marts.clinician_week import clinician_week
from tests.oracle.marts.hours import offered
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import Week, exact

LIMIT, MOVING_LIMIT = Fraction(266, 100), Fraction(3267, 1000)
ACTUAL = {"clients": "distinct_clients_n", "sessions": "sessions_n", "hours": "direct_h"}
UNITS = {"distinct_clients": "clients", "sessions": "sessions", "hours": "hours"}


def utilization_trend(practice: Practice) -> MartRows:
    spine = clinician_week(practice)
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        rows = [spine[person, week.monday] for week in weeks]
        flags = [_is_evaluated(practice, row) for row in rows]
        charted = [is_on and _is_past_ramp(practice, row) for row, is_on in zip(rows, flags, strict=True)]
        chart = Chart(practice, [row["utilization_ratio"] for row, is_on in zip(rows, charted, strict=True) if is_on])
        before: list[Row] = []
        place = -1
        streak = 0
        for week, row, is_on, is_charted in zip(weeks, rows, flags, charted, strict=True):
            place += is_charted
            if is_on:
                before.append(row)
                streak = _streak(practice, row, streak)
            trend = _means(practice, before) if is_on else _no_means()
            trend |= {"is_evaluated": is_on, "low_streak": streak}
            trend |= chart.at(place) if is_charted else chart.none("not_evaluated")
            trend |= _expected(practice, person, week, row)
            trend["label"] = _label(practice, trend)
            found[person, week.monday] = trend
    return found


def _is_evaluated(practice: Practice, row: Row) -> bool:
    ramp = practice.rule("utilization", "ramp_exempt_months")
    is_clear = not (row["unknown_status_sessions_n"] or row["unknown_type_sessions_n"] or row["unreviewed_sessions_n"])
    is_known = row["evaluability"] in {"full", "partial"} and row["utilization_ratio"] is not None
    return is_known and is_clear and not (row["tenure_month"] is not None and row["tenure_month"] <= ramp)


def _is_past_ramp(practice: Practice, row: Row) -> bool:
    last = max(band["month"] for band in practice.policy["ramp"])
    return row["tenure_month"] is None or row["tenure_month"] >= last


def _floor(practice: Practice) -> Fraction:
    return exact(practice.threshold("utilization", "floor"))


def _streak(practice: Practice, row: Row, streak: int) -> int:
    if row["utilization_ratio"] >= _floor(practice):
        return 0
    is_leave = practice.rule("utilization", "leave_exempt") and (row["leave_h"] or 0) > 0
    return streak if is_leave else streak + 1


def _no_means() -> Row:
    return dict.fromkeys(("mean_4w", "mean_6w", "mean_8w", "direct_h_mean_6w")) | {"trend_weeks_n": 0}


def _means(practice: Practice, before: list[Row]) -> Row:
    found: Row = _no_means() | {"trend_weeks_n": min(len(before), 6)}
    if len(before) >= practice.setting("trend", "least_weeks"):
        for weeks in (4, 6, 8):
            last = before[-weeks:]
            found[f"mean_{weeks}w"] = ratio(sum(r["direct_h"] for r in last), sum(r["available_h"] for r in last))
        last = before[-6:]
        found["direct_h_mean_6w"] = sum((r["direct_h"] for r in last), Fraction(0)) / len(last)
    return found


class Chart:
    """XmR chart of a clinician's evaluated weeks; the first ones are the baseline."""

    def __init__(self, practice: Practice, values: list[Fraction]) -> None:
        self.values = values
        self.weeks = practice.setting("trend", "baseline_weeks")
        baseline = values[: self.weeks]
        self.centre = self.moving = Fraction(0)
        if len(baseline) == self.weeks:
            self.centre = sum(baseline, Fraction(0)) / self.weeks
            self.moving = sum((abs(b - a) for a, b in pairwise(baseline)), Fraction(0)) / (self.weeks - 1)
        self.is_known = self.moving > 0

    def none(self, why: str) -> Row:
        empty = dict.fromkeys(("xmr_side", "own_centre", "own_lo", "own_hi", "own_sigma", "below_own_sigma"))
        return empty | {"xmr_signal": why, "own_baseline_weeks_n": 0}

    def at(self, place: int) -> Row:
        if not self.is_known or place + 1 < self.weeks:
            return self.none("insufficient")
        half = LIMIT * self.moving
        sigmas = [(v - self.centre) / (half / 3) for v in self.values[: place + 1]]
        signal, side = self._signal(place, sigmas)
        return {
            "own_centre": self.centre,
            "own_lo": self.centre - half,
            "own_hi": self.centre + half,
            "own_sigma": sigmas[-1],
            "below_own_sigma": -sigmas[-1],
            "own_baseline_weeks_n": self.weeks,
            "xmr_signal": signal,
            "xmr_side": side,
        }

    def _signal(self, place: int, sigmas: list[Fraction]) -> tuple[str | None, str | None]:
        now = sigmas[-1]
        side = "above" if now > 0 else "below"
        signed = [s if now > 0 else -s for s in sigmas]
        for name, limit, enough, window in (
            ("beyond_limits", 3, 1, 1),
            ("two_of_three", 2, 2, 3),
            ("four_of_five", 1, 4, 5),
            ("eight_on_side", 0, 8, 8),
        ):
            last = signed[-window:]
            if len(last) == window and last[-1] > limit and sum(s > limit for s in last) >= enough:
                return name, side
        if place and abs(self.values[place] - self.values[place - 1]) > MOVING_LIMIT * self.moving:
            return "moving_range", None
        return None, None


def _expected(practice: Practice, person: str, week: Week, row: Row) -> Row:
    ramp = sorted(practice.policy["ramp"], key=lambda band: band["month"])
    tenure = row["tenure_month"]
    names = ("ramp_band", "expected_min", "expected_max", "expected_unit", "expected_source", "expected_actual")
    found: Row = dict.fromkeys(names)
    if tenure is None:
        return found
    band = ramp[min(tenure, len(ramp)) - 1]
    found |= {"ramp_band": band["month"], "expected_unit": band["unit"]}
    found["expected_source"] = "ramp" if tenure < len(ramp) else "practice"
    left = _left(practice, person, week)
    target = _agreed(practice, person, week)
    if target is not None:
        found |= {"expected_source": "person", "expected_unit": UNITS.get(target["target_override_unit"], "unknown")}
        found["expected_min"] = None if left is None else exact(target["target_override"]) * left
    elif left is not None and row["fte"] is not None:
        factor = min(row["fte"], exact(practice.setting("fte", "max_scale"))) * left * _specialty(practice, person)
        found |= {"expected_min": exact(band["min"]) * factor, "expected_max": exact(band["max"]) * factor}
    found["expected_actual"] = row[ACTUAL[found["expected_unit"]]] if found["expected_unit"] in ACTUAL else None
    return found


def _left(practice: Practice, person: str, week: Week) -> Any:
    """The part of the offered hours that remains."""
    found = offered(practice, person, week)
    return None if found is None else ratio(found.bookable_h, hours(found.template))


def _specialty(practice: Practice, person: str) -> Fraction:
    reduced = set(practice.setting("expectation", "reduced_specialties"))
    mine = {r["specialty"] for r in practice.by_person("clinician_specialty").get(person, [])}
    return exact(practice.setting("expectation", "specialty_factor")) if mine & reduced else Fraction(1)


def _agreed(practice: Practice, person: str, week: Week) -> Row | None:
    """The target agreed for the person that holds when the week begins."""
    for row in practice.by_person("employment").get(person, []):
        if row["target_override"] is None or not _touches(row["start_date"], row["end_date"], week):
            continue
        if row["target_override_until"] is None or row["target_override_until"] >= week.monday:
            return row
    return None


def _touches(start: date, end: date | None, week: Week) -> bool:
    return start <= week.last_day and (end is None or end >= week.monday)


def _label(practice: Practice, trend: Row) -> str:
    is_due = trend["low_streak"] >= practice.rule("utilization", "floor_streak")
    mean = trend["mean_6w"]
    if not trend["is_evaluated"]:
        return "insufficient"
    if is_due or (mean is not None and mean < _floor(practice)):
        return "check_in_due"
    if mean is None:
        return "insufficient"
    return "high" if mean > exact(practice.threshold("utilization", "warn")) else "on_target"
