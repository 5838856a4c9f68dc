"""The dashboards: which measures a page shows, and what it says about them."""

from __future__ import annotations

from pacekeeper.bi import BiContract, shipped_access
from pacekeeper.superset.aggregates import by_period
from pacekeeper.superset.chart import PER_CENT, Board, Chart, Figure, Gap
from pacekeeper.superset.measures import VERDICT_GAP, guardrails, spread

_SEATS = Gap("SUM(unknown_status_n + unknown_cancel_n)", "SUM(scheduled_n)", "seats")
_HIDDEN = Gap("SUM(CASE WHEN suppressed THEN 1 ELSE 0 END)", "COUNT(*)", "results, left out to protect who answered")
#: Whose caption says how old everything is.
NIGHT = Chart(
    name="night",
    title="Published nights",
    view="publication",
    kind="table",
    definition="What was published when, judged as of the day. Every number on this page comes from the latest night.",
    figures=(Figure("Unknown", "SUM(unknown_n)"),),
    gap=Gap("SUM(unknown_n)", "SUM(pass_n + warn_n + breach_n + unknown_n + exempt_n)", "verdicts of the last night"),
    period="data_through",
)


def boards(contract: BiContract) -> tuple[Board, ...]:
    """Every dashboard, the overview first."""
    return (
        _overview(),
        _workload(contract),
        _attendance(contract),
        _outcomes(contract),
        _documentation(contract),
        _wellbeing(contract),
        _finance(contract),
    )


def _about(text: str) -> str:
    least = shipped_access().least_clinicians
    return (
        f"{text} Counts and statistics over at least {least} clinicians: nobody is shown alone, and nothing here ranks "
        "people. Not known is neither zero nor fine."
    )


def _overview() -> Board:
    states = Chart(
        name="verdicts.by_state",
        title="Verdicts by state",
        view="verdict_count",
        kind="share",
        definition="Share of all verdicts of the month in each state; one verdict is a guardrail, a subject, a period.",
        figures=(Figure("Verdicts", "SUM(subjects_n)"),),
        gap=VERDICT_GAP,
        period="period_on",
        x="period_on",
        by=("state_name",),
        is_monthly=True,
    )
    why = Chart(
        name="verdicts.why_unknown",
        title="Why verdicts are not known",
        view="verdict_count",
        kind="table",
        definition="Verdicts with state unknown, by reason. A missing source is a thing to connect, not a pass.",
        figures=(Figure("Verdicts", "SUM(subjects_n)"),),
        gap=VERDICT_GAP,
        period="period_on",
        by=("reason_name",),
        where="state = 'unknown'",
    )
    systemic = Chart(
        name="systemic",
        title="Looks practice-wide",
        view="systemic_signal",
        kind="table",
        definition="Guardrails that were out of band for so many that the cause is probably the practice: ask about "
        "schedule, referrals and systems before anybody is asked about themselves.",
        figures=(
            Figure("Weeks", "SUM(CASE WHEN classification = 'systemic' THEN 1 ELSE 0 END)"),
            Figure("Last such week", "CAST(MAX(CASE WHEN classification = 'systemic' THEN week_id END) AS VARCHAR)"),
        ),
        gap=Gap(
            "SUM(CASE WHEN classification = 'insufficient_data' THEN 1 ELSE 0 END)",
            "COUNT(*)",
            "weeks of guardrails, too little to tell",
        ),
        period="week_id",
        by=("guardrail",),
        having="SUM(CASE WHEN classification = 'systemic' THEN 1 ELSE 0 END) > 0",
    )
    complete = Chart(
        name="completeness",
        title="How far the data reach",
        view="source_completeness",
        kind="table",
        definition="Of each source the kinds of record it is asked for, those never read whole, and up to when all of "
        "them are complete. Verdicts on later weeks are unknown.",
        figures=(
            Figure("Kinds", "COUNT(*)"),
            Figure("Never read", "SUM(CASE WHEN complete_through IS NULL THEN 1 ELSE 0 END)"),
            Figure("Complete through", "CAST(MIN(CAST(complete_through AS DATE)) AS VARCHAR)"),
            Figure("Newest", "CAST(MAX(CAST(complete_through AS DATE)) AS VARCHAR)"),
        ),
        gap=Gap("SUM(CASE WHEN complete_through IS NULL THEN 1 ELSE 0 END)", "COUNT(*)", "kinds of record, never read"),
        period="complete_through",
        by=("source",),
    )
    about = _about("Is the practice at a pace it can keep, and can these numbers be trusted?")
    return Board(
        "overview",
        "Practice overview",
        about,
        (states, why, systemic, complete, guardrails((), "Trend of each guardrail")),
    )


