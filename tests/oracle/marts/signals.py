"""clinician_signal and systemic_signal: what is out of band, beside peers and practice (decision 8, T13 and T14)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from math import sqrt

from tests.oracle.intervals import tick
from tests.oracle.marts.attendance import attendance_week
from tests.oracle.marts.breaches import OUT, current
from tests.oracle.marts.experiments import SIGNALS
from tests.oracle.marts.funnel import zone
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.marts.verdicts import RULES
from tests.oracle.weeks import exact

KNOWN = OUT | {"pass"}
FLOOR_STREAKS = {"streak", "floor_streak"}


class Signals:
    """Weekly verdicts about clinicians, by guardrail and week."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.settings = {name: entry["value"] for name, entry in practice.policy["systemic"].items()}
        self.verdicts = current(practice)
        self.weekly: dict[tuple[str, date], list[Row]] = defaultdict(list)
        self.of_week: dict[date, list[Row]] = defaultdict(list)
        for row in self.verdicts:
            if row["subject_kind"] == "clinician" and is_weekly(row):
                week = date.fromisoformat(row["period"])
                self.weekly[row["guardrail_id"], week].append(row)
                self.of_week[week].append(row)
        self.roles: dict[str | None, set[str]] = defaultdict(set)
        for row in practice.rows["clinician"]:
            self.roles[practice.person(row["clinician_key"])].add(row["role"])
        self.charts = {guardrail: self._chart(guardrail) for guardrail in {key[0] for key in self.weekly}}

    def known(self, guardrail: str, week: date) -> list[Row]:
        return [row for row in self.weekly[guardrail, week] if row["state"] in KNOWN]

    def _chart(self, guardrail: str) -> dict[date, Row]:
        """Weeks so far and signal by week; a p-chart of which the first weeks are the baseline."""
        least = self.settings["baseline_weeks"]
        weeks = sorted(week for name, week in self.weekly if name == guardrail)
        judged = [week for week in weeks if self.known(guardrail, week)]
        counts = {week: self._counts(guardrail, week) for week in judged}
        begun = judged[:least]
        centre = ratio(Fraction(sum(counts[w][0] for w in begun)), sum(counts[w][1] for w in begun))
        sigmas: list[float] = []
        found: dict[date, Row] = {}
        for week in weeks:
            signal: tuple[str | None, str | None] = ("not_evaluated", None)
            if week in counts:
                out, n = counts[week]
                if centre and centre < 1:
                    sigmas.append(float(Fraction(out, n) - centre) / sqrt(centre * (1 - centre) / n))
                signal = _signal(sigmas) if len(sigmas) >= least else ("insufficient", None)
            before = sum(w <= week for w in judged)
            found[week] = {"weeks_n": before, "practice_chart_signal": signal[0], "practice_chart_side": signal[1]}
        return found

    def _counts(self, guardrail: str, week: date) -> tuple[int, int]:
        known = self.known(guardrail, week)
        return sum(row["state"] in OUT for row in known), len(known)

    def last_verdict(self, guardrail: str, end: int) -> str | None:
        """State of the practice's last verdict by an instant."""
        ended = [r for r in self.verdicts if r["guardrail_id"] == guardrail and tick(r["period_end"]) <= end]
        return max(ended, key=lambda r: r["period_end"])["state"] if ended else None

    def week(self, guardrail: str, week: date) -> Row:
        """What holds for the practice in a week."""
        out, n = self._counts(guardrail, week)
        end = max(tick(row["period_end"]) for row in self.weekly[guardrail, week])
        inputs = [name for name in self.settings["inputs"] if self.last_verdict(name, end) == "breach"]
        chart = self.charts[guardrail][week]
        share = ratio(Fraction(out), n)
        is_signal = chart["practice_chart_side"] == "above" and out >= 2
        is_many = share is not None and share >= exact(self.settings["share"]) and out >= self.settings["min_out"]
        return {
            "week_end_at": end,
            "evaluable_n": n,
            "out_of_band_n": out,
            "share": share,
            **chart,
            "inputs_n": len(inputs),
            "systemic_inputs": ", ".join(sorted(inputs)) or None,
            "is_systemic": is_many or is_signal or (out > 0 and bool(inputs)),
        }

    def others(self, week: date, guardrail: str, person: str | None = None) -> Row:
        states = [
            row["state"]
            for row in self.of_week[week]
            if row["guardrail_id"] != guardrail and person in {None, row["subject_key"]}
        ]
        return {
            "others_known_n": sum(state in KNOWN for state in states),
            "others_out_n": sum(state in OUT for state in states),
        }


