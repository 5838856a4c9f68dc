"""What a page says about one clinician: verdicts of a month by what a reader does with them, and their own trend."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pacekeeper.alerts.facts import practice_wide
from pacekeeper.alerts.routing import Routes
from pacekeeper.policy import Policy
from pacekeeper.reports.charts import Chart, trend_svg
from pacekeeper.reports.period import Period
from pacekeeper.reports.verdicts import Verdict, by_state, verdicts
from pacekeeper.reports.words import STATE_NAMES, number, reason, title, unit_name
from pacekeeper.sql_text import sql_literal

if TYPE_CHECKING:
    from pacekeeper.engine.session import Session

#: Shown to everybody, whatever the verdicts: the pace, and what it costs.
_ALWAYS = ("utilization", "after_hours_ehr", "active_caseload")


@dataclass(frozen=True)
class Question:
    """A guardrail with a period out of band. practice_wide: what to look at before anybody asks about one person."""

    title: str
    state: str
    question: str
    facts: Sequence[str]
    practice_wide: str | None


@dataclass(frozen=True)
class Line:
    """A guardrail in one line. value: of the last period that is known."""

    title: str
    periods: str
    value: str
    limit: str
    why: str


@dataclass(frozen=True)
class Own:
    """A clinician's month. counts: verdicts by state."""

    counts: Mapping[str, int]
    questions: Sequence[Question]
    within: Sequence[Line]
    unknown: Sequence[Line]
    exempt: Sequence[Line]


