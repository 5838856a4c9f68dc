"""`utilization_trend`: means over weeks, own limits and what is expected of the tenure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import holds, in_force, whole
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.expected_band import with_expectation
from pacekeeper_assets.judging import band, threshold
from pacekeeper_assets.layering import with_layers
from pacekeeper_assets.needs import COLUMN_NEEDS, GUARDRAIL_NEEDS
from pacekeeper_assets.own_baseline import OWN_BASELINE_MONTH, OWN_BASELINE_RAILS

if TYPE_CHECKING:
    import pyarrow as pa

_RAIL = "utilization"
_TREND = "trend"
_WINDOWS = (4, 6, 8)
_DIGITS = 9


def utilization_trend(tables: CanonicalTables, policy: Policy) -> Table:
    weeks = tables.clinician_week
    rows = weeks.mutate(subject_key=weeks.clinician_key, period_day=weeks.week_id)
    rows = with_layers(rows, tables, policy, _RAIL)
    rows = _evaluated(rows, policy)
    rows = _with_streak(_with_means(rows, policy))
    return with_expectation(_labelled(rows, policy), tables, policy).order_by("clinician_key", "week_id")


def _evaluated(rows: Table, policy: Policy) -> Table:
    """`is_evaluated` and what a week does to the streak; ramp weeks without a floor tell nothing about the pace."""

    def setting(key: str) -> Value:
        return whole(policy, rows.week_id, lambda rev: rev.guardrail(_RAIL).settings.whole(key))

    unclear = rows.unknown_status_sessions_n + rows.unknown_type_sessions_n + rows.unreviewed_sessions_n
    is_ramp = ibis.coalesce(rows.tenure_month <= setting("ramp_exempt_months"), literal(value=False))
    is_leave = ibis.coalesce(rows.leave_h > 0, literal(value=False)) & holds(
        policy, rows.week_id, lambda rev: rev.guardrail(_RAIL).settings.flag("leave_exempt")
    )
    last_ramp = in_force(policy, rows.week_id, lambda rev: rev.ramp[-1].month)
    is_known = rows.evaluability_reason.isnull() & rows.utilization_ratio.notnull() & (unclear == 0)
    rows = rows.mutate(
        floor=threshold(_RAIL, "floor", rows, policy),
        warn_at=threshold(_RAIL, "warn", rows, policy),
        is_evaluated=ibis.coalesce(is_known, literal(value=False)) & ~is_ramp,
        is_leave=is_leave,
        is_past_ramp=~ibis.coalesce(rows.tenure_month < last_ramp, literal(value=False)),
    )
    is_low = rows.is_evaluated & (rows.utilization_ratio.round(_DIGITS) < rows.floor)
    return rows.mutate(
        extends=ifelse(is_low & ~rows.is_leave, 1, 0),
        ends=ifelse(rows.is_evaluated & ~is_low, 1, 0),
        own_value=ifelse(rows.is_evaluated & rows.is_past_ramp, rows.utilization_ratio, ibis.null("float64")),
    )


def _with_means(rows: Table, policy: Policy) -> Table:
    """Sum over sum of the last evaluated weeks; weeks that are not evaluated stand in a partition of their own."""
    least = whole(policy, rows.week_id, lambda rev: rev.section(_TREND).whole("least_weeks"))
    by = ["clinician_key", "is_evaluated"]

    def last(weeks: int) -> ibis.expr.builders.WindowBuilder:
        return ibis.window(group_by=by, order_by="week_id", preceding=weeks - 1, following=0)

    rows = rows.mutate(
        **{f"weeks_{k}": ifelse(rows.is_evaluated, rows.count().over(last(k)), literal(0, "int64")) for k in _WINDOWS},
        **{f"direct_{k}": rows.direct_h.sum().over(last(k)) for k in _WINDOWS},
        **{f"available_{k}": rows.available_h.sum().over(last(k)) for k in _WINDOWS},
    )

    def mean(total: Value, divisor: Value, weeks: int) -> Value:
        enough = rows[f"weeks_{weeks}"] >= least
        return ifelse(enough, (total / divisor.cast("float64").nullif(0.0)).round(_DIGITS), ibis.null("float64"))

    return rows.mutate(
        **{f"mean_{k}w": mean(rows[f"direct_{k}"], rows[f"available_{k}"], k) for k in _WINDOWS},
        direct_h_mean_6w=mean(rows.direct_6, rows.weeks_6, 6),
        trend_weeks_n=rows.weeks_6,
    )


def _with_streak(rows: Table) -> Table:
    """`low_streak`: low weeks in a row; a week that neither extends nor ends it leaves it as it was."""
    in_order = ibis.window(group_by="clinician_key", order_by="week_id", rows=(None, 0))
    rows = rows.mutate(run_no=rows.ends.sum().over(in_order))
    in_run = ibis.window(group_by=["clinician_key", "run_no"], order_by="week_id", rows=(None, 0))
    return rows.mutate(low_streak=rows.extends.sum().over(in_run))


def _labelled(rows: Table, policy: Policy) -> Table:
    enough = whole(policy, rows.week_id, lambda rev: rev.guardrail(_RAIL).settings.whole("floor_streak"))
    is_low = (rows.low_streak >= enough) | ibis.coalesce(rows.mean_6w < rows.floor, literal(value=False))
    return rows.mutate(
        label=ibis.cases(
            (~rows.is_evaluated, literal("insufficient")),
            (rows.low_streak >= enough, literal("check_in_due")),
            (rows.mean_6w.isnull(), literal("insufficient")),
            (is_low, literal("check_in_due")),
            (rows.mean_6w > rows.warn_at, literal("high")),
            else_=literal("on_target"),
        )
    )


def own_limits(rows: pa.Table, policy: Policy) -> pa.Table:
    """The rows with the chart of each clinician's own weeks."""
    import numpy as np
    import pyarrow as pa

    from pacekeeper.measures.statistics import xmr_chart

    baseline = policy.latest.section(_TREND).whole("baseline_weeks")
    values = rows["own_value"].to_numpy()
    chart = xmr_chart(rows["clinician_key"].to_numpy(), values, baseline_points=baseline)
    centre, high = (chart[name].to_numpy(zero_copy_only=False) for name in ("centre", "hi"))
    sigma = (values - centre) / ((high - centre) / 3)
    columns = {
        "xmr_signal": chart["signal"],
        "xmr_side": chart["side"],
        "own_centre": chart["centre"],
        "own_lo": chart["lo"],
        "own_hi": chart["hi"],
        "own_sigma": pa.array(np.round(sigma, _DIGITS), from_pandas=True),
        "below_own_sigma": pa.array(np.round(-sigma, _DIGITS), from_pandas=True),
        "own_baseline_weeks_n": pa.array(np.where(np.isnan(sigma), 0, baseline), pa.int64()),
    }
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    return rows


