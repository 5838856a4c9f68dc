"""Verdicts on columns of marts, one subject after another, oldest period first.

The columns are taken as the marts have them: they are compared with the oracle's own apart from this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from types import MappingProxyType

from tests.oracle.marts import rules, rules_people, rules_practice
from tests.oracle.marts.caseload import only_unreviewed
from tests.oracle.marts.layers import Layered, layered
from tests.oracle.marts.practice import MartRows, Practice, Row
from tests.oracle.marts.reads import READS
from tests.oracle.marts.rules import Rule
from tests.oracle.weeks import exact

RULES: Mapping[str, Rule] = MappingProxyType({**rules.RULES, **rules_people.RULES, **rules_practice.RULES})


def verdicts(practice: Practice, guardrail: str) -> MartRows:
    """By subject and period: state, reason, value and thresholds."""
    rule = RULES[guardrail]
    weeks = {(r["clinician_key"], r["week_id"]): r for r in practice.marts["clinician_week"]}
    logs = {(r["clinician_key"], r["week_id"]): r for r in practice.marts.get("ehr_time_week", [])}
    reviewable = only_unreviewed(practice) if guardrail == "active_caseload" else set()
    by_subject: dict[str, list[Row]] = {}
    for row in sorted(practice.marts[rule.mart], key=lambda r: r[rule.day]):
        subject = row.get(rule.subject, rule.subject)
        key = subject, row[rule.day]
        is_doubtful = logs.get(key, {}).get("is_log_doubtful")
        joined = {**weeks.get(key, {}), "is_log_doubtful": is_doubtful, "is_only_unreviewed": key in reviewable, **row}
        by_subject.setdefault(subject, []).append(joined)
    found: MartRows = {}
    for subject, rows in by_subject.items():
        for row, verdict in _Judge(practice, guardrail, rule).judge(rows):
            found[subject, str(row[rule.day])] = verdict
    return found


class _Judge:
    """One subject's periods. run: known periods in a row beyond the threshold. beyond: of all known ones, whether."""

    def __init__(self, practice: Practice, guardrail: str, rule: Rule) -> None:
        stated = practice.policy["guardrails"][guardrail]
        self.practice, self.guardrail, self.rule = practice, guardrail, rule
        self.limits = {k: exact(v["value"]) for k, v in stated["thresholds"].items()}
        self.settings = {k: v["value"] for k, v in stated.get("settings", {}).items()}
        self.run = 0
        self.beyond: list[bool] = []

    def judge(self, rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
        for row in rows:
            if self.rule.only is None or self.rule.only(row):
                yield row, self.verdict(row)

    def verdict(self, row: Row) -> Row:
        scaled_by, factor = self.scale(row)
        limits = {name: limit * factor for name, limit in self.limits.items()}
        own = layered(self.practice, self.guardrail, row) if self.rule.subject == "clinician_key" else Layered()
        limits |= {name: value * factor if is_scaled else value for name, (value, is_scaled) in own.values.items()}
        reason = self.unknown(row)
        if own.is_exempt:
            found = self.row(row, "exempt", "agreed", limits)
        elif reason is not None:
            state = "exempt" if reason in {"leave", "ramp"} else "unknown"
            found = self.row(row, state, reason, limits)
        elif self.rule.side == "below" or self.is_under_floor(row, limits):
            found = self.below(row, limits)
        else:
            found = self.above(row, limits)
        denominator = self.rule.denominator
        if self.rule.planned is not None and row[self.rule.planned] is None:
            return found | {"scaled_by": scaled_by, "numerator": None, "denominator": None}
        return found | {
            "scaled_by": scaled_by,
            "numerator": row[self.rule.numerator or self.rule.value],
            "denominator": None if denominator is None else denominator(row),
        }

    def scale(self, row: Row) -> tuple[float | None, Fraction]:
        if not self.settings.get("scale_by_fte"):
            return None, Fraction(1)
        most = exact(self.practice.setting("fte", "max_scale"))
        fte = None if row["fte"] is None else min(exact(row["fte"]), most)
        factor = Fraction(1) if fte is None else fte
        if self.settings.get("scale_by_worked") and row["worked_ratio"] is not None:
            factor *= exact(row["worked_ratio"])
        is_scaled = fte is not None or (self.settings.get("scale_by_worked") and row["worked_ratio"] is not None)
        return float(factor) if is_scaled else None, factor

    def unknown(self, row: Row) -> str | None:
        """Why a period cannot be judged; leave for one that leave alone keeps from it."""
        person = row["clinician_key"] if self.rule.subject == "clinician_key" else None
        ends = self.rule.settled(row) or row[self.rule.ends]
        for group in self.rule.needs:
            if not any(self.practice.rows[entity] and self.practice.reads(person, entity) for entity in group):
                return "no_source"
        if self.rule.planned is not None and row[self.rule.planned] is None:
            return "no_source"
        for group in (*self.rule.needs, *((entity,) for entity in READS.get(self.guardrail, ()))):
            reads = self.practice.reads(person, *group)
            if any(r.complete_through is None or r.complete_through < ends for r in reads):
                return "stale"
        if self.rule.hidden(row):
            return "low_denominator"
        if row[self.rule.value] is None and not self.is_too_few(row):
            return "no_source"
        if self.rule.partial(row) or self.is_in_gap(row):
            return "partial"
        if self.rule.defaulted(row):
            return "defaulted"
        if self.rule.few(row):
            return "leave" if row["evaluability_reason"] == "leave" else str(row["evaluability_reason"])
        return "low_denominator" if self.is_too_few(row) else None

    def is_too_few(self, row: Row) -> bool:
        n = None if self.rule.denominator is None else self.rule.denominator(row)
        return n is not None and (n < self.settings.get("min_n", 0) or n <= 0)

    def is_in_gap(self, row: Row) -> bool:
        """Whether days of the week are known to lack, in a source that knows the person, or in the only one that maps
        the entity (decisions 5.4 and 5.5).
        """
        if self.rule.day != "week_id" or self.rule.subject != "clinician_key":
            return False
        last = row["week_id"] + timedelta(days=6)
        return any(
            self.bears_on(gap, row["clinician_key"])
            and (gap["first_day"] is None or gap["first_day"] <= last)
            and (gap["last_day"] is None or gap["last_day"] >= row["week_id"])
            for gap in self.practice.gaps
        )

    def bears_on(self, gap: Row, person: str) -> bool:
        if not any(gap["entity"] in group for group in self.rule.needs):
            return False
        reads = self.practice.reads(person, gap["entity"])
        return not reads or any(r.source == gap["source"] for r in reads)

    def is_under_floor(self, row: Row, limits: dict[str, Fraction]) -> bool:
        return "floor" in limits and exact(row[self.rule.value]) < limits["floor"]

    def exemption(self, row: Row) -> str | None:
        months = self.settings.get("ramp_exempt_months", 0)
        if row.get("tenure_month") is not None and row["tenure_month"] <= months:
            return "ramp"
        return "leave" if self.settings.get("leave_exempt") and (row.get("leave_h") or 0) > 0 else None

    def below(self, row: Row, limits: dict[str, Fraction]) -> Row:
        value = exact(row[self.rule.value])
        breach, warn = limits.get("floor", limits.get("breach")), None if "floor" in limits else limits.get("warn")
        is_low = breach is not None and value < breach
        is_lowish = warn is not None and value < warn
        if is_low or is_lowish:
            reason = self.exemption(row)
            if reason is not None:
                return self.row(row, "exempt", reason, limits)
        if not is_low:
            self.run = 0
        else:
            self.run += 1
        if is_low and self.run >= self.settings.get("streak", self.settings.get("floor_streak", 1)):
            return self.row(row, "breach", "below_floor", limits)
        return self.row(row, "warn", "below_warning", limits) if is_lowish else self.row(row, "pass", None, limits)

    def above(self, row: Row, limits: dict[str, Fraction]) -> Row:
        value = exact(row[self.rule.value])
        self.run = 0
        is_over = "breach" in limits and value > limits["breach"]
        exempt = self.exemption(row) if is_over and self.rule.is_negated else None
        if exempt is not None:
            return self.row(row, "exempt", exempt, limits)
        if "breach_single_week" in limits and value > limits["breach_single_week"]:
            self.beyond.append(is_over)
            return self.row(row, "breach", "single_week_above", limits)
        self.beyond.append(is_over)
        if "consistent_weeks" in self.settings:
            recent = self.beyond[-self.settings["consistent_window"] :]
            is_over = is_over and sum(recent) >= self.settings["consistent_weeks"]
            reason = "consistently_above"
        else:
            reason = "above_ceiling"
        if is_over:
            return self.row(row, "breach", reason, limits)
        if "warn" in limits and value > limits["warn"]:
            return self.row(row, "warn", "above_warning", limits)
        return self.row(row, "pass", None, limits)

    def row(self, row: Row, state: str, reason: str | None, limits: dict[str, Fraction]) -> Row:
        value = row[self.rule.value]
        warn, breach = limits.get("warn"), limits.get("breach")
        if value is not None and "floor" in limits and exact(value) < limits["floor"]:
            warn, breach = None, limits["floor"]
        value = None if state == "unknown" else value
        if reason == "single_week_above":
            breach = limits["breach_single_week"]
        return {
            "state": state,
            "reason": reason,
            "value": value,
            "threshold_warn": warn,
            "threshold_breach": breach,
        }
