"""`guardrail_result`, and the guardrails on hours, caseload and attendance that no single column decides."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail, Judge
from pacekeeper.measures.in_force import holds, in_force, whole
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.state import Reason, State
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy, PolicyRevision
from pacekeeper_assets.judging import (
    CLINICIAN_WEEK,
    DIGITS,
    SPAN,
    first_reason,
    fte_scale,
    input_state,
    outcome,
    scaled,
    threshold,
    verdict_rows,
    with_person_week,
)
from pacekeeper_assets.needs import GUARDRAIL_NEEDS
from pacekeeper_assets.people import with_person


def direct_hours(rail: Guardrail, tables: CanonicalTables, policy: Policy) -> Table:
    """Above the ceiling in one week by far, or in enough of the last known weeks (decision 1.7)."""
    weeks = CLINICIAN_WEEK.spans(tables.clinician_week)
    rows = weeks.select(
        *SPAN,
        "tenure_month",
        value=weeks.direct_h.round(DIGITS),
        denominator=ibis.null("float64"),
        scaled_by=fte_scale(rail.id, weeks, policy),
        is_partial=(weeks.unknown_status_sessions_n > 0) | (weeks.unknown_type_sessions_n > 0),
        is_defaulted=weeks.unreviewed_sessions_n > 0,
    )
    rows = input_state(rail, CLINICIAN_WEEK, rows, tables, policy)
    rows = rows.mutate(unknown_reason=first_reason(rows, no_source=rows.value.isnull()))
    rows = rows.mutate(
        warn_at=scaled(rail.id, "warn", rows, policy),
        often_at=scaled(rail.id, "breach", rows, policy),
        once_at=scaled(rail.id, "breach_single_week", rows, policy),
    )
    # The window skips unknown weeks: they are in a partition of their own.
    rows = rows.mutate(
        is_known=rows.unknown_reason.isnull(),
        is_over=ifelse(rows.unknown_reason.isnull() & (rows.value > rows.often_at), 1, 0),
    )

    def weeks_over(rev: PolicyRevision) -> Value:
        before = rev.guardrail(rail.id).settings.whole("consistent_window") - 1
        window = ibis.window(group_by=["subject_key", "is_known"], order_by="period_day", preceding=before, following=0)
        return rows.is_over.sum().over(window)

    rows = rows.mutate(streak=ifelse(rows.is_known, in_force(policy, rows.period_day, weeks_over), ibis.null("int64")))
    enough = whole(policy, rows.period_day, lambda rev: rev.guardrail(rail.id).settings.whole("consistent_weeks"))
    is_once = rows.value > rows.once_at
    is_often = (rows.is_over == 1) & (rows.streak >= enough)
    return rows.mutate(
        numerator=rows.value,
        threshold_warn=rows.warn_at,
        threshold_breach=ifelse(is_once, rows.once_at, rows.often_at),
        **outcome(
            (rows.unknown_reason.notnull(), State.UNKNOWN, rows.unknown_reason),
            (is_once, State.BREACH, Reason.SINGLE_WEEK_ABOVE),
            (is_often, State.BREACH, Reason.CONSISTENTLY_ABOVE),
            (rows.value > rows.warn_at, State.WARN, Reason.ABOVE_WARNING),
        ),
    )


def utilization(rail: Guardrail, tables: CanonicalTables, policy: Policy) -> Table:
    """A ceiling for every evaluated week, and a floor that needs several weeks in a row (decision 1.8)."""
    weeks = CLINICIAN_WEEK.spans(tables.clinician_week)
    weeks = weeks.filter(
        weeks.evaluability_reason.isnull() | (weeks.evaluability_reason != Reason.OUTSIDE_EMPLOYMENT.value)
    )
    rows = weeks.select(
        *SPAN,
        "tenure_month",
        "leave_h",
        "evaluability_reason",
        value=weeks.utilization_ratio.round(DIGITS),
        numerator=weeks.direct_h,
        denominator=weeks.available_h,
        scaled_by=ibis.null("float64"),
        is_partial=(weeks.unknown_status_sessions_n > 0) | (weeks.unknown_type_sessions_n > 0),
        is_defaulted=weeks.unreviewed_sessions_n > 0,
    )
    rows = input_state(rail, CLINICIAN_WEEK, rows, tables, policy)
    is_leave_week = rows.evaluability_reason == Reason.LEAVE.value
    lacks_value = ibis.coalesce(
        rows.evaluability_reason == Reason.NO_SOURCE.value, rows.evaluability_reason.isnull() & rows.value.isnull()
    )
    rows = rows.mutate(
        unknown_reason=first_reason(rows, no_source=lacks_value),
        floor=threshold(rail.id, "floor", rows, policy),
        warn_at=threshold(rail.id, "warn", rows, policy),
        breach_at=threshold(rail.id, "breach", rows, policy),
        is_ramp=ibis.coalesce(
            rows.tenure_month
            <= whole(
                policy,
                rows.period_day,
                lambda rev: rev.guardrail(rail.id).settings.whole("ramp_exempt_months"),
            ),
            literal(value=False),
        ),
        is_leave=ibis.coalesce(rows.leave_h > 0, literal(value=False))
        & holds(policy, rows.period_day, lambda rev: rev.guardrail(rail.id).settings.flag("leave_exempt")),
    )
    is_short = rows.evaluability_reason == Reason.LOW_DENOMINATOR.value
    is_evaluated = rows.unknown_reason.isnull() & rows.evaluability_reason.isnull()
    is_low = is_evaluated & (rows.value < rows.floor)
    rows = rows.mutate(
        is_leave_week=ibis.coalesce(is_leave_week, literal(value=False)),
        is_short=ibis.coalesce(is_short, literal(value=False)),
        is_low=ibis.coalesce(is_low, literal(value=False)),
        extends=ifelse(ibis.coalesce(is_low, literal(value=False)) & ~rows.is_ramp & ~rows.is_leave, 1, 0),
        ends=ifelse(ibis.coalesce(is_evaluated & (rows.value >= rows.floor), literal(value=False)), 1, 0),
    )
    rows = _with_streak(rows)
    enough = whole(policy, rows.period_day, lambda rev: rev.guardrail(rail.id).settings.whole("floor_streak"))
    no_threshold = ibis.null("float64")
    return rows.mutate(
        threshold_warn=ifelse(rows.is_low, no_threshold, rows.warn_at),
        threshold_breach=ifelse(rows.is_low, rows.floor, rows.breach_at),
        **outcome(
            (rows.unknown_reason.notnull(), State.UNKNOWN, rows.unknown_reason),
            (rows.is_leave_week & rows.is_leave, State.EXEMPT, Reason.LEAVE),
            (rows.is_leave_week | rows.is_short, State.UNKNOWN, Reason.LOW_DENOMINATOR),
            (rows.value > rows.breach_at, State.BREACH, Reason.ABOVE_CEILING),
            (rows.value > rows.warn_at, State.WARN, Reason.ABOVE_WARNING),
            (rows.is_low & rows.is_ramp, State.EXEMPT, Reason.RAMP),
            (rows.is_low & rows.is_leave, State.EXEMPT, Reason.LEAVE),
            (rows.is_low & (rows.streak >= enough), State.BREACH, Reason.BELOW_FLOOR),
        ),
    )


def active_caseload(rail: Guardrail, tables: CanonicalTables, policy: Policy) -> Table:
    """Active clients at the week's end against a ceiling (decision 1.9)."""
    counts = tables.caseload_snapshot.select("clinician_key", "week_id", "active_clients", "uncertain_clients")
    joined = _with_unknown_status(with_person_week(counts, tables), tables)
    rows = joined.select(
        *SPAN,
        "tenure_month",
        value=joined.active_clients.cast("float64"),
        denominator=ibis.null("float64"),
        scaled_by=fte_scale(rail.id, joined, policy),
        is_partial=(joined.uncertain_clients > 0) & joined.has_unknown_status,
        is_defaulted=(joined.uncertain_clients > 0) & ~joined.has_unknown_status,
        streak=ibis.null("int64"),
    )
    rows = input_state(rail, CLINICIAN_WEEK, rows, tables, policy)
    rows = rows.mutate(
        unknown_reason=first_reason(rows, no_source=rows.value.isnull()),
        threshold_warn=scaled(rail.id, "warn", rows, policy),
        threshold_breach=scaled(rail.id, "breach", rows, policy),
    )
    return rows.mutate(
        numerator=rows.value,
        **outcome(
            (rows.unknown_reason.notnull(), State.UNKNOWN, rows.unknown_reason),
            (rows.value > rows.threshold_breach, State.BREACH, Reason.ABOVE_CEILING),
            (rows.value > rows.threshold_warn, State.WARN, Reason.ABOVE_WARNING),
        ),
    )


