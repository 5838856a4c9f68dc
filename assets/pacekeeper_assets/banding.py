"""Judging bands: every value of `band_value` against the policy in force, by one expression for all guardrails."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import SECONDS_PER_DAY, day_number, seconds
from pacekeeper.measures.state import Reason, State
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.band_inputs import FULL_TIME_LAYERS

# Thresholds and values meet after rounding: 35 h x 0.7 FTE is 24.5 h, not a hair less.
DIGITS = 9
_ROW = ("guardrail_id", "subject_key", "period_day")
_THRESHOLDS = ("high_warn", "high_breach", "high_once", "low_warn", "low_breach")


def banded(tables: CanonicalTables, policy: Policy) -> Table:
    """Candidate verdicts of every band that is switched on in the period, with the columns of `guardrail_result`."""
    rows = _with_policy(tables.band_value, tables)
    rows = _with_inputs(rows, tables)
    rows = _with_thresholds(rows, tables)
    rows = _with_reason(rows)
    rows = _with_streaks(rows)
    return _judged(rows, tables)


def _with_policy(rows: Table, tables: CanonicalTables) -> Table:
    stated, versions = tables.band_policy, tables.band_version
    stated = stated.filter(stated.enabled).rename(stated_id="guardrail_id")
    joined = rows.inner_join(
        stated,
        [
            rows.guardrail_id == stated.stated_id,
            stated.from_day.isnull() | (rows.period_day >= stated.from_day),
            stated.until_day.isnull() | (rows.period_day < stated.until_day),
        ],
    ).drop("stated_id", "from_day", "until_day", "enabled")
    return joined.inner_join(
        versions,
        [
            versions.from_date.isnull() | (joined.period_day >= versions.from_date),
            versions.until_date.isnull() | (joined.period_day <= versions.until_date),
        ],
    ).drop("from_date", "until_date")


def _with_inputs(rows: Table, tables: CanonicalTables) -> Table:
    """`lacks_source` and `is_stale`, and in `is_partial` what is suspect or lacking, of each guardrail's inputs."""
    state = tables.band_input
    state = state.rename(state_id="guardrail_id", state_key="input_key")
    rows = rows.mutate(input_key=ifelse(rows.subject_kind == "clinician", rows.subject_key, literal("")))
    joined = rows.left_join(state, [rows.guardrail_id == state.state_id, rows.input_key == state.state_key])
    joined = joined.mutate(
        lacks_source=ibis.coalesce(joined.lacks_source, literal(value=True)),
        is_stale=ibis.coalesce(joined.complete_until_s < seconds(joined.period_end), literal(value=False)),
    ).drop("state_id", "state_key", "complete_until_s")
    doubts = tables.band_doubt
    first_no = day_number(joined.period_day)
    keyed = joined.select(*_ROW, "input_key", "last_no", "period_start", "period_end", first_no=first_no).distinct()
    met = keyed.inner_join(
        doubts.rename(doubt_id="guardrail_id", doubt_key="input_key"),
        [("guardrail_id", "doubt_id"), ("input_key", "doubt_key")],
    )
    reach = met.reach_days
    hit = met.filter(
        ifelse(
            met.by_instant,
            (met.begins_s.isnull() | (met.begins_s < seconds(met.period_end)))
            & (met.ends_s.isnull() | (met.ends_s >= seconds(met.period_start) - reach * SECONDS_PER_DAY)),
            (met.begins_no.isnull() | (met.begins_no <= met.last_no))
            & (met.ends_no.isnull() | (met.ends_no >= met.first_no - reach)),
        )
    )
    hit = hit.select(hit_id="guardrail_id", hit_key="subject_key", hit_day="period_day").distinct()
    found = joined.left_join(
        hit,
        [joined.guardrail_id == hit.hit_id, joined.subject_key == hit.hit_key, joined.period_day == hit.hit_day],
    )
    return found.mutate(is_partial=ibis.coalesce(found.is_partial, literal(value=False)) | found.hit_id.notnull()).drop(
        "hit_id", "hit_key", "hit_day", "input_key"
    )


