"""Judging: from numbers of a mart and thresholds of the policy in force to states and reasons.

A judged table has one row per subject and period: `subject_key`, `period_day` (first local day; the policy in force on
it judges), `last_no` (number of the last local day), `period_start` and `period_end` (instants).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import holds, in_force, number, whole
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.needs import Needs
from pacekeeper.measures.state import Reason, State
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import GuardrailPolicy, Policy, PolicyRevision
from pacekeeper.policy.in_weeks import version_rows
from pacekeeper_assets.completeness import with_input_state, with_practice_input_state
from pacekeeper_assets.layering import is_exempt, layer_label, layered, with_layers

SPAN = ("subject_key", "period_day", "last_no", "period_start", "period_end")
# Thresholds and values meet after rounding: 35 h x 0.7 FTE is 24.5 h, not a hair less.
DIGITS = 9
_WEEK_FACTS = ("week_start_at", "week_end_at", "fte", "tenure_month", "leave_h", "evaluability_reason")

Side = Literal["above", "below"]


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

    def spans(self, rows: Table) -> Table:
        """The rows with the columns of a judged table beside their own."""
        subject = literal("practice") if self.subject is None else rows[self.subject]
        # The last local day of a period begins less than a day and an hour before its end.
        return rows.mutate(
            subject_key=subject,
            period_day=rows[self.day],
            period_start=rows[self.start],
            period_end=rows[self.end],
            last_no=day_number(rows[self.day])
            + ((rows[self.end].epoch_seconds() - rows[self.start].epoch_seconds() + 7_200) // 86_400).cast("int64")
            - 1,
        )


CLINICIAN_WEEK = Grain("clinician", "clinician_key", "week_id", "week_start_at", "week_end_at")
CLINICIAN_MONTH = Grain("clinician", "clinician_key", "month_id", "month_start_at", "month_end_at")
CLINICIAN_QUARTER = Grain("clinician", "clinician_key", "quarter_id", "quarter_start_at", "quarter_end_at")
PRACTICE_WEEK = Grain("practice", None, "week_id", "week_start_at", "week_end_at")
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
    reach_days: int = 0,
    only: str | None = None,
) -> Guardrail:
    """A guardrail that compares one column of a mart with a warning and a breach threshold.

    value: column; null there is unknown: `no_source`, or `low_denominator` where the denominator is 0 or null.
    numerator, denominator: columns behind a ratio. partial: flag column; true makes the verdict unknown.
    only: flag column; rows where it is not true are not judged at all.
    The policy decides the rest, by the keys it states under the guardrail:
    thresholds `warn` and `breach` (each may be left out), strict: a value at the threshold passes;
    settings `min_n` (least denominator), `scale_by_fte`, `streak` (a breach needs so many known periods in a row
    beyond the threshold), `consistent_weeks` of `consistent_window` (so many of the last known ones),
    `ramp_exempt_months` and `leave_exempt` (clinician weeks only, for floors).
    """

    def judge(rail: Guardrail, tables: CanonicalTables, policy: Policy) -> Table:
        rows = tables[mart]
        if only is not None:
            rows = rows.filter(ibis.coalesce(rows[only], literal(value=False)))
        rows = with_person_week(rows, tables) if grain is CLINICIAN_WEEK else grain.spans(rows)
        rows = rows.mutate(
            value=rows[value].cast("float64").round(DIGITS),
            numerator=(rows[value] if numerator is None else rows[numerator]).cast("float64"),
            denominator=ibis.null("float64") if denominator is None else rows[denominator].cast("float64"),
            is_partial=literal(value=False) if partial is None else rows[partial],
            is_defaulted=literal(value=False),
        )
        rows = input_state(rail, grain, rows, tables, policy)
        return verdict_rows(rail, grain, _banded(rail, grain, rows, policy, side), tables, policy)

    return Guardrail(id=guardrail_id, mart=mart, needs=needs, judge=judge, marts=_WEEK_MARTS, reach_days=reach_days)


_WEEK_MARTS = ("clinician_week",)


def input_state(rail: Guardrail, grain: Grain, rows: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """The rows with `lacks_source`, `is_stale` and `is_partial`, by the completeness of the guardrail's inputs.

    Of clinicians also with the layers of the policy that `threshold` and `scaled` look at.
    """
    if grain.subject_kind == "clinician":
        return with_layers(with_input_state(rows, tables, rail), tables, policy, rail.id)
    return with_practice_input_state(rows, tables, rail)


def with_person_week(rows: Table, tables: CanonicalTables) -> Table:
    """Rows per clinician and week with the week's ends, and what exempts from floors."""
    weeks = tables.clinician_week
    facts = weeks.select("clinician_key", "week_id", *_WEEK_FACTS)
    own = [name for name in _WEEK_FACTS if name in rows.columns]
    joined = rows.drop(*own).inner_join(facts, ["clinician_key", "week_id"])
    return CLINICIAN_WEEK.spans(joined)


