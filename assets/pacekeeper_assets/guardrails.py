"""`guardrail_result`, and the guardrails on hours, caseload and attendance."""

from __future__ import annotations

from pacekeeper.expr import Table
from pacekeeper.measures.bands import BAND_VALUE, BAND_VALUE_STEP
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.state import Reason
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.band_inputs import BAND_DOUBT, BAND_INPUT, PERSON_TRAIT
from pacekeeper_assets.banding import banded
from pacekeeper_assets.judging import band
from pacekeeper_assets.needs import GUARDRAIL_NEEDS
from pacekeeper_assets.productivity import PERSON_SESSION, PERSON_SOURCE


def _evaluated_hours(tables: CanonicalTables, policy: Policy) -> Table:
    """Weeks inside the employment; leave and too little time make nothing to judge by (decision 1.8)."""
    weeks = tables.clinician_week
    reason = weeks.evaluability_reason.fill_null("")
    few = (Reason.LEAVE.value, Reason.LOW_DENOMINATOR.value)
    return weeks.filter(reason != Reason.OUTSIDE_EMPLOYMENT.value).mutate(is_short=reason.isin(few))


def caseload_told(tables: CanonicalTables, policy: Policy) -> Table:
    """What is uncertain is partial where a client is so by a status that nobody can tell, else defaulted."""
    counts = tables.caseload_snapshot
    is_unclear = counts.unknown_status_clients > 0
    return counts.mutate(is_unclear=is_unclear, is_unreviewed=(counts.uncertain_clients > 0) & ~is_unclear)


def _seats(tables: CanonicalTables, policy: Policy) -> Table:
    rows = tables.attendance_week
    return rows.mutate(
        due_4w=rows.kept_4w + rows.no_show_4w,
        is_unclear=rows.unknown_status_4w > 0,
        is_unreviewed=rows.unreviewed_4w > 0,
    )


GUARDRAILS = (
    # Above the ceiling in one week by far, or in enough of the last known weeks (decision 1.7).
    band(
        "direct_hours",
        mart="clinician_week",
        value="direct_h",
        needs=GUARDRAIL_NEEDS["direct_hours"],
        partial="has_unclear_sessions",
        defaulted="has_unreviewed_sessions",
    ),
    # A ceiling for every evaluated week, and a floor that needs several weeks in a row (decision 1.8).
    band(
        "utilization",
        mart="clinician_week",
        value="utilization_ratio",
        numerator="direct_h",
        denominator="available_h",
        needs=GUARDRAIL_NEEDS["utilization"],
        rows=_evaluated_hours,
        partial="has_unclear_sessions",
        defaulted="has_unreviewed_sessions",
        few="is_short",
    ),
    band(
        "active_caseload",
        mart="caseload_snapshot",
        value="active_clients",
        needs=GUARDRAIL_NEEDS["active_caseload"],
        rows=caseload_told,
        partial="is_unclear",
        defaulted="is_unreviewed",
        reach_days=60,
        looks_ahead=True,
    ),
    # Over four weeks, sum over sum, once there are enough seats to judge by (decision 1.10).
    band(
        "no_show",
        mart="attendance_week",
        value="no_show_ratio_4w",
        numerator="no_show_4w",
        denominator="due_4w",
        needs=GUARDRAIL_NEEDS["no_show"],
        rows=_seats,
        partial="is_unclear",
        defaulted="is_unreviewed",
        reach_days=21,
    ),
)

#: What every guardrail compares; the plan asks each of them.
BAND_VALUES = Step(BAND_VALUE_STEP, lambda tables, policy: tables[BAND_VALUE_STEP], columns=BAND_VALUE)

GUARDRAIL_RESULT = Mart(
    name="guardrail_result",
    description="Every verdict ever given, by version: a guardrail of the policy applied to a subject and a period.",
    grain="one row per subject, guardrail, period and version; `is_current` marks the version that holds",
    primary_key=("subject_kind", "subject_key", "guardrail_id", "period", "version"),
    inputs=("source_completeness",),
    steps=(PERSON_SOURCE, PERSON_SESSION, BAND_VALUES, BAND_INPUT, BAND_DOUBT, PERSON_TRAIT),
    build=banded,
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
            "Factor on the thresholds: min(FTE, policy fte.max_scale) where they scale by FTE and it is known, times "
            "worked_ratio of clinician_week where they scale by the part of the week that was open. Null: neither.",
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