def _workload(contract: BiContract) -> Board:
    week, design = "clinician_week", "schedule_design_week"
    return Board(
        "workload",
        "Workload and schedule",
        _about("How full weeks are, and how they are laid out."),
        (
            spread(contract, week, "direct_h", "Direct time in a week"),
            spread(contract, week, "utilization_ratio", "Utilization"),
            spread(contract, week, "total_work_h", "All work in a week"),
            spread(contract, "caseload_snapshot", "points", "Caseload"),
            spread(contract, design, "longest_run_back_to_back", "Longest run back to back"),
            spread(contract, design, "days_without_lunch_n", "Days without lunch"),
            spread(contract, week, "admin_protected_h", "Protected time for admin"),
            spread(contract, week, "supervision_h", "Supervision in a week"),
            guardrails(("workload",), "Guardrails of workload and schedule"),
        ),
    )


def _attendance(contract: BiContract) -> Board:
    month = "attendance_month"
    total = "is_total"
    return Board(
        "attendance",
        "Attendance and access",
        _about("Whether clients come, how they are reminded, and how long they wait to be seen."),
        (
            by_period(
                contract,
                month,
                "What became of appointments",
                {
                    "kept_n": "Kept",
                    "advance_cancel_n": "Cancelled in time",
                    "late_cancel_n": "Cancelled late",
                    "no_show_n": "Missed",
                    "clinician_cancel_n": "Cancelled by the practice",
                    "unknown_cancel_n": "Cancelled, not known how",
                    "unknown_status_n": "Not known",
                },
                kind="share",
                about="Seats that start in the month, by what became of them.",
                gap=_SEATS,
            ),
            by_period(
                contract,
                month,
                "No-shows and late cancellations",
                {"no_show_ratio": "No-show", "combined_ratio": "No-show or late cancellation"},
            ),
            by_period(
                contract,
                "attendance_band_month",
                "No-shows by planned modality",
                {"no_show_ratio": "No-show"},
                by=("band",),
                where="dimension = 'modality' AND kept_n + no_show_n >= 10",
                gap=_SEATS,
                about="Missed / (kept + missed), by how the visit was planned; months with fewer than 10 are left out.",
            ),
            by_period(contract, month, "Reminders sent in time", {"reminders_in_time_ratio": "In time"}),
            by_period(
                contract,
                "intake_funnel",
                "Requests for care",
                {"inquiries_n": "Asked", "accepted_n": "Accepted", "attended_n": "Seen"},
                kind="bar",
                where=total,
            ),
            by_period(
                contract,
                "intake_funnel",
                "Days until seen",
                {"days_to_attend_p50": "Half within", "days_to_attend_p90": "Nine of ten within"},
                where=total,
            ),
            guardrails(("attendance", "access"), "Guardrails of attendance and access"),
        ),
    )


def _outcomes(contract: BiContract) -> Board:
    return Board(
        "outcomes",
        "Outcomes and measurement",
        _about("Whether change is measured, and who leaves early. Outcomes of single clinicians are on no page."),
        (
            spread(contract, "mbc_completeness", "ratio", "Sessions with a questionnaire", dimension="any"),
            spread(contract, "clinician_outcome", "measured_ratio", "Episodes with a PHQ-9 result", dimension="phq9"),
            by_period(
                contract,
                "early_termination_quarter",
                "Early termination",
                {"early_ratio": "Early", "wilson_lo": "Interval from", "wilson_hi": "to"},
                where="level = 'practice'",
                gap=Gap("SUM(unknown_end_n)", "SUM(ended_n)", "ends of episodes"),
                about="Ended early / ended and known how, with its 95 % interval, by quarter.",
            ),
            by_period(
                contract,
                "early_termination_quarter",
                "Episodes that ended",
                {"explained_n": "Known how", "unknown_end_n": "Not known how", "excluded_n": "Not counted"},
                kind="bar",
                where="level = 'practice'",
                gap=Gap("SUM(unknown_end_n)", "SUM(ended_n)", "ends of episodes"),
            ),
            guardrails(("outcomes",), "Guardrails of outcomes and measurement"),
        ),
    )