def no_show(rail: Guardrail, tables: CanonicalTables, policy: Policy) -> Table:
    """No-shows over four weeks, sum over sum, once there are enough seats to judge by (decision 1.10)."""
    counts = tables.attendance_week.select(
        "clinician_key", "week_id", "kept_4w", "no_show_4w", "unknown_status_4w", "unreviewed_4w", "no_show_ratio_4w"
    )
    joined = with_person_week(counts, tables)
    rows = joined.select(
        *SPAN,
        "tenure_month",
        value=joined.no_show_ratio_4w.round(DIGITS),
        numerator=joined.no_show_4w.cast("float64"),
        denominator=(joined.kept_4w + joined.no_show_4w).cast("float64"),
        scaled_by=ibis.null("float64"),
        streak=ibis.null("int64"),
        is_partial=joined.unknown_status_4w > 0,
        is_defaulted=joined.unreviewed_4w > 0,
    )
    rows = input_state(rail, CLINICIAN_WEEK, rows, tables, policy)
    least_n = whole(policy, rows.period_day, lambda rev: rev.guardrail(rail.id).settings.whole("min_n"))
    rows = rows.mutate(
        unknown_reason=first_reason(rows, no_source=rows.denominator.isnull()),
        is_few=rows.denominator < least_n,
        threshold_warn=ibis.null("float64"),
        threshold_breach=threshold(rail.id, "breach", rows, policy),
    )
    return rows.mutate(
        **outcome(
            (rows.unknown_reason.notnull(), State.UNKNOWN, rows.unknown_reason),
            (rows.is_few, State.UNKNOWN, Reason.LOW_DENOMINATOR),
            (rows.value > rows.threshold_breach, State.BREACH, Reason.ABOVE_CEILING),
        ),
    )