def _banded(rail: Guardrail, grain: Grain, rows: Table, policy: Policy, side: Side) -> Table:
    latest = policy.guardrail(rail.id)
    stated, settings = latest.thresholds.values, latest.settings.values
    is_week = grain is CLINICIAN_WEEK
    no_number = ibis.null("float64")
    rows = rows.mutate(
        scaled_by=fte_scale(rail.id, rows, policy) if is_week and "scale_by_fte" in settings else no_number
    )
    rows = rows.mutate(
        threshold_warn=scaled(rail.id, "warn", rows, policy) if "warn" in stated else no_number,
        threshold_breach=scaled(rail.id, "breach", rows, policy) if "breach" in stated else no_number,
    )
    least = (
        whole(policy, rows.period_day, lambda rev: rev.guardrail(rail.id).settings.whole("min_n"))
        if "min_n" in settings
        else literal(1, "int64")
    )
    has_denominator = rows.denominator.notnull()
    is_few = has_denominator & (rows.denominator < least)
    rows = rows.mutate(
        is_few=ibis.coalesce(is_few, literal(value=False)),
        unknown_reason=first_reason(rows, no_source=rows.value.isnull() & ~ibis.coalesce(is_few, literal(value=False))),
    )
    is_known = rows.unknown_reason.isnull() & ~rows.is_few
    rows = rows.mutate(
        is_known=is_known,
        is_warned=beyond(rows.value, rows.threshold_warn, side),
        is_beyond=is_known & beyond(rows.value, rows.threshold_breach, side),
    )
    rows = _with_streak(rail.id, rows, policy)
    exempt = _exemptions(rail.id, rows, policy) if is_week else []
    beyond_breach, beyond_warn = (
        (Reason.ABOVE_CEILING, Reason.ABOVE_WARNING) if side == "above" else (Reason.BELOW_FLOOR, Reason.BELOW_WARNING)
    )
    return rows.mutate(
        **outcome(
            (rows.unknown_reason.notnull(), State.UNKNOWN, rows.unknown_reason),
            (rows.is_few, State.UNKNOWN, Reason.LOW_DENOMINATOR),
            *exempt,
            (rows.is_beyond & rows.is_enough, State.BREACH, beyond_breach),
            (rows.is_warned, State.WARN, beyond_warn),
        ),
    )


def _with_streak(guardrail_id: str, rows: Table, policy: Policy) -> Table:
    """`streak` and `is_enough`: whether a value beyond the breach threshold has lasted long enough to be a breach.

    Unknown periods neither extend a streak nor end it: they stand in a partition of their own.
    """
    settings = policy.guardrail(guardrail_id).settings.values

    def setting(key: str) -> Value:
        return whole(policy, rows.period_day, lambda rev: rev.guardrail(guardrail_id).settings.whole(key))

    by = ["subject_key", "is_known"]
    if "consistent_weeks" in settings:
        rows = rows.mutate(beyond_n=ifelse(rows.is_beyond, 1, 0))

        def of_last(rev: PolicyRevision) -> Value:
            before = rev.guardrail(guardrail_id).settings.whole("consistent_window") - 1
            return rows.beyond_n.sum().over(
                ibis.window(group_by=by, order_by="period_day", preceding=before, following=0)
            )

        rows = rows.mutate(streak=ifelse(rows.is_known, in_force(policy, rows.period_day, of_last), ibis.null("int64")))
        enough = setting("consistent_weeks")
    elif "streak" in settings:
        rows = rows.mutate(place=ibis.row_number().over(ibis.window(group_by=by, order_by="period_day")) + 1)
        so_far = ibis.window(group_by=by, order_by="period_day", rows=(None, 0))
        rows = rows.mutate(within=ifelse(rows.is_beyond, literal(0, "int64"), rows.place).max().over(so_far))
        rows = rows.mutate(streak=ifelse(rows.is_known, rows.place - rows.within, ibis.null("int64")))
        enough = setting("streak")
    else:
        return rows.mutate(streak=ibis.null("int64"), is_enough=literal(value=True))
    return rows.mutate(is_enough=ibis.coalesce(rows.streak >= enough, literal(value=False)))


def _exemptions(guardrail_id: str, rows: Table, policy: Policy) -> list[tuple[Value, State, Reason | Value]]:
    """Branches for floors that do not hold while somebody is new or on leave."""
    settings = policy.guardrail(guardrail_id).settings.values
    branches: list[tuple[Value, State, Reason | Value]] = []
    if "ramp_exempt_months" in settings:
        months = whole(
            policy, rows.period_day, lambda rev: rev.guardrail(guardrail_id).settings.whole("ramp_exempt_months")
        )
        branches.append((ibis.coalesce(rows.tenure_month <= months, literal(value=False)), State.EXEMPT, Reason.RAMP))
    if "leave_exempt" in settings:
        is_on = holds(policy, rows.period_day, lambda rev: rev.guardrail(guardrail_id).settings.flag("leave_exempt"))
        is_leave = ibis.coalesce(
            (rows.leave_h > 0) | (rows.evaluability_reason == Reason.LEAVE.value), literal(value=False)
        )
        branches.append((is_on & is_leave, State.EXEMPT, Reason.LEAVE))
    return branches


