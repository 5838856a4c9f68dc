"""Guardrails on hours at work, protected time, supervision and case weight."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, ifelse
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.capacity import CAPACITY_NEEDS
from pacekeeper_assets.case_weight_rater import CASE_WEIGHT_RATER
from pacekeeper_assets.casepoints import HIGH_ACUITY_NEEDS, POINTS_NEEDS, PROJECTED_NEEDS
from pacekeeper_assets.guardrails import caseload_told
from pacekeeper_assets.judging import band
from pacekeeper_assets.work_columns import (
    BOOKED_NEEDS,
    DEBRIEF_NEEDS,
    DOCUMENTATION_NEEDS,
    SUPERVISION_NEEDS,
    TOTAL_WORK_NEEDS,
)

_SUBJECTS = (Input("clinician", ("clinician_key",)),)
_HELD = Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)})
_ATTENDED = Input("session_participant", ("session_key", "client_key", "attended"))
_BLOCKS = tuple(
    Input("schedule_block", ("clinician_key", "start_at", "end_at", "is_protected"), {"kind": (kind,)})
    for kind in ("admin", "documentation")
)


def _recorded(tables: CanonicalTables, policy: Policy) -> Table:
    """Weeks with `is_recorded_unclear`: where sessions are unclear, or the log that part of the hours come from."""
    weeks = _logged(tables, policy)
    return weeks.mutate(is_recorded_unclear=weeks.has_unclear_sessions | weeks.is_log_doubtful)


def _logged(tables: CanonicalTables, policy: Policy) -> Table:
    logs = tables.ehr_time_week.select("clinician_key", "week_id", "is_log_doubtful")
    return tables.clinician_week.inner_join(logs, ["clinician_key", "week_id"])


def _planned(tables: CanonicalTables, policy: Policy) -> Table:
    """A week for which nothing is planned holds no time to protect."""
    weeks = tables.clinician_week
    is_planned = weeks.worked_ratio.notnull()
    return weeks.mutate(admin_protected_h=ifelse(is_planned, weeks.admin_protected_h, ibis.null("float64")))


MARTS: tuple[Mart, ...] = (CASE_WEIGHT_RATER,)
GUARDRAILS: tuple[Guardrail, ...] = (
    band(
        "total_work_hours",
        mart="clinician_week",
        value="total_work_h",
        needs=TOTAL_WORK_NEEDS,
        rows=_recorded,
        marts=("ehr_time_week",),
        partial="is_recorded_unclear",
        defaulted="has_unreviewed_sessions",
    ),
    band(
        "clients_week",
        mart="clinician_week",
        value="distinct_clients_n",
        needs=Needs(subjects=_SUBJECTS, required=((_HELD,), (_ATTENDED,))),
        partial="has_unclear_sessions",
        defaulted="has_unreviewed_sessions",
    ),
    band(
        "overbooking",
        mart="clinician_week",
        value="booked_ratio",
        numerator="booked_h",
        denominator="bookable_h",
        needs=BOOKED_NEEDS,
    ),
    band(
        "documentation_load",
        mart="clinician_week",
        value="documentation_h",
        needs=DOCUMENTATION_NEEDS,
        rows=_logged,
        marts=("ehr_time_week",),
        partial="is_log_doubtful",
    ),
    band(
        "protected_admin",
        mart="clinician_week",
        value="admin_protected_h",
        side="below",
        needs=Needs(subjects=_SUBJECTS, required=(_BLOCKS,)),
        rows=_planned,
        partial="has_unclear_sessions",
        defaulted="has_unreviewed_sessions",
    ),
    band(
        "supervision_weekly",
        mart="clinician_week",
        value="supervision_n",
        side="below",
        needs=SUPERVISION_NEEDS,
        partial="is_supervision_unclear",
    ),
    band(
        "debrief",
        mart="clinician_week",
        value="debrief_ratio",
        numerator="debriefed_n",
        denominator="debrief_due_n",
        side="below",
        only="has_acuity",
        needs=DEBRIEF_NEEDS,
    ),
    band(
        "case_points",
        mart="caseload_snapshot",
        value="points",
        needs=POINTS_NEEDS,
        rows=caseload_told,
        partial="is_unclear",
        defaulted="is_unreviewed",
        reach_days=60,
    ),
    band(
        "projected_points",
        mart="caseload_snapshot",
        value="projected_points_4w",
        needs=PROJECTED_NEEDS,
        rows=caseload_told,
        partial="is_unclear",
        defaulted="is_unreviewed",
        reach_days=91,
    ),
    band("high_acuity_hours", mart="caseload_snapshot", value="high_acuity_session_h", needs=HIGH_ACUITY_NEEDS),
    band(
        "capacity_flag",
        mart="caseload_snapshot",
        value="assigned_at_capacity_n",
        needs=CAPACITY_NEEDS,
        only="is_at_capacity",
        reach_days=28,
    ),
)
