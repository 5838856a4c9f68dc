"""`systemic_signal`, `clinician_signal`: practice-wide or individual? They read verdicts, so breaches.py lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import number, whole
from pacekeeper.measures.instant import SECONDS_PER_DAY, seconds
from pacekeeper.measures.mart import Mart, Step
from pacekeeper.measures.state import Reason, State
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import crosswalk
from pacekeeper_assets.signal_columns import CHART_COLUMNS, CLINICIAN_COLUMNS, POINT_COLUMNS, SYSTEMIC_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

_SECTION = "systemic"
_KNOWN = (State.PASS.value, State.WARN.value, State.BREACH.value)
_WEEK = ["guardrail_id", "week_id"]
_BELOW = (Reason.BELOW_FLOOR.value, Reason.BELOW_WARNING.value)
_LASTING = (Reason.BELOW_FLOOR.value, Reason.CONSISTENTLY_ABOVE.value)
_LONGEST_WEEK_S = 8 * SECONDS_PER_DAY
_RECENT_WEEKS = 8
_DROUGHT = "referral_drought"
_DIGITS = 9


def weekly_verdict(tables: CanonicalTables) -> Table:
    """Verdicts on clinician weeks that stand now, with `is_known` and `is_out`."""
    rows = tables.guardrail_result
    rows = rows.filter(rows.is_current & ~rows.is_retracted & (rows.subject_kind == "clinician"))
    rows = rows.filter(seconds(rows.period_end) - seconds(rows.period_start) <= _LONGEST_WEEK_S)
    is_known = rows.state.isin(_KNOWN)
    return rows.select(
        "guardrail_id",
        "state",
        "reason",
        "value",
        "numerator",
        "denominator",
        "streak",
        "period_end",
        clinician_key=rows.subject_key,
        week_id=rows.period.cast("date"),
        is_known=is_known,
        is_out=is_known & (rows.state != State.PASS.value),
    )


def practice_week_signal(tables: CanonicalTables) -> Table:
    """Per guardrail and week: how many could be judged, and how many of them are out of band."""
    rows = tables.weekly_verdict
    found = rows.group_by(_WEEK).aggregate(
        week_end_at=rows.period_end.max(),
        evaluable_n=rows.count(where=rows.is_known),
        out_of_band_n=rows.count(where=rows.is_out),
        numerator=rows.numerator.sum(where=rows.is_known),
        denominator=rows.denominator.sum(where=rows.is_known),
    )
    so_far = ibis.window(group_by="guardrail_id", order_by="week_id", rows=(None, 0))
    within = ibis.window(group_by="week_id")
    has_any = ifelse(found.evaluable_n > 0, 1, 0)
    return found.mutate(
        weeks_n=has_any.sum().over(so_far).cast("int64"),
        others_known_n=(found.evaluable_n.sum().over(within) - found.evaluable_n).cast("int64"),
        others_out_n=(found.out_of_band_n.sum().over(within) - found.out_of_band_n).cast("int64"),
    ).order_by(_WEEK)


def with_p_chart(rows: pa.Table, policy: Policy) -> pa.Table:
    """The rows with `signal` and `side` of a p-chart of the share out of band, one per guardrail."""
    from pacekeeper.measures.statistics import p_chart

    baseline = policy.latest.section(_SECTION).whole("baseline_weeks")
    chart = p_chart(
        rows["guardrail_id"].to_numpy(),
        rows["out_of_band_n"].to_numpy(),
        rows["evaluable_n"].to_numpy(),
        baseline_points=baseline,
    )
    return rows.append_column("signal", chart["signal"]).append_column("side", chart["side"])


def week_input(tables: CanonicalTables, policy: Policy) -> Table:
    """Per week: practice-wide guardrails of policy systemic.inputs that are in breach by their last verdict."""
    rows = tables.guardrail_result
    rows = rows.filter(rows.is_current & ~rows.is_retracted & (rows.subject_kind == "practice"))
    named = rows.filter(rows.guardrail_id.isin(policy.latest.section(_SECTION).words("inputs")))
    named = named.select("state", input_id=named.guardrail_id, told_at=named.period_end)
    weeks = tables.practice_week_signal
    weeks = weeks.group_by("week_id").aggregate(ends_at=weeks.week_end_at.max())
    joined = weeks.inner_join(named, weeks.ends_at >= named.told_at)
    newest = ibis.window(group_by=["week_id", "input_id"], order_by=ibis.desc("told_at"))
    joined = joined.mutate(place=ibis.row_number().over(newest))
    last = joined.filter(joined.place == 0)
    fires = last.state == State.BREACH.value
    return last.group_by("week_id").aggregate(
        inputs_n=last.count(where=fires),
        systemic_inputs=last.input_id.group_concat(", ", where=fires, order_by=last.input_id),
        referrals_met_slots=(last.count(where=(last.input_id == _DROUGHT) & (last.state == State.PASS.value)) > 0),
    )


def practice_finding(tables: CanonicalTables, policy: Policy) -> Table:
    """Per guardrail and week: whether it is practice-wide, by chart, share or an input."""
    rows = tables.practice_week_signal
    rows = rows.left_join(tables.week_input, "week_id").drop("week_id_right")

    def count(key: str) -> Value:
        return whole(policy, rows.week_id, lambda rev: rev.section(_SECTION).whole(key))

    least_share = number(policy, rows.week_id, lambda rev: rev.section(_SECTION).number("share"))
    share = rows.out_of_band_n / rows.evaluable_n.nullif(0)
    by_share = (share.round(_DIGITS) >= least_share) & (rows.out_of_band_n >= count("min_out"))
    by_input = (rows.inputs_n > 0) & (rows.out_of_band_n > 0)
    # With few clinicians a single one is beyond the limits of the chart: that is no matter of the practice.
    by_chart = (rows.side.fill_null("") == "above") & (rows.out_of_band_n > 1)
    is_enough = rows.evaluable_n >= count("min_out")
    return rows.mutate(
        share=share.round(_DIGITS),
        inputs_n=rows.inputs_n.fill_null(0),
        referrals_met_slots=ibis.coalesce(rows.referrals_met_slots, literal(value=False)),
        is_enough=is_enough,
        is_charted=rows.weeks_n >= count("baseline_weeks"),
        has_peers=rows.evaluable_n >= count("min_clinicians"),
        is_systemic=ibis.coalesce(by_input, literal(value=False))
        | (is_enough & (ibis.coalesce(by_share, literal(value=False)) | by_chart)),
    )


def clinician_point(tables: CanonicalTables) -> Table:
    """Clinician weeks out of band, with their peers and, for the funnel, the practice's rate."""
    rows = tables.weekly_verdict
    roles = tables.clinician.select("clinician_key", "role").inner_join(
        crosswalk(tables).select("clinician_key", "person_key"), "clinician_key"
    )
    roles = roles.group_by("person_key").aggregate(role=roles.role.min())
    rows = rows.left_join(roles, rows.clinician_key == roles.person_key).drop("person_key")
    same = ibis.window(group_by=["guardrail_id", "week_id", "role"])
    own = ["clinician_key", "guardrail_id", "is_known"]
    lately = ibis.window(group_by=own, order_by="week_id", preceding=_RECENT_WEEKS - 1, following=0)
    beside = ibis.window(group_by=["clinician_key", "week_id"])
    known, out = ifelse(rows.is_known, 1, 0), ifelse(rows.is_out, 1, 0)
    rows = rows.mutate(known=known, out=out)
    rows = rows.mutate(
        peers_n=(rows.known.sum().over(same) - rows.known).cast("int64"),
        peers_meeting_n=((rows.known - rows.out).sum().over(same) - (rows.known - rows.out)).cast("int64"),
        weeks_out_n=rows.out.sum().over(lately).cast("int64"),
        others_known_n=(rows.known.sum().over(beside) - rows.known).cast("int64"),
        others_out_n=(rows.out.sum().over(beside) - rows.out).cast("int64"),
    )
    weeks = tables.practice_week_signal.select(*_WEEK, all_numerator="numerator", all_denominator="denominator")
    joined = rows.filter(rows.is_out).left_join(weeks, _WEEK)
    return joined.select(*_POINT, centre=joined.all_numerator / joined.all_denominator.nullif(0.0))