def beyond(value: Value, threshold: Value, side: Side) -> Value:
    """Whether a value lies strictly beyond a threshold; false where one of them is null."""
    is_beyond = value > threshold if side == "above" else value < threshold
    return ibis.coalesce(is_beyond, literal(value=False))


def first_reason(rows: Table, *, no_source: Value) -> Value:
    """Why nothing can be said, by what most needs to be done; null where something can."""
    return ibis.cases(
        (rows.lacks_source | no_source, literal(Reason.NO_SOURCE.value)),
        (rows.is_stale, literal(Reason.STALE.value)),
        (ibis.coalesce(rows.is_partial, literal(value=False)), literal(Reason.PARTIAL.value)),
        (ibis.coalesce(rows.is_defaulted, literal(value=False)), literal(Reason.DEFAULTED.value)),
        else_=ibis.null("string"),
    )


def outcome(*branches: tuple[Value, State, Reason | Value]) -> dict[str, Value]:
    """`state` and `reason` of the first branch that holds; none holding is a pass."""
    states = [(condition, literal(state.value)) for condition, state, _ in branches]
    reasons = [
        (condition, literal(reason.value) if isinstance(reason, Reason) else reason)
        for condition, _, reason in branches
    ]
    return {
        "state": ibis.cases(*states, else_=literal(State.PASS.value)),
        "reason": ibis.cases(*reasons, else_=ibis.null("string")),
    }


def threshold(guardrail_id: str, key: str, rows: Table, policy: Policy) -> Value:
    """A threshold in force on the period's first day."""
    base = number(policy, rows.period_day, lambda rev: rev.guardrail(guardrail_id).threshold(key))
    return layered(rows, policy, guardrail_id, key, base, scale=literal(1.0))


def scaled(guardrail_id: str, key: str, rows: Table, policy: Policy) -> Value:
    """That threshold, scaled by `scaled_by` where that is known."""
    base = number(policy, rows.period_day, lambda rev: rev.guardrail(guardrail_id).threshold(key))
    return layered(rows, policy, guardrail_id, key, base, scale=rows.scaled_by.fill_null(1.0)).round(DIGITS)


def fte_scale(guardrail_id: str, rows: Table, policy: Policy) -> Value:
    """min(FTE, policy fte.max_scale); null where FTE is not known or the guardrail is not scaled."""
    limit = number(policy, rows.period_day, lambda rev: rev.section("fte").number("max_scale"))
    is_scaled = holds(policy, rows.period_day, lambda rev: rev.guardrail(guardrail_id).settings.flag("scale_by_fte"))
    return ifelse(is_scaled & rows.fte.notnull(), ibis.least(rows.fte, limit), ibis.null("float64"))


def verdict_rows(rail: Guardrail, grain: Grain, rows: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """The common columns of periods in which the guardrail is switched on; an unknown verdict states no value."""

    def of(pick: Callable[[GuardrailPolicy], object]) -> Value:
        return in_force(policy, rows.period_day, lambda rev: pick(rev.guardrail(rail.id)))

    enabled = holds(policy, rows.period_day, lambda rev: rev.guardrail(rail.id).enabled)
    rows = rows.filter(enabled)
    is_clinician = grain.subject_kind == "clinician"
    exempt = is_exempt(rows, policy, rail.id) if is_clinician else literal(value=False)
    rows = rows.mutate(
        state=ifelse(exempt, literal(State.EXEMPT.value), rows.state),
        reason=ifelse(exempt, literal(Reason.AGREED.value), rows.reason),
        layer=layer_label(rows, policy, rail.id) if is_clinician else ibis.null("string"),
    )
    return rows.select(
        subject_kind=literal(grain.subject_kind),
        subject_key=rows.subject_key,
        guardrail_id=literal(rail.id),
        period=rows.period_day.cast("string"),
        period_start=rows.period_start,
        period_end=rows.period_end,
        state=rows.state,
        reason=rows.reason,
        value=ifelse(rows.state == State.UNKNOWN.value, ibis.null("float64"), rows.value),
        unit=of(lambda stated: stated.unit),
        threshold_warn=rows.threshold_warn.cast("float64"),
        threshold_breach=rows.threshold_breach.cast("float64"),
        scaled_by=rows.scaled_by,
        numerator=rows.numerator.cast("float64"),
        denominator=rows.denominator.cast("float64"),
        streak=rows.streak.cast("int64"),
        policy_version=_version(policy, rows.period_day),
        layer=rows.layer,
        provenance=of(lambda stated: stated.provenance),
        as_of=tables.as_of,
        evidence_mart=literal(rail.mart),
    )


def _version(policy: Policy, day: Value) -> Value:
    first, *later = version_rows(policy).to_pylist()
    branches = [(day >= literal(span["from_date"]), literal(span["policy_version"])) for span in reversed(later)]
    return (
        ibis.cases(*branches, else_=literal(first["policy_version"])) if branches else literal(first["policy_version"])
    )
