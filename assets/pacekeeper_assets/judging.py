"""Guardrails as bands: which column of which mart is compared, for whom, in which period."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ibis

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.guardrail import Guardrail, Side
from pacekeeper.measures.in_force import number
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.needs import Needs
from pacekeeper.measures.state import Reason
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.layering import layered

_WEEK_FACTS = ("week_start_at", "week_end_at", "fte", "worked_ratio", "tenure_month", "leave_h", "evaluability_reason")
_NO_DAY_S = 7_200
_DAY_S = 86_400

Rows = Callable[[CanonicalTables, Policy], Table]


@dataclass(frozen=True)
class Grain:
    """What a judged mart has a row of.

    subject_kind: what the verdict is about. subject: its key column; null = the whole practice is one subject.
    day, start, end: columns with the first local day of the period and its ends as instants.
    """

    subject_kind: str
    subject: str | None
    day: str
    start: str
    end: str


CLINICIAN_WEEK = Grain("clinician", "clinician_key", "week_id", "week_start_at", "week_end_at")
CLINICIAN_MONTH = Grain("clinician", "clinician_key", "month_id", "month_start_at", "month_end_at")
CLINICIAN_QUARTER = Grain("clinician", "clinician_key", "quarter_id", "quarter_start_at", "quarter_end_at")
PRACTICE_MONTH = Grain("practice", None, "month_id", "month_start_at", "month_end_at")
PRACTICE_QUARTER = Grain("practice", None, "quarter_id", "quarter_start_at", "quarter_end_at")


def band(
    guardrail_id: str,
    *,
    mart: str,
    value: str,
    needs: Needs,
    grain: Grain = CLINICIAN_WEEK,
    side: Side = "above",
    numerator: str | None = None,
    denominator: str | None = None,
    partial: str | None = None,
    defaulted: str | None = None,
    few: str | None = None,
    only: str | None = None,
    rows: Rows | None = None,
    marts: tuple[str, ...] = (),
    reach_days: int = 0,
    looks_ahead: bool = False,
) -> Guardrail:
    """A guardrail that compares one column of a mart with thresholds.

    value: column; null there is unknown: `low_denominator` where there is too little to judge by, else `no_source`.
    numerator, denominator: columns behind a ratio.
    partial, defaulted, few: flag columns; true makes the verdict unknown: partial, defaulted or low_denominator.
    only: flag column; rows where it is not true are not judged at all.
    rows: gives the judged rows where they are more than the mart's own; marts: what else it reads.
    reach_days, looks_ahead: see `Guardrail`.
    The policy decides the rest, by the keys it states under the guardrail:
    thresholds `warn` and `breach` (each may be left out), strict: a value at the threshold passes; above also
    `breach_single_week`, which is a breach at once, and `floor`, the breach threshold below;
    settings `min_n` (least denominator; without it, 0 is too little), `scale_by_fte`, `scale_by_worked` (the part of
    the week's planned hours that was not closed), `streak` (a breach needs so many known periods in a row beyond the
    threshold; `floor_streak` for the floor), `consistent_weeks` of `consistent_window` (so many of the last known
    ones), `ramp_exempt_months` and `leave_exempt` (clinician weeks only: a week beyond a threshold is exempt then, and
    neither extends a streak nor ends it; where a ceiling has a floor beside it, the floor alone exempts).
    """

    def values(tables: CanonicalTables, policy: Policy) -> Table:
        found = tables[mart] if rows is None else rows(tables, policy)
        if only is not None:
            found = found.filter(ibis.coalesce(found[only], literal(value=False)))
        if grain is CLINICIAN_WEEK:
            found = with_person_week(found, tables)
        return _band_rows(found, guardrail_id, grain, value, (numerator, denominator), (partial, defaulted, few))

    week_marts = ("clinician_week",) if grain is CLINICIAN_WEEK else ()
    return Guardrail(
        id=guardrail_id,
        mart=mart,
        column=value,
        key=(grain.day,) if grain.subject is None else (grain.subject, grain.day),
        needs=needs,
        values=values,
        side=side,
        marts=(*week_marts, *marts),
        reach_days=reach_days,
        looks_ahead=looks_ahead,
    )


def _band_rows(
    found: Table,
    guardrail_id: str,
    grain: Grain,
    value: str,
    parts: tuple[str | None, str | None],
    flags: tuple[str | None, str | None, str | None],
) -> Table:
    is_week = grain is CLINICIAN_WEEK
    no_number = ibis.null("float64")
    numerator, denominator = parts

    def flag(name: str | None) -> Value:
        return literal(value=False) if name is None else ibis.coalesce(found[name], literal(value=False))

    start, end = found[grain.start], found[grain.end]
    # The last local day of a period begins a day before its end, give or take the hour of a clock change.
    days_n = ibis.greatest(((seconds(end) - seconds(start) + _NO_DAY_S) // _DAY_S).cast("int64"), literal(1, "int64"))
    partial, defaulted, few = flags
    return found.select(
        guardrail_id=literal(guardrail_id),
        subject_kind=literal(grain.subject_kind),
        subject_key=literal(grain.subject_kind) if grain.subject is None else found[grain.subject],
        period_day=found[grain.day],
        last_no=day_number(found[grain.day]) + days_n - 1,
        period_start=start,
        period_end=end,
        value=found[value].cast("float64"),
        numerator=(found[value] if numerator is None else found[numerator]).cast("float64"),
        denominator=no_number if denominator is None else found[denominator].cast("float64"),
        is_partial=flag(partial),
        is_defaulted=flag(defaulted),
        is_few=flag(few),
        fte=found.fte.cast("float64") if is_week else no_number,
        worked_ratio=found.worked_ratio.cast("float64") if is_week else no_number,
        tenure_month=found.tenure_month.cast("int64") if is_week else ibis.null("int64"),
        is_leave=ibis.coalesce(
            (found.leave_h > 0) | (found.evaluability_reason == Reason.LEAVE.value), literal(value=False)
        )
        if is_week
        else literal(value=False),
    )


def with_person_week(rows: Table, tables: CanonicalTables) -> Table:
    """Rows per clinician and week with the week's ends, and what scales and exempts."""
    weeks = tables.clinician_week
    facts = weeks.select("clinician_key", "week_id", *_WEEK_FACTS)
    own = [name for name in _WEEK_FACTS if name in rows.columns]
    return rows.drop(*own).inner_join(facts, ["clinician_key", "week_id"])


def threshold(guardrail_id: str, key: str, rows: Table, policy: Policy) -> Value:
    """A threshold in force on the row's `period_day`, by the layers that `with_layers` has flagged, for marts."""
    base = number(policy, rows.period_day, lambda rev: rev.guardrail(guardrail_id).threshold(key))
    return layered(rows, policy, guardrail_id, key, base, scale=literal(1.0))