_UTILIZATION = COLUMN_NEEDS["clinician_week.utilization_ratio"]
_TENURE = Input("employment", ("clinician_key", "start_date"))
_EXPECTED = Needs(
    subjects=_UTILIZATION.subjects,
    required=(*COLUMN_NEEDS["clinician_week.template_h"].required, (Input("employment", ("start_date", "fte")),)),
    supporting=(
        Input("employment", ("target_override", "target_override_unit"), without="the practice's band holds for all"),
        Input("clinician_specialty", ("specialty",), without="no specialty lowers what is expected"),
    ),
)
_SEEN = Needs(
    subjects=_UTILIZATION.subjects, required=(*COLUMN_NEEDS["clinician_week.distinct_clients_n"].required, (_TENURE,))
)
_TOO_FEW = "Null: the week is not evaluated, or fewer evaluated weeks than policy trend.least_weeks."
_NO_LIMITS = (
    "Null: the week is not evaluated or in the ramp, or the weeks after the ramp are fewer than policy "
    "trend.baseline_weeks or do not vary."
)


def _mean(weeks: int) -> MartColumn:
    return MartColumn(
        f"mean_{weeks}w",
        "number",
        "ratio",
        f"Sum of direct_h / sum of available_h over the last {weeks} evaluated weeks, this one included. {_TOO_FEW}",
        needs=_UTILIZATION,
        rules=("U15",),
    )


