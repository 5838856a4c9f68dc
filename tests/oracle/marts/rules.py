"""What guardrails judge: a column of a mart, what must be known of it, and what makes it doubtful."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.marts.practice import Row

Flag = Callable[[Row], bool]


def _never(_: Row) -> bool:
    return False


def _at_the_end(_: Row) -> None:
    return None


def flag(column: str) -> Flag:
    return lambda row: bool(row[column])


def above_zero(*columns: str) -> Flag:
    return lambda row: any((row[column] or 0) > 0 for column in columns)


UNKNOWN_SESSIONS = above_zero("unknown_status_sessions_n", "unknown_type_sessions_n")
UNREVIEWED = above_zero("unreviewed_sessions_n")
DOUBTFUL_LOG = flag("is_log_doubtful")


def either(*flags: Flag) -> Flag:
    return lambda row: any(is_true(row) for is_true in flags)


@dataclass(frozen=True)
class Rule:
    """needs: of each group one entity must be known. partial, defaulted, few, hidden: what makes a verdict unknown.
    only: rows that are judged at all. planned: column without which there is nothing to judge. is_negated: a value that
    is low is above the threshold. subject: column of whom is judged, or `practice`. Scale, exemptions and streaks: see
    the policy. ends: column of the period's end; settled: an earlier end, after which nothing changes the verdict.
    """

    mart: str
    value: str
    needs: tuple[tuple[str, ...], ...]
    side: str = "above"
    numerator: str | None = None
    denominator: Callable[[Row], Any] | None = None
    partial: Flag = _never
    defaulted: Flag = _never
    few: Flag = _never
    hidden: Flag = _never
    only: Flag | None = None
    planned: str | None = None
    is_negated: bool = False
    subject: str = "clinician_key"
    day: str = "week_id"
    ends: str = "week_end_at"
    settled: Callable[[Row], datetime | None] = _at_the_end


SESSIONS = ("session",)
OFFERED = ("schedule_block", "availability_template")
LOG = ("ehr_event",)
RULES: dict[str, Rule] = {
    "direct_hours": Rule(
        "clinician_week", "direct_h", (SESSIONS,), partial=UNKNOWN_SESSIONS, defaulted=UNREVIEWED, numerator="direct_h"
    ),
    "utilization": Rule(
        "clinician_week",
        "utilization_ratio",
        (SESSIONS, OFFERED),
        numerator="direct_h",
        denominator=lambda row: row["available_h"],
        partial=UNKNOWN_SESSIONS,
        defaulted=UNREVIEWED,
        few=lambda row: row["evaluability"] == "not_evaluated",
        only=lambda row: row["evaluability_reason"] != "outside_employment",
    ),
    "active_caseload": Rule(
        "caseload_snapshot",
        "active_clients",
        (("case_assignment",), SESSIONS, ("session_participant",), ("appointment",)),
        numerator="active_clients",
        partial=lambda row: row["is_uncertain"] and not row["is_only_unreviewed"],
        defaulted=flag("is_only_unreviewed"),
    ),
    "no_show": Rule(
        "attendance_week",
        "no_show_ratio_4w",
        (("appointment",),),
        numerator="no_show_4w",
        denominator=lambda row: None if row["kept_4w"] is None else row["kept_4w"] + row["no_show_4w"],
        partial=above_zero("unknown_status_4w"),
        defaulted=above_zero("unreviewed_4w"),
    ),
    "total_work_hours": Rule(
        "clinician_week",
        "total_work_h",
        (SESSIONS, ("time_entry", "ehr_event")),
        partial=either(UNKNOWN_SESSIONS, DOUBTFUL_LOG),
        defaulted=UNREVIEWED,
    ),
    "clients_week": Rule(
        "clinician_week",
        "distinct_clients_n",
        (SESSIONS, ("session_participant",)),
        partial=UNKNOWN_SESSIONS,
        defaulted=UNREVIEWED,
    ),
    "overbooking": Rule(
        "clinician_week",
        "booked_ratio",
        (("appointment",), OFFERED),
        numerator="booked_h",
        denominator=lambda row: row["bookable_h"],
    ),
    "documentation_load": Rule(
        "clinician_week", "documentation_h", (("time_entry", "ehr_event"),), partial=DOUBTFUL_LOG
    ),
    "protected_admin": Rule(
        "clinician_week",
        "admin_protected_h",
        (("schedule_block",),),
        planned="worked_ratio",
        side="below",
        partial=UNKNOWN_SESSIONS,
        defaulted=UNREVIEWED,
    ),
    "supervision_weekly": Rule(
        "clinician_week", "supervision_n", (("time_entry",),), side="below", partial=flag("is_supervision_unclear")
    ),
    "debrief": Rule(
        "clinician_week",
        "debrief_ratio",
        (SESSIONS, ("time_entry", "schedule_block")),
        side="below",
        numerator="debriefed_n",
        denominator=lambda row: row["debrief_due_n"],
        only=flag("has_acuity"),
    ),
    "capacity_flag": Rule(
        "caseload_snapshot",
        "assigned_at_capacity_n",
        (("capacity_flag",), ("case_assignment",)),
        only=flag("is_at_capacity"),
    ),
    "after_hours_ehr": Rule("ehr_time_week", "after_hours_min", (LOG,), partial=DOUBTFUL_LOG),
    "night_ehr": Rule("ehr_time_week", "nights_ge_180", (LOG,), partial=DOUBTFUL_LOG),
    "ehr_overhead": Rule(
        "ehr_time_week",
        "ehr_per_15_care",
        (LOG, SESSIONS),
        numerator="ehr_min",
        denominator=lambda row: row["direct_min"],
        partial=either(UNKNOWN_SESSIONS, DOUBTFUL_LOG),
        defaulted=UNREVIEWED,
    ),
    "overdue_notes": Rule("note_week", "oldest_open_h", (("note",),), partial=flag("has_unknown_notes")),
    "own_limit_spike": Rule(
        "utilization_trend", "own_sigma", (SESSIONS, OFFERED), denominator=lambda row: row["own_baseline_weeks_n"]
    ),
    "own_limit_drop": Rule(
        "utilization_trend",
        "below_own_sigma",
        (SESSIONS, OFFERED),
        denominator=lambda row: row["own_baseline_weeks_n"],
        is_negated=True,
    ),
    "measurement_completeness": Rule(
        "mbc_completeness",
        "ratio",
        (SESSIONS, ("session_participant",), ("measure_response",)),
        side="below",
        numerator="completed",
        denominator=lambda row: row["eligible_sessions"],
        only=flag("is_judged"),
        day="month_id",
        ends="month_end_at",
    ),
    "no_show_run": Rule(
        "client_no_show_week",
        "waited_days",
        (("appointment",), ("alert_action", "message")),
        partial=flag("is_unclear"),
        defaulted=flag("is_unreviewed"),
        subject="client_key",
    ),
    "message_reply_episodes": Rule("message_load", "reply_episodes_day", (("message",),)),
}