@dataclass(frozen=True)
class OwnPages:
    """Makes what pages say of a month. definitions: formula by guardrail. zone: of the practice."""

    session: Session
    policy: Policy
    routes: Routes
    definitions: Mapping[str, str]
    period: Period
    zone: str

    def history(self, clinician: str, *, without: Collection[str] = ()) -> list[Verdict]:
        """The person's verdicts of the weeks that a chart shows. without: guardrails to leave out."""
        since, until = self.period.weeks_from, self.period.end
        found = verdicts(self.session, zone=self.zone, since=since, until=until, clinician=clinician)
        return [one for one in found if one.guardrail_id not in without]

    def month(self, history: Iterable[Verdict]) -> Own:
        """Their month in words."""
        by_rail: dict[str, list[Verdict]] = defaultdict(list)
        for one in history:
            if one.last_day >= self.period.month:
                by_rail[one.guardrail_id].append(one)
        rails = sorted(by_rail.items(), key=lambda item: title(self.policy, item[0]))
        return Own(
            by_state(one for found in by_rail.values() for one in found),
            [self._question(rail, found) for rail, found in rails if any(one.is_out for one in found)],
            [
                self._line(rail, found, "pass")
                for rail, found in rails
                if not any(one.is_out for one in found) and any(one.state == "pass" for one in found)
            ],
            [self._line(rail, found, "unknown") for rail, found in rails if any(o.state == "unknown" for o in found)],
            [self._line(rail, found, "exempt") for rail, found in rails if any(o.state == "exempt" for o in found)],
        )

    def _question(self, rail: str, found: Sequence[Verdict]) -> Question:
        out = [one for one in found if one.is_out]
        worst = "breach" if any(one.state == "breach" for one in out) else "warn"
        return Question(
            title(self.policy, rail),
            worst,
            self.routes.of(rail, "clinician").question,
            [_sentence(one) for one in out],
            self._practice_wide(out[-1]),
        )

    def _practice_wide(self, verdict: Verdict) -> str | None:
        rows = self.session.rows(
            "SELECT classification, out_of_band_n, evaluable_n, systemic_inputs FROM marts.systemic_signal "
            f"WHERE guardrail_id = {sql_literal(verdict.guardrail_id)} "
            f"AND CAST(week_id AS VARCHAR) = {sql_literal(verdict.period)}"
        )
        return practice_wide(*rows[0]) if rows else None

    def _line(self, rail: str, found: Sequence[Verdict], state: str) -> Line:
        own = [one for one in found if one.state == state]
        last = own[-1]
        reasons = Counter(reason(one.reason) for one in own if one.reason is not None)
        return Line(
            title(self.policy, rail),
            f"{len(own)} of {len(found)}",
            "" if last.value is None else number(last.value, last.unit),
            "" if last.limit is None else number(last.limit, last.unit),
            "; ".join(f"{text} ({n})" if len(reasons) > 1 else text for text, n in reasons.items()),
        )

    def charts(self, clinician: str, history: Sequence[Verdict]) -> list[Chart]:
        """Their pace against what was expected of them, and every guardrail that is always shown or out of band."""
        out = {one.guardrail_id for one in history if one.last_day >= self.period.month and one.is_out}
        by_rail: dict[str, list[Verdict]] = defaultdict(list)
        for one in history:
            by_rail[one.guardrail_id].append(one)
        wanted = [*_ALWAYS, *sorted(out - set(_ALWAYS))]
        drawn = [self._of_guardrail(rail, by_rail[rail]) for rail in wanted if _has_weeks(by_rail[rail])]
        return [*self.pace(clinician), *drawn]

    def pace(self, clinician: str) -> list[Chart]:
        """What was done in each week beside what was expected: one chart per unit of expectation, mostly one."""
        rows = self.session.rows(
            "SELECT week_id, expected_actual, expected_min, coalesce(expected_max, expected_min), expected_unit "
            f"FROM marts.utilization_trend WHERE clinician_key = {sql_literal(clinician)} "
            f"AND week_id + 6 >= DATE '{self.period.weeks_from}' AND week_id + 6 < DATE '{self.period.end}' "
            "ORDER BY week_id"
        )
        units = sorted({unit for *_, unit in rows if unit is not None and unit != "unknown"})
        return [self._pace(unit, [row for row in rows if row[-1] in {unit, None, "unknown"}]) for unit in units]

    def _pace(self, unit: str, rows: Sequence[tuple[Any, ...]]) -> Chart:
        points = [
            {"at": week.isoformat(), "value": value, "low": low, "high": high} for week, value, low, high, _ in rows
        ]
        unknown = sum(value is None for _, value, *_ in rows)
        return Chart(
            title="Pace: what was done, and what was expected",
            definition=f"Line: {unit} done in the week. Band: what was expected, for hours offered, FTE and time here. "
            "Leave lowers it; a band at 0 is a week off.",
            window=_weeks(len(rows), self.period.end),
            unknown=_unknown(unknown, len(rows)),
            svg=trend_svg(points, label=f"{unit} per week against the expected band; numbers in the table", unit=unit),
            head=("Week of", f"Done ({unit})", "Expected"),
            rows=[(str(week), number(value), _between(low, high)) for week, value, low, high, _ in rows],
        )

    def _of_guardrail(self, rail: str, found: Sequence[Verdict]) -> Chart:
        unit = next((one.unit for one in found if one.unit is not None), None)
        floor, warn, breach = (self._threshold(rail, key) for key in ("floor", "warn", "breach"))
        has_band = floor is not None
        points = [
            {
                "at": one.period,
                "value": one.value,
                **({"low": floor, "high": warn, "breach": breach} if has_band else {}),
                **({} if has_band else {"warn": one.warn, "breach": one.breach}),
            }
            for one in found
        ]
        name = title(self.policy, rail)
        lines = (
            "Band: from the floor to the warning limit; dashed: upper limit."
            if has_band
            else "Dotted: warning limit; dashed: limit."
        )
        return Chart(
            title=name,
            definition=lines,
            window=_weeks(len(found), self.period.end),
            unknown=_unknown(sum(one.state == "unknown" for one in found), len(found)),
            svg=trend_svg(
                points,
                label=f"{name}, by week, with the practice's limits; numbers in the table",
                unit="" if unit == "ratio" else unit_name(unit),
                per_cent=unit == "ratio",
            ),
            head=("Week of", "Value", "Limit", "Verdict", "Why"),
            rows=[
                (
                    one.period,
                    number(one.value, one.unit),
                    "–" if one.limit is None else number(one.limit, one.unit),
                    STATE_NAMES[one.state],
                    reason(one.reason),
                )
                for one in found
            ],
            formula=self.definitions.get(rail, ""),
        )

    def _threshold(self, rail: str, key: str) -> float | None:
        known = self.policy.latest.guardrails.get(rail)
        if known is None or "floor" not in known.thresholds.values or key not in known.thresholds.values:
            return None
        return known.threshold_or_none(key)


def _has_weeks(found: Sequence[Verdict]) -> bool:
    return bool(found) and all(one.is_weekly for one in found)


def _sentence(one: Verdict) -> str:
    limit = "" if one.limit is None else f"; the practice's limit is {number(one.limit, one.unit)}"
    why = "" if one.reason is None else f", {reason(one.reason)}"
    since = "Week of" if one.is_weekly else "From"
    return f"{since} {one.period}: {number(one.value, one.unit)}{why}{limit}."


def _weeks(n: int, end: date) -> str:
    return f"{n} weeks, to the end of {end - timedelta(days=1):%B %Y}"


def _unknown(n: int, of: int) -> str:
    return f"Not known: {n} of {of} weeks." + (" The line is broken there." if n else "")


def _between(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "not known"
    return number(low) if low == high else f"{number(low)} to {number(high)}"