def _with_streak(rows: Table) -> Table:
    """`streak`: low weeks in a row; weeks that neither extend nor end it leave it as it was."""
    in_order = ibis.window(group_by="subject_key", order_by="period_day", rows=(None, 0))
    rows = rows.mutate(run_no=rows.ends.sum().over(in_order))
    in_run = ibis.window(group_by=["subject_key", "run_no"], order_by="period_day", rows=(None, 0))
    return rows.mutate(streak=rows.extends.sum().over(in_run))


def _with_unknown_status(rows: Table, tables: CanonicalTables) -> Table:
    """The rows with `has_unknown_status`: whether the clinician has anything of a status that nobody can tell.

    Without it, what is uncertain was only not reviewed.
    """
    seats, held = tables.appointment, tables.person_session
    seats = with_person(seats.filter(seats.status == "unknown"), tables).select("person_key")
    held = held.filter(held.status == "unknown").select("person_key")
    unclear = ibis.union(seats, held, distinct=True)
    joined = rows.left_join(unclear, rows.subject_key == unclear.person_key)
    return joined.mutate(has_unknown_status=joined.person_key.notnull()).drop("person_key")


def _weekly(judge: Judge) -> Judge:
    """A judgement of clinician weeks as rows of `guardrail_result`."""

    def judged(rail: Guardrail, tables: CanonicalTables, policy: Policy) -> Table:
        return verdict_rows(rail, CLINICIAN_WEEK, judge(rail, tables, policy), tables, policy)

    return judged


