"""Rules on leave, staff, schedule, pay, routine and own limits."""

from __future__ import annotations

from tests.oracle.marts.rules import Rule, flag

LEDGER = ("pto_ledger",)
RULES: dict[str, Rule] = {
    "pto_low": Rule(
        "leave_month",
        "pto_used_ratio",
        (LEDGER, ("employment",)),
        side="below",
        numerator="pto_taken_h",
        denominator=lambda row: row["pto_due_h"],
        only=flag("is_pto_judged"),
        day="month_id",
        ends="month_end_at",
    ),
    "no_leave_90d": Rule(
        "leave_month",
        "days_without_leave",
        ((*LEDGER, "schedule_block"), ("employment",)),
        only=flag("is_employed"),
        day="month_id",
        ends="month_end_at",
    ),
    "turnover": Rule(
        "workforce_month",
        "turnover_12m",
        (("employment",),),
        numerator="separations_12m",
        denominator=lambda row: row["headcount_avg"],
        only=flag("is_practice"),
        subject="practice",
        day="month_id",
        ends="month_end_at",
    ),
}