def _with_thresholds(rows: Table, tables: CanonicalTables) -> Table:
    """Thresholds in force for the person: of the last layer that matches and states one, else the practice's."""
    layers, traits = tables.band_layer, tables.person_trait
    layers = layers.rename(layer_id="guardrail_id", layer_value="value")
    people = rows.filter(rows.subject_kind == "clinician")
    judged = people.select(*_ROW, "tenure_month", day_no=day_number(people.period_day))
    met = judged.inner_join(
        layers,
        [
            judged.guardrail_id == layers.layer_id,
            layers.from_date.isnull() | (judged.period_day >= layers.from_date),
            layers.until_date.isnull() | (judged.period_day <= layers.until_date),
        ],
    )
    of_tenure = met.filter(
        (met.kind == "tenure")
        & (met.tenure_month >= met.month_from)
        & (met.month_to.isnull() | (met.tenure_month <= met.month_to))
    )
    of_trait = met.inner_join(
        traits,
        [
            met.kind == traits.trait,
            met["match"] == traits.held,
            met.subject_key == traits.person_key,
            traits.from_no.isnull() | (traits.from_no <= met.day_no),
            traits.to_no.isnull() | (traits.to_no >= met.day_no),
        ],
    ).select(*met.columns)
    matched = ibis.union(of_tenure, of_trait, distinct=True)
    last = ibis.window(group_by=[*_ROW, "key"], order_by=ibis.desc("rank"))
    placed = matched.mutate(place=ibis.row_number().over(last), is_full_time=matched.kind.isin(FULL_TIME_LAYERS))
    placed = placed.filter(placed.place == 0)
    found = placed.group_by(*_ROW).aggregate(
        last_rank=placed["rank"].max(),
        exempts=ifelse(placed.is_exempt, 1, 0).max(),
        **{f"{key}_is": placed.layer_value.max(where=placed.key == key) for key in _THRESHOLDS},
        **{f"{key}_fte": ifelse(placed.is_full_time, 1, 0).max(where=placed.key == key) for key in _THRESHOLDS},
    )
    names = layers.select("layer", last_rank="rank").distinct()
    found = (
        found.left_join(names, "last_rank")
        .select(*(found[name] for name in found.columns), "layer")
        .rename(hit_id="guardrail_id", hit_key="subject_key", hit_day="period_day")
    )
    joined = rows.left_join(
        found, [rows.guardrail_id == found.hit_id, rows.subject_key == found.hit_key, rows.period_day == found.hit_day]
    )
    no_number = ibis.null("float64")
    by_fte = ifelse(
        joined.max_scale.notnull() & joined.fte.notnull(), ibis.least(joined.fte, joined.max_scale), no_number
    )
    worked = ifelse(joined.scale_by_worked, joined.worked_ratio, no_number)
    joined = joined.mutate(scaled_by=ifelse(worked.notnull(), worked * by_fte.fill_null(1.0), by_fte))
    factor = joined.scaled_by.fill_null(1.0)

    def in_force(key: str) -> Value:
        own = joined[f"{key}_is"] * ifelse(joined[f"{key}_fte"] == 1, factor, literal(1.0))
        return ifelse(joined[f"{key}_is"].notnull(), own, joined[key] * factor).round(DIGITS)

    is_agreed = ibis.coalesce(joined.exempts == 1, literal(value=False))
    return joined.mutate(**{key: in_force(key) for key in _THRESHOLDS}, is_agreed=is_agreed)


def _with_reason(rows: Table) -> Table:
    """`unknown_reason`: why nothing can be said, by what most needs to be done; null where something can."""
    value = rows.value.round(DIGITS)
    is_few = ibis.coalesce(rows.is_few, literal(value=False)) | ibis.coalesce(
        (rows.denominator < rows.min_n) | (rows.denominator <= 0), literal(value=False)
    )
    rows = rows.mutate(value=value, is_few=is_few, is_short=ibis.coalesce(rows.is_few, literal(value=False)))
    reason = ibis.cases(
        (rows.lacks_source | (rows.value.isnull() & ~rows.is_few), literal(Reason.NO_SOURCE.value)),
        (rows.is_stale, literal(Reason.STALE.value)),
        (rows.is_partial, literal(Reason.PARTIAL.value)),
        (ibis.coalesce(rows.is_defaulted, literal(value=False)), literal(Reason.DEFAULTED.value)),
        else_=ibis.null("string"),
    )
    return rows.mutate(unknown_reason=reason)