def is_weekly(row: Row) -> bool:
    return row["guardrail_id"] in RULES and RULES[row["guardrail_id"]].day == "week_id"


def _signal(sigmas: list[float]) -> tuple[str | None, str | None]:
    for name, limit, enough, window in SIGNALS:
        last = sigmas[-window:]
        for side, sign in (("above", 1), ("below", -1)):
            beyond = [sign * sigma > limit for sigma in last]
            if len(last) == window and beyond[-1] and sum(beyond) >= enough:
                return name, side
    return None, None


def clinician_signal(practice: Practice) -> MartRows:
    return _clinician_signal(Signals(practice))


def _clinician_signal(signals: Signals) -> MartRows:
    practice, found = signals.practice, {}
    cancels = attendance_week(practice)
    history: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for guardrail, week in sorted(signals.weekly):
        known = signals.known(guardrail, week)
        whole = signals.week(guardrail, week)
        for row in known:
            person = row["subject_key"]
            mine = history[guardrail, person]
            mine.append(row["state"] in OUT)
            if row["state"] not in OUT:
                continue
            peers = [r for r in known if r["subject_key"] != person and _is_peer(signals, person, r["subject_key"])]
            meeting = ratio(Fraction(sum(r["state"] == "pass" for r in peers)), len(peers))
            if len(known) < signals.settings["min_clinicians"]:
                meeting = None
            about = {
                "state": row["state"],
                "reason": row["reason"],
                "value": row["value"],
                "weeks_out_n": sum(mine[-8:]),
                "peers_n": len(peers),
                "peers_meeting_ratio": meeting,
                "funnel_zone": _zone(signals, guardrail, known, row),
                "clinician_cancel_n": cancels[person, week]["clinician_cancel_n"],
                **signals.others(week, guardrail, person),
            }
            about["classification"] = _class_of(signals, whole, about, is_lasting=_is_lasting(practice, row))
            found[person, week, guardrail] = about
    return found


def _is_peer(signals: Signals, person: str, other: str) -> bool:
    return min(signals.roles[person]) == min(signals.roles[other])


def _zone(signals: Signals, guardrail: str, known: list[Row], row: Row) -> str:
    if guardrail not in signals.settings["counted_rates"] or row["denominator"] < signals.settings["funnel_min_n"]:
        return "insufficient"
    hits, n = sum(int(r["numerator"]) for r in known), sum(int(r["denominator"]) for r in known)
    return zone(int(row["numerator"]), int(row["denominator"]), Fraction(hits, n))


def _is_lasting(practice: Practice, row: Row) -> bool:
    """Whether a breach took several weeks: of a floor only where the guardrail asks for weeks in a row."""
    settings = practice.policy["guardrails"][row["guardrail_id"]].get("settings", {})
    is_low = row["reason"] == "below_floor" and bool(FLOOR_STREAKS & settings.keys())
    return row["state"] == "breach" and (is_low or row["reason"] == "consistently_above")


def _class_of(signals: Signals, whole: Row, about: Row, *, is_lasting: bool) -> str:
    if whole["is_systemic"]:
        return "systemic"
    if (
        whole["evaluable_n"] < signals.settings["min_clinicians"]
        or whole["weeks_n"] < signals.settings["baseline_weeks"]
        or about["peers_meeting_ratio"] is None
    ):
        return "insufficient_data"
    is_beyond = about["funnel_zone"].startswith("alarm") or is_lasting
    is_floor = about["reason"] in {"below_floor", "below_warning"}
    has_inquiries = not is_floor or signals.last_verdict("referral_drought", whole["week_end_at"]) == "pass"
    is_alone = about["peers_meeting_ratio"] >= exact(signals.settings["peers_meeting"])
    return "individual_pattern" if is_beyond and is_alone and has_inquiries else "common_cause"


def systemic_signal(practice: Practice) -> MartRows:
    signals = Signals(practice)
    individual: dict[tuple[str, date], int] = defaultdict(int)
    for (_, week, guardrail), row in _clinician_signal(signals).items():
        individual[guardrail, week] += row["classification"] == "individual_pattern"
    found: MartRows = {}
    for guardrail, week in list(signals.weekly):
        row = signals.week(guardrail, week)
        row["individual_n"] = individual[guardrail, week]
        row |= signals.others(week, guardrail)
        if row.pop("is_systemic"):
            row["classification"] = "systemic"
        elif row["evaluable_n"] < signals.settings["min_out"] or row["weeks_n"] < signals.settings["baseline_weeks"]:
            row["classification"] = "insufficient_data"
        else:
            row["classification"] = "individual_pattern" if row["individual_n"] else "common_cause"
        found[guardrail, week] = row
    return found
