"""What guardrails on intake, endings and money judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from tests.oracle.marts.practice import Row
from tests.oracle.marts.rules import OFFERED, SESSIONS, Rule, flag


def _in_time(due: str, *done: str) -> Callable[[Row], datetime | None]:
    """When all of it was done, if by then (decision 8, O8)."""

    def settled(row: Row) -> datetime | None:
        at = [row[name] for name in done]
        return max(at) if None not in at and max(at) <= row[due] else None

    return settled


_FUNNEL = Rule(
    "intake_funnel",
    "inquiries_n",
    (("referral",),),
    only=flag("is_total"),
    subject="practice",
    day="month_id",
    ends="month_end_at",
)
_ALERT = Rule(
    "alert_response",
    "unreviewed_n",
    (),
    only=flag("asks_review"),
    subject="alert_key",
    day="created_on",
    ends="review_due_at",
    settled=_in_time("review_due_at", "reviewed_at"),
)

RULES: dict[str, Rule] = {
    "time_to_first_appointment": replace(
        _FUNNEL,
        value="business_days_to_attend_p90_min",
        needs=(("referral",), ("referral", "session_participant")),
        denominator=lambda row: row["inquiries_n"],
        partial=flag("is_attend_open"),
    ),
    "referral_drought": replace(
        _FUNNEL,
        value="referral_per_slot",
        side="below",
        needs=(("referral",), OFFERED, ("appointment",)),
        numerator="inquiries_n",
        denominator=lambda row: row["open_slots_week"],
    ),
    "referral_out_response": replace(
        _FUNNEL,
        value="business_days_to_out_response_p90_min",
        denominator=lambda row: row["referrals_out_n"],
        partial=flag("is_out_response_open"),
    ),
    "intake_flow": Rule(
        "clinician_intake",
        "net_flow",
        (SESSIONS, ("session_participant",), ("case_assignment",)),
        side="below",
        day="month_id",
        ends="month_end_at",
    ),
    "early_termination": Rule(
        "early_termination_quarter",
        "early_ratio",
        (("episode",), SESSIONS, ("session_participant",), ("appointment",)),
        numerator="early_n",
        denominator=lambda row: row["explained_n"],
        partial=flag("is_unexplained"),
        only=flag("is_practice"),
        subject="practice",
        day="quarter_id",
        ends="quarter_end_at",
    ),
    "denial_rate": Rule(
        "denials",
        "denial_initial_ratio",
        (("remit",), ("claim_payment",), ("remit_adjustment",)),
        numerator="denied_initial_n",
        denominator=lambda row: row["lines_n"],
        only=flag("is_practice_total"),
        subject="practice",
        day="month_id",
        ends="month_end_at",
    ),
    "offtrack_review": replace(
        _ALERT,
        needs=(("clinical_alert", "measure_response"), ("alert_action",), SESSIONS, ("session_participant",)),
    ),
    "safety_review": replace(
        _ALERT,
        value="unreviewed_risk_n",
        needs=(("measure_response",), ("measure_item", "clinical_alert"), ("alert_action", "note")),
        only=flag("asks_risk_review"),
        ends="safety_due_at",
        settled=_in_time("safety_due_at", "risk_reviewed_at"),
    ),
    "dual_notification": replace(
        _ALERT,
        value="unnotified_n",
        needs=(("clinical_alert",),),
        only=flag("asks_notice"),
        ends="notice_due_at",
        settled=_in_time("notice_due_at", "therapist_notified_at", "supervisor_notified_at"),
    ),
    "payer_contract_age": Rule(
        "payer_contract_month",
        "rate_age_months",
        (("payer_contract",),),
        subject="contract",
        day="month_id",
        ends="month_end_at",
    ),
    "service_line_margin": Rule(
        "revenue_service_line",
        "margin_cents",
        (("charge",), ("payment",), ("charge", "session", "episode"), SESSIONS, ("cost_rate",)),
        side="below",
        numerator="paid_cents",
        partial=flag("is_open"),
        only=flag("is_service"),
        subject="service_line",
        day="month_id",
        ends="month_end_at",
    ),
}