GUARDRAILS = (
    Guardrail(
        id="direct_hours", mart="clinician_week", needs=GUARDRAIL_NEEDS["direct_hours"], judge=_weekly(direct_hours)
    ),
    Guardrail(
        id="utilization", mart="clinician_week", needs=GUARDRAIL_NEEDS["utilization"], judge=_weekly(utilization)
    ),
    Guardrail(
        id="active_caseload",
        mart="caseload_snapshot",
        marts=("clinician_week",),
        needs=GUARDRAIL_NEEDS["active_caseload"],
        judge=_weekly(active_caseload),
        reach_days=60,
        looks_ahead=True,
    ),
    Guardrail(
        id="no_show",
        mart="attendance_week",
        marts=("clinician_week",),
        needs=GUARDRAIL_NEEDS["no_show"],
        judge=_weekly(no_show),
        reach_days=21,
    ),
)

GUARDRAIL_RESULT = Mart(
    name="guardrail_result",
    description="Every verdict ever given, by version: a guardrail of the policy applied to a subject and a period.",
    grain="one row per subject, guardrail, period and version; `is_current` marks the version that holds",
    primary_key=("subject_kind", "subject_key", "guardrail_id", "period", "version"),
    inputs=(),
    versioned=True,
    columns=(
        MartColumn("subject_kind", "text", "", "What the verdict is about: clinician."),
        MartColumn("subject_key", "text", "", "Key of the subject; of a clinician, `person_match.person_key`."),
        MartColumn("guardrail_id", "text", "", "Guardrail of the policy."),
        MartColumn("period", "text", "", "First local day of the practice week, as YYYY-MM-DD."),
        MartColumn("period_start", "instant", "UTC", "First moment of the week in the clinician's zone."),
        MartColumn("period_end", "instant", "UTC", "First moment of the next week in the clinician's zone."),
        MartColumn("version", "count", "", "1 for the first verdict, one more whenever it changed."),
        MartColumn("is_current", "flag", "", "Whether this version holds now."),
        MartColumn(
            "is_retracted", "flag", "", "Whether the verdict was withdrawn: its subject or week is no longer there."
        ),
        MartColumn(
            "state",
            "text",
            "",
            "pass, warn, breach, unknown (input missing, late or incomplete) or exempt (ramp, leave); unknown and "
            "exempt are never pass.",
        ),
        MartColumn("reason", "text", "", "Why (see the guardrail catalogue). Null: pass."),
        MartColumn("value", "number", "see unit", "What was compared with the thresholds. Null: the state is unknown."),
        MartColumn("unit", "text", "", "Unit of value and thresholds."),
        MartColumn(
            "threshold_warn",
            "number",
            "see unit",
            "Warning threshold in force, scaled. Null: none on the side of the value.",
        ),
        MartColumn(
            "threshold_breach",
            "number",
            "see unit",
            "Breach threshold in force, scaled: the one that was passed, or else the nearest on the value's side "
            "(utilization under the floor: the floor).",
        ),
        MartColumn(
            "scaled_by",
            "number",
            "ratio",
            "Factor on the thresholds, min(FTE, policy fte.max_scale). Null: FTE not known, or the guardrail is not "
            "scaled.",
        ),
        MartColumn("numerator", "number", "", "Numerator of value, or value itself. Null: not known."),
        MartColumn("denominator", "number", "", "Denominator of value. Null: value is no ratio, or not known."),
        MartColumn(
            "streak",
            "count",
            "weeks",
            "direct_hours: weeks above the breach threshold among the last known ones; utilization: low weeks in a "
            "row. Null: the guardrail has none, or the week is unknown.",
        ),
        MartColumn("policy_version", "text", "", "Hash of the policy revision in force in the week."),
        MartColumn(
            "layer",
            "text",
            "",
            "Last layer of the policy that names the person, by its place and kind. Null: the practice's own values.",
        ),
        MartColumn("provenance", "text", "", "Where the thresholds come from."),
        MartColumn("as_of", "instant", "UTC", "Instant the version was judged by."),
        MartColumn("evidence_mart", "text", "", "Mart that holds the numbers behind value."),
    ),
)