_POINT = (
    "clinician_key",
    *_WEEK,
    "state",
    "reason",
    "value",
    "numerator",
    "denominator",
    "streak",
    "role",
    "peers_n",
    "peers_meeting_n",
    "weeks_out_n",
    "others_known_n",
    "others_out_n",
)


def with_funnel(rows: pa.Table, policy: Policy) -> pa.Table:
    """The rows with `funnel_zone`, for guardrails whose rates count something (policy systemic.counted_rates)."""
    import numpy as np

    from pacekeeper.measures.statistics import funnel_zone

    section = policy.latest.section(_SECTION)
    counted = np.isin(rows["guardrail_id"].to_numpy().astype(str), section.words("counted_rates"))
    n = np.where(counted, rows["denominator"].to_numpy(), np.nan)
    zone = funnel_zone(
        rows["numerator"].to_numpy(), n, centre=rows["centre"].to_numpy(), min_n=section.whole("funnel_min_n")
    )
    return rows.append_column("funnel_zone", zone)


def clinician_signal(tables: CanonicalTables, policy: Policy) -> Table:
    found = tables.practice_finding.select(
        *_WEEK, "is_enough", "is_charted", "has_peers", "is_systemic", "referrals_met_slots"
    )
    rows = tables.clinician_point.left_join(found, _WEEK).drop(*[f"{name}_right" for name in _WEEK])
    seats = tables.attendance_week.select("clinician_key", "week_id", "clinician_cancel_n")
    rows = rows.left_join(seats, ["clinician_key", "week_id"]).drop("clinician_key_right", "week_id_right")
    least = number(policy, rows.week_id, lambda rev: rev.section(_SECTION).number("peers_meeting"))
    ratio = rows.peers_meeting_n / rows.peers_n.nullif(0)
    is_lasting = (rows.state == State.BREACH.value) & rows.streak.notnull() & rows.reason.isin(_LASTING)
    rows = rows.mutate(
        peers_meeting_ratio=ifelse(rows.has_peers, ratio, ibis.null("float64")).round(_DIGITS),
        is_beyond=rows.funnel_zone.isin(["alarm_low", "alarm_high"]) | ibis.coalesce(is_lasting, literal(value=False)),
        # Open slots are no fault of anybody while nobody asks for them.
        has_slots_met=~rows.reason.isin(_BELOW) | rows.referrals_met_slots,
    )
    is_individual = rows.is_beyond & (rows.peers_meeting_ratio >= least) & rows.has_slots_met
    return rows.mutate(
        classification=ibis.cases(
            (rows.is_systemic, literal("systemic")),
            (~rows.is_enough | ~rows.is_charted | rows.peers_meeting_ratio.isnull(), literal("insufficient_data")),
            (ibis.coalesce(is_individual, literal(value=False)), literal("individual_pattern")),
            else_=literal("common_cause"),
        ),
    )