def _with_streaks(rows: Table) -> Table:
    """`streak_high` and `streak_low`, and whether they are long enough for a breach.

    Periods that are not judged neither extend a streak nor end it.
    """
    no = literal(value=False)
    is_known = rows.unknown_reason.isnull() & ~rows.is_few
    rows = rows.mutate(
        is_known=is_known,
        is_high=ibis.coalesce(is_known & (rows.value > rows.high_breach), no),
        is_low=ibis.coalesce(is_known & (rows.value < rows.low_breach), no),
        is_ramp=ibis.coalesce(rows.tenure_month <= rows.ramp_months, no),
        is_on_leave=ibis.coalesce(rows.is_leave & rows.leave_exempt, no),
    )
    rows = rows.mutate(is_spared=rows.is_ramp | rows.is_on_leave)
    rows = rows.mutate(
        high_n=ifelse(rows.is_high & ~(rows.is_spared & rows.exempts_high), 1, 0),
        low_n=ifelse(rows.is_low & ~rows.is_spared, 1, 0),
        ends_high=ifelse(rows.is_known & ~rows.is_high, 1, 0),
        ends_low=ifelse(rows.is_known & ~rows.is_low, 1, 0),
    )
    by = ["guardrail_id", "subject_key"]
    so_far = ibis.window(group_by=by, order_by="period_day", rows=(None, 0))
    known = ibis.window(group_by=[*by, "is_known"], order_by="period_day", rows=(None, 0))
    rows = rows.mutate(
        high_run=rows.ends_high.sum().over(so_far),
        low_run=rows.ends_low.sum().over(so_far),
        known_no=ifelse(rows.is_known, 1, 0).sum().over(known),
        high_total=rows.high_n.sum().over(known),
    )
    in_high = ibis.window(group_by=[*by, "high_run"], order_by="period_day", rows=(None, 0))
    in_low = ibis.window(group_by=[*by, "low_run"], order_by="period_day", rows=(None, 0))
    rows = rows.mutate(run_high=rows.high_n.sum().over(in_high), run_low=rows.low_n.sum().over(in_low))
    # Of the last `window_n` known periods: the total so far less the total before them.
    before = rows.filter(rows.is_known).select(
        before_id="guardrail_id", before_key="subject_key", before_no="known_no", before_n="high_total"
    )
    joined = rows.left_join(
        before,
        [
            rows.guardrail_id == before.before_id,
            rows.subject_key == before.before_key,
            rows.known_no - rows.window_n == before.before_no,
        ],
    )
    within = ifelse(joined.is_known, joined.high_total - joined.before_n.fill_null(0), ibis.null("int64"))
    joined = joined.mutate(
        streak_high=ifelse(joined.window_n.notnull(), within, joined.run_high),
        needed_high=ibis.coalesce(joined.consistent_n, joined.streak_n),
    )
    return joined.mutate(
        is_enough_high=ibis.coalesce(joined.streak_high >= joined.needed_high, joined.needed_high.isnull()),
        is_enough_low=ibis.coalesce(joined.run_low >= joined.low_streak_n, joined.low_streak_n.isnull()),
    )


def _judged(rows: Table, tables: CanonicalTables) -> Table:
    no = literal(value=False)
    is_once = ibis.coalesce(rows.value > rows.high_once, no)
    high_warned = ibis.coalesce(rows.value > rows.high_warn, no)
    low_warned = ibis.coalesce(rows.value < rows.low_warn, no)
    is_below = rows.is_low | low_warned
    is_above = (rows.is_high | high_warned) & rows.exempts_high
    above = ibis.cases(
        (rows.consistent_n.notnull(), literal(Reason.CONSISTENTLY_ABOVE.value)),
        else_=literal(Reason.ABOVE_CEILING.value),
    )
    outcomes: list[tuple[Value, State, Value]] = [
        (rows.is_agreed, State.EXEMPT, _text(Reason.AGREED)),
        (rows.unknown_reason.notnull(), State.UNKNOWN, rows.unknown_reason),
        (rows.is_short & rows.is_on_leave, State.EXEMPT, _text(Reason.LEAVE)),
        (rows.is_few, State.UNKNOWN, _text(Reason.LOW_DENOMINATOR)),
        (is_above & rows.is_ramp, State.EXEMPT, _text(Reason.RAMP)),
        (is_above & rows.is_on_leave, State.EXEMPT, _text(Reason.LEAVE)),
        (is_once, State.BREACH, _text(Reason.SINGLE_WEEK_ABOVE)),
        (rows.is_high & rows.is_enough_high, State.BREACH, above),
        (high_warned, State.WARN, _text(Reason.ABOVE_WARNING)),
        (is_below & rows.is_ramp, State.EXEMPT, _text(Reason.RAMP)),
        (is_below & rows.is_on_leave, State.EXEMPT, _text(Reason.LEAVE)),
        (rows.is_low & rows.is_enough_low, State.BREACH, _text(Reason.BELOW_FLOOR)),
        (low_warned, State.WARN, _text(Reason.BELOW_WARNING)),
    ]
    states = [(condition, literal(state.value)) for condition, state, _ in outcomes]
    reasons = [(condition, reason) for condition, _, reason in outcomes]
    has_high = rows.high_warn.notnull() | rows.high_breach.notnull()
    under = (rows.value < rows.low_breach) | (rows.value < rows.low_warn)
    looks_low = ibis.coalesce(under, no) | ~has_high
    high_breach = ifelse(is_once, rows.high_once, rows.high_breach)
    has_window = rows.window_n.notnull() | rows.streak_n.notnull()
    streak = ibis.cases(
        (rows.low_streak_n.notnull(), rows.run_low), (has_window, rows.streak_high), else_=ibis.null("int64")
    )
    rows = rows.mutate(
        state=ibis.cases(*states, else_=literal(State.PASS.value)),
        reason=ibis.cases(*reasons, else_=ibis.null("string")),
        threshold_warn=ifelse(looks_low, rows.low_warn, rows.high_warn),
        threshold_breach=ifelse(looks_low, rows.low_breach, high_breach),
        streak=streak,
    )
    return rows.mutate(
        period=rows.period_day.cast("string"),
        value=ifelse(rows.state == State.UNKNOWN.value, ibis.null("float64"), rows.value),
        as_of=tables.as_of,
    )


def _text(reason: Reason) -> Value:
    return literal(reason.value)