UTILIZATION_TREND = Mart(
    name="utilization_trend",
    description="Utilization over weeks instead of one: means, low weeks in a row, each clinician's own limits, and "
    "what was expected. A reason to talk, never a rating.",
    grain="one row per clinician (a person, across sources) and ended practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=("clinician_week", "clinician", "person_match", "employment", "clinician_specialty"),
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("week_id", "date", "", "First local day of the practice week."),
        MartColumn(
            "is_evaluated",
            "flag",
            "",
            "Whether the week tells about the pace: full or partial, every session's status and type known, and past "
            "the ramp months without a floor.",
        ),
        *(_mean(weeks) for weeks in _WINDOWS),
        MartColumn(
            "trend_weeks_n",
            "count",
            "weeks",
            "Evaluated weeks behind mean_6w, at most 6; 0 where the week is not evaluated.",
            needs=_UTILIZATION,
        ),
        MartColumn(
            "direct_h_mean_6w",
            "number",
            "hours",
            f"Sum of direct_h / number of weeks, over the weeks of mean_6w. {_TOO_FEW}",
            needs=_UTILIZATION,
            rules=("U09", "U10"),
        ),
        MartColumn(
            "low_streak",
            "count",
            "weeks",
            "Evaluated weeks in a row with utilization under the floor of guardrail utilization. Weeks with leave, of "
            "the ramp, or not evaluated neither extend nor end it. 0: none.",
            needs=_UTILIZATION,
            rules=("U03",),
        ),
        MartColumn(
            "xmr_signal",
            "text",
            "",
            "What the chart of the clinician's own weeks shows (XmR of utilization_ratio; the first policy "
            "trend.baseline_weeks evaluated weeks after the ramp are the baseline): beyond_limits, two_of_three, "
            "four_of_five, eight_on_side, moving_range, insufficient or not_evaluated. Null: no signal.",
            rules=("U17", "U18"),
        ),
        MartColumn("xmr_side", "text", "", "above or below. Null: no signal, or one without a side."),
        MartColumn("own_centre", "number", "ratio", f"Mean of the baseline. {_NO_LIMITS}", needs=_UTILIZATION),
        MartColumn(
            "own_lo",
            "number",
            "ratio",
            f"own_centre less 2.66 mean moving ranges of the baseline. {_NO_LIMITS}",
            needs=_UTILIZATION,
        ),
        MartColumn("own_hi", "number", "ratio", f"own_centre plus as much. {_NO_LIMITS}", needs=_UTILIZATION),
        MartColumn(
            "own_sigma",
            "number",
            "standard_deviations",
            f"(utilization_ratio - own_centre) / ((own_hi - own_centre) / 3): above 3 is beyond own_hi. {_NO_LIMITS}",
            needs=_UTILIZATION,
            rules=("U17",),
        ),
        MartColumn(
            "below_own_sigma",
            "number",
            "standard_deviations",
            f"own_sigma with the other sign: above 3 is beyond own_lo. {_NO_LIMITS}",
            needs=_UTILIZATION,
            rules=("U18",),
        ),
        MartColumn(
            "own_baseline_weeks_n",
            "count",
            "weeks",
            "Weeks of the baseline behind the own limits; 0 where there are none.",
            needs=_UTILIZATION,
        ),
        MartColumn(
            "ramp_band",
            "count",
            "months",
            "Month of the policy's ramp that holds; its last month holds for all later ones. Null: tenure not known.",
            needs=Needs(subjects=_UTILIZATION.subjects, required=((_TENURE,),)),
            rules=("U13", "U14"),
        ),
        MartColumn(
            "expected_min",
            "number",
            "see expected_unit",
            "Least that is expected: the ramp's value x min(FTE, policy fte.max_scale) x policy "
            "expectation.specialty_factor for its reduced_specialties x what was left of template_h; or the target "
            "agreed for the person x what was left. Null: FTE, tenure or offered hours are not known.",
            needs=_EXPECTED,
            rules=("U09", "U10", "U11", "U13", "U14"),
        ),
        MartColumn(
            "expected_max",
            "number",
            "see expected_unit",
            "Most that is expected, by the same formula. Null: as expected_min, or a target agreed for the person.",
            needs=_EXPECTED,
            rules=("U09", "U10", "U11", "U13", "U14"),
        ),
        MartColumn("expected_unit", "text", "", "clients, sessions or hours; unknown where the agreed target's is."),
        MartColumn(
            "expected_source",
            "text",
            "",
            "person (agreed target), ramp, or practice (the ramp's last month). Null: tenure not known.",
        ),
        MartColumn(
            "expected_actual",
            "number",
            "see expected_unit",
            "What was done in that unit: distinct_clients_n, sessions_n or direct_h of clinician_week. Null: no unit, "
            "or no source of sessions knows the person.",
            needs=_SEEN,
            rules=("U07", "U13", "U14"),
        ),
        MartColumn(
            "label",
            "text",
            "",
            "check_in_due: low_streak has reached policy utilization.floor_streak, or mean_6w is under the floor; "
            "high: mean_6w is above the warning; on_target: neither; insufficient: the week is not evaluated, or there "
            "are too few weeks for mean_6w.",
            rules=("U03", "U15", "U20"),
        ),
    ),
    build=utilization_trend,
    refine=own_limits,
)

_NEEDS = GUARDRAIL_NEEDS["utilization"]
# Means look at the last six evaluated weeks, of which some may lie far back; own limits at twelve.
_TREND_DAYS, _OWN_DAYS = 6 * 7, 12 * 7

MARTS: tuple[Mart, ...] = (UTILIZATION_TREND, OWN_BASELINE_MONTH)
GUARDRAILS: tuple[Guardrail, ...] = (
    band(
        "sustained_low_trend",
        mart="utilization_trend",
        value="mean_6w",
        denominator="trend_weeks_n",
        side="below",
        needs=_NEEDS,
        reach_days=_TREND_DAYS,
    ),
    band(
        "own_limit_spike",
        mart="utilization_trend",
        value="own_sigma",
        denominator="own_baseline_weeks_n",
        needs=_NEEDS,
        reach_days=_OWN_DAYS,
    ),
    band(
        "own_limit_drop",
        mart="utilization_trend",
        value="below_own_sigma",
        denominator="own_baseline_weeks_n",
        needs=_NEEDS,
        reach_days=_OWN_DAYS,
    ),
    *OWN_BASELINE_RAILS,
)
