"""Marts computed a second way: row by row, standard library only, from the definitions and the canonical rows.

A function gets the rows of a practice (`Practice`: canonical rows, completeness, policy values, as_of) and gives rows
by primary key. Numbers are exact fractions where they can be; instants are datetimes or microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tests.oracle.marts.alerts import alert_response
from tests.oracle.marts.attendance import attendance_week
from tests.oracle.marts.attendance_month import attendance_band_month, attendance_month
from tests.oracle.marts.breaches import guardrail_breach
from tests.oracle.marts.case_weight import case_weight_rater
from tests.oracle.marts.caseload import caseload_snapshot
from tests.oracle.marts.clinician_outcome import clinician_outcome
from tests.oracle.marts.clinician_week import clinician_week
from tests.oracle.marts.completeness import mbc_completeness
from tests.oracle.marts.contracts import payer_contract_month
from tests.oracle.marts.denials import denials
from tests.oracle.marts.ehr import ehr_time_week
from tests.oracle.marts.endings import early_termination_quarter, retention_dropout
from tests.oracle.marts.experiments import experiment_result
from tests.oracle.marts.hot_seat import hot_seat_quarter
from tests.oracle.marts.intake import intake_funnel
from tests.oracle.marts.intake_flow import clinician_intake
from tests.oracle.marts.leave import leave_month
from tests.oracle.marts.messages import message_load
from tests.oracle.marts.no_shows import client_no_show_week
from tests.oracle.marts.notes import note_timeliness, note_week
from tests.oracle.marts.outcomes import episode_outcome
from tests.oracle.marts.own_baseline import own_baseline_month
from tests.oracle.marts.pay import pay_stability
from tests.oracle.marts.payer_mix import payer_mix
from tests.oracle.marts.practice import MartRows, Practice
from tests.oracle.marts.reconciliation import reconciliation
from tests.oracle.marts.reminders import reminder_month
from tests.oracle.marts.revenue_service_line import revenue_service_line
from tests.oracle.marts.routine import routine_month
from tests.oracle.marts.schedule import schedule_design_week
from tests.oracle.marts.signals import clinician_signal, systemic_signal
from tests.oracle.marts.staff_survey import staff_survey_agg
from tests.oracle.marts.trajectory import measure_trajectory
from tests.oracle.marts.trend import utilization_trend
from tests.oracle.marts.verdicts import RULES, verdicts
from tests.oracle.marts.workforce import workforce_month

#: By name of the mart.
MARTS: Mapping[str, Callable[[Practice], MartRows]] = MappingProxyType(
    {
        "clinician_week": clinician_week,
        "denials": denials,
        "payer_contract_month": payer_contract_month,
        "guardrail_breach": guardrail_breach,
        "clinician_signal": clinician_signal,
        "systemic_signal": systemic_signal,
        "alert_response": alert_response,
        "intake_funnel": intake_funnel,
        "retention_dropout": retention_dropout,
        "early_termination_quarter": early_termination_quarter,
        "clinician_intake": clinician_intake,
        "attendance_week": attendance_week,
        "caseload_snapshot": caseload_snapshot,
        "measure_trajectory": measure_trajectory,
        "ehr_time_week": ehr_time_week,
        "note_timeliness": note_timeliness,
        "note_week": note_week,
        "message_load": message_load,
        "utilization_trend": utilization_trend,
        "mbc_completeness": mbc_completeness,
        "episode_outcome": episode_outcome,
        "client_no_show_week": client_no_show_week,
        "attendance_month": attendance_month,
        "attendance_band_month": attendance_band_month,
        "reminder_month": reminder_month,
        "schedule_design_week": schedule_design_week,
        "hot_seat_quarter": hot_seat_quarter,
        "own_baseline_month": own_baseline_month,
        "case_weight_rater": case_weight_rater,
        "routine_month": routine_month,
        "experiment_result": experiment_result,
        "staff_survey_agg": staff_survey_agg,
        "pay_stability": pay_stability,
        "leave_month": leave_month,
        "workforce_month": workforce_month,
        "clinician_outcome": clinician_outcome,
        "revenue_service_line": revenue_service_line,
        "payer_mix": payer_mix,
        "reconciliation": reconciliation,
    }
)

__all__ = ["MARTS", "RULES", "MartRows", "Practice", "verdicts"]
