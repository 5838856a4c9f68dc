"""Rules on leave, staff, schedule, pay, routine and own limits."""

from __future__ import annotations

from functools import partial

from tests.oracle.marts.rules import SESSIONS, Rule, flag

LEDGER = ("pto_ledger",)
by_month = partial(Rule, day="month_id", ends="month_end_at")
of_practice = partial(by_month, subject="practice")
RULES: dict[str, Rule] = {
    "pto_low": by_month(
        "leave_month",
        "pto_used_ratio",
        (LEDGER, ("employment",)),
        side="below",
        numerator="pto_taken_h",
        denominator=lambda row: row["pto_due_h"],
        only=flag("is_pto_judged"),
    ),
    "no_leave_90d": by_month(
        "leave_month",
        "days_without_leave",
        ((*LEDGER, "schedule_block"), ("employment",)),
        only=flag("is_employed"),
        hidden=flag("is_record_short"),
    ),
    "turnover": of_practice(
        "workforce_month",
        "turnover_12m",
        (("employment",),),
        numerator="separations_12m",
        denominator=lambda row: row["headcount_avg"],
        only=flag("is_practice"),
    ),
    "top_tier_over_cap": of_practice(
        "workforce_month",
        "top_tier_over_cap_n",
        (("pay_period",), ("pay_period", "employment"), ("comp_plan_tier",), SESSIONS),
        only=flag("is_practice"),
    ),
    "reminders": of_practice(
        "attendance_month",
        "reminders_in_time_ratio",
        (("appointment",), ("reminder",)),
        side="below",
        numerator="reminders_in_time_n",
        denominator=lambda row: row["reminders_due_n"],
    ),
    "admin_block_halfday": Rule(
        "schedule_design_week",
        "halfday_block_ratio",
        (SESSIONS, ("schedule_block",)),
        side="below",
        numerator="half_days_with_block",
        denominator=lambda row: row["half_days"],
        partial=flag("has_unclear_sessions"),
        defaulted=flag("has_unreviewed_sessions"),
        only=flag("follows_half_day_blocks"),
    ),
    "hot_seat_fairness": Rule(
        "hot_seat_quarter",
        "imbalance_ratio",
        (("schedule_block",),),
        numerator="hot_seat_days",
        denominator=lambda row: row["expected_days"],
        only=flag("has_turns"),
        day="quarter_id",
        ends="quarter_end_at",
    ),
    "sick_days_own_limit": by_month(
        "own_baseline_month",
        "own_sigma",
        ((*LEDGER, "schedule_block"),),
        denominator=lambda row: row["baseline_months_n"],
        only=flag("is_sick_days"),
    ),
    "notes_amended_own_limit": by_month(
        "own_baseline_month",
        "own_sigma",
        (("note",),),
        denominator=lambda row: row["baseline_months_n"],
        only=flag("is_notes_amended"),
    ),
    "own_data_report": of_practice(
        "routine_month",
        "own_report_ratio",
        (("clinician",), ("report_delivery",)),
        side="below",
        numerator="own_reports_n",
        denominator=lambda row: row["clinicians_n"],
    ),
    "monthly_experiment": of_practice("routine_month", "experiments_n", (("experiment",),), side="below"),
    "burnout_prevalence": Rule(
        "staff_survey_agg",
        "prevalence",
        (("survey_wave",), ("staff_survey_response",), ("staff_survey_item",)),
        denominator=lambda row: row["n"],
        only=flag("is_burnout_headline"),
        hidden=flag("suppressed"),
        subject="team_key",
        day="opens_on",
        ends="wave_end_at",
    ),
}