def _documentation(contract: BiContract) -> Board:
    note, ehr, message = "note_week", "ehr_time_week", "message_load"
    return Board(
        "documentation",
        "Documentation and EHR time",
        _about("What notes, records and messages cost. Time in the EHR is a load, never a measure of diligence."),
        (
            spread(contract, ehr, "ehr_time_8", "EHR time per 8 scheduled hours"),
            spread(contract, ehr, "after_hours_min", "EHR after hours in a week"),
            spread(contract, note, "same_day_ratio", "Notes signed the same day"),
            spread(contract, note, "overdue_open_n", "Overdue notes"),
            spread(contract, note, "lag_p50_h", "Time to signature"),
            spread(contract, ehr, "note_time_8", "Note time per 8 scheduled hours"),
            spread(contract, message, "in_n", "Messages received in a week"),
            spread(contract, message, "p50_first_response_h", "Time to first answer"),
            guardrails(("documentation",), "Guardrails of documentation and EHR time"),
        ),
    )


def _wellbeing(contract: BiContract) -> Board:
    survey = "staff_survey_agg"
    whole = "team_key = 'practice'"
    present = Chart(
        name="survey.scales",
        title="Scales of the whole practice",
        view=survey,
        kind="table",
        definition="Each wave of each scale: how many answered, mean of the scores, and the share that meets the "
        "published cut-off, where there is one. None of them diagnoses anybody, and scales do not compare.",
        figures=(
            Figure("Answered", "SUM(n)"),
            Figure("Invited", "SUM(invited_n)"),
            Figure("Mean", "AVG(mean)", ",.1f"),
            Figure("Meets cut-off", "AVG(prevalence)", PER_CENT),
        ),
        gap=_HIDDEN,
        period="closes_on",
        by=("closes_on", "instrument", "scale"),
        where=f"{whole} AND instrument <> 'sheets'",
    )
    return Board(
        "wellbeing",
        "Wellbeing of staff",
        _about("Anonymous surveys. What few answered, and what would give them away, is left out at the source."),
        (
            by_period(
                contract,
                survey,
                "Burnout in the practice",
                {"prevalence": "Meets cut-off"},
                where=f"is_burnout_headline AND {whole}",
                gap=_HIDDEN,
                about="People whose answers meet the cut-off of the policy's burnout scale / people who answered it.",
            ),
            by_period(
                contract,
                survey,
                "Who answered",
                {"response_ratio": "Answered"},
                where="is_response_total",
                gap=Gap("SUM(invited_n - n)", "SUM(invited_n)", "people invited, who did not answer"),
                about="People of the practice who handed in a sheet / people who were invited, by wave.",
            ),
            present,
            by_period(
                contract,
                "workforce_month",
                "Turnover and retention",
                {"turnover_12m": "Turnover, 12 months", "retention_12m": "Retention, 12 months"},
                where="is_practice",
            ),
            guardrails(("wellbeing", "workforce"), "Guardrails of wellbeing and workforce"),
        ),
    )


def _finance(contract: BiContract) -> Board:
    line, denial = "revenue_service_line", "denials"
    of_all = "is_practice_total"
    open_months = Gap("SUM(CASE WHEN is_open THEN 1 ELSE 0 END)", "COUNT(*)", "months by service, money still to come")
    return Board(
        "finance",
        "Finance",
        _about("What sessions bring in, and what is refused. Money is shown for the practice, never for a person."),
        (
            by_period(
                contract,
                line,
                "Charged and paid",
                {"charge_cents": "Charged", "paid_cents": "Paid"},
                kind="bar",
                gap=open_months,
            ),
            by_period(
                contract,
                line,
                "Paid by service line",
                {"paid_cents": "Paid"},
                kind="bar",
                by=("service_line",),
                where="is_service",
                gap=open_months,
            ),
            by_period(
                contract,
                denial,
                "Refused lines",
                {"denial_initial_ratio": "At first", "denial_final_ratio": "In the end"},
                where=of_all,
            ),
            by_period(
                contract,
                denial,
                "Days to submit and to be paid",
                {"days_to_pay": "To be paid", "days_to_submit": "To submit"},
                where=of_all,
            ),
            by_period(
                contract,
                "payer_mix",
                "Sessions by kind of payer",
                {"sessions_n": "Sessions"},
                kind="share",
                by=("payer_class",),
            ),
            by_period(contract, "attendance_month", "Charges lost to missed visits", {"lost_revenue_ratio": "Lost"}),
            guardrails(("finance",), "Guardrails of finance"),
        ),
    )