def systemic_signal(tables: CanonicalTables, policy: Policy) -> Table:
    people = tables.clinician_signal
    individual = people.group_by(_WEEK).aggregate(
        individual_n=people.count(where=people.classification == "individual_pattern")
    )
    rows = tables.practice_finding.left_join(individual, _WEEK).drop(*[f"{name}_right" for name in _WEEK])
    return rows.mutate(
        practice_chart_signal=rows.signal,
        practice_chart_side=rows.side,
        individual_n=rows.individual_n.fill_null(0),
        classification=ibis.cases(
            (rows.is_systemic, literal("systemic")),
            (~rows.is_enough | ~rows.is_charted, literal("insufficient_data")),
            (rows.individual_n > 0, literal("individual_pattern")),
            else_=literal("common_cause"),
        ),
    )


_RESULT = ("guardrail_result",)
WEEKLY_VERDICT = Step("weekly_verdict", lambda tables, policy: weekly_verdict(tables), marts=_RESULT)
PRACTICE_WEEK_SIGNAL = Step(
    "practice_week_signal",
    lambda tables, policy: practice_week_signal(tables),
    (WEEKLY_VERDICT,),
    refine=with_p_chart,
    columns=CHART_COLUMNS,
)
WEEK_INPUT = Step("week_input", week_input, (PRACTICE_WEEK_SIGNAL,), marts=_RESULT)
PRACTICE_FINDING = Step("practice_finding", practice_finding, (WEEK_INPUT,))
CLINICIAN_POINT = Step(
    "clinician_point",
    lambda tables, policy: clinician_point(tables),
    (PRACTICE_WEEK_SIGNAL,),
    refine=with_funnel,
    columns=POINT_COLUMNS,
)

CLINICIAN_SIGNAL = Mart(
    name="clinician_signal",
    description="Weeks of a clinician out of band, beside peers and practice: a prompt for a question, and for which "
    "one, never a rating.",
    grain="one row per clinician (a person, across sources), week and guardrail of which the verdict is warn or breach",
    primary_key=("clinician_key", "week_id", "guardrail_id"),
    inputs=("guardrail_result", "attendance_week", "clinician", "person_match"),
    steps=(PRACTICE_FINDING, CLINICIAN_POINT),
    columns=CLINICIAN_COLUMNS,
    build=clinician_signal,
)
SYSTEMIC_SIGNAL = Mart(
    name="systemic_signal",
    description="Whether what is out of band is practice-wide: to be asked before anybody is asked about themselves. "
    "A prompt for a question, never a rating.",
    grain="one row per practice week and guardrail that judges clinician weeks",
    primary_key=("guardrail_id", "week_id"),
    inputs=("guardrail_result", "clinician_signal"),
    steps=(PRACTICE_FINDING,),
    columns=SYSTEMIC_COLUMNS,
    build=systemic_signal,
)

# Both read verdicts, so that they are built after them: breaches.py lists them.
MARTS: tuple[Mart, ...] = ()
GUARDRAILS: tuple[Guardrail, ...] = ()
