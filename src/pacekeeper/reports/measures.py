"""Numbers of the practice by month, from the marts: aggregates only, and hidden where they are about few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pacekeeper.reports.charts import Chart, trend_svg
from pacekeeper.reports.period import Period
from pacekeeper.reports.words import number, unit_name

if TYPE_CHECKING:
    from pacekeeper.engine.session import Session

#: Fewer clinicians than that make no group (domain rule for staff), fewer cases no rate.
LEAST_PEOPLE = 5
LEAST_CASES = 10
_BY_WEEK = "CAST(date_trunc('month', week_id + 6) AS DATE)"
_PEOPLE = "count(DISTINCT clinician_key)"


@dataclass(frozen=True)
class Measure:
    """sql: one row per month with month, value, n behind it, how many are unknown, and people it is about.

    people null: it is about clients or money, and n alone decides whether it is shown.
    """

    section: str
    title: str
    unit: str
    definition: str
    of: str
    sql: str


@dataclass(frozen=True)
class Cell:
    """A number of a month. hidden: why it is not shown."""

    month: date
    value: float | None
    n: int
    unknown: int
    hidden: str | None = None

    def text(self, unit: str) -> str:
        return self.hidden or number(self.value, unit)


def _weekly(value: str, known: str, table: str, where: str = "TRUE") -> str:
    return (
        f"SELECT {_BY_WEEK} AS m, {value}, count({known}), count(*) - count({known}), {_PEOPLE} "
        f"FROM marts.{table} WHERE {where} GROUP BY 1"
    )


_SEES_CLIENTS = "is_client_facing IS NOT FALSE AND evaluability <> 'not_evaluated'"
MEASURES = (
    Measure(
        "outcomes",
        "Sessions with a questionnaire",
        "ratio",
        "Sessions with a completed questionnaire / sessions for which one was due.",
        "sessions",
        "SELECT month_id, sum(completed) / nullif(sum(eligible_sessions), 0), sum(eligible_sessions), "
        f"sum(CASE WHEN ratio IS NULL THEN eligible_sessions ELSE 0 END), {_PEOPLE} "
        "FROM marts.mbc_completeness WHERE instrument = 'any' GROUP BY 1",
    ),
    Measure(
        "outcomes",
        "Early termination (quarter)",
        "ratio",
        "Episodes that ended early / episodes that ended in the quarter, their end known; by its last month.",
        "episodes",
        "SELECT CAST(quarter_id + INTERVAL 2 MONTH AS DATE), early_ratio, explained_n, unknown_end_n, NULL "
        "FROM marts.early_termination_quarter WHERE is_practice",
    ),
    Measure(
        "wellbeing",
        "Turnover over twelve months",
        "ratio",
        "People who left in twelve months / mean headcount.",
        "people",
        "SELECT month_id, turnover_12m, CAST(headcount_avg AS BIGINT), "
        "CASE WHEN turnover_12m IS NULL THEN 1 ELSE 0 END, headcount_n FROM marts.workforce_month WHERE is_practice",
    ),
    Measure(
        "workload",
        "Direct hours per clinician and week",
        "hours",
        "Mean over clinicians and weeks of hours in sessions that were held; weeks of leave left out.",
        "clinician weeks",
        _weekly("avg(direct_h)", "direct_h", "clinician_week", _SEES_CLIENTS),
    ),
    Measure(
        "workload",
        "Utilization of available hours",
        "ratio",
        "Direct hours / available hours, over all clinicians and weeks of which both are known.",
        "clinician weeks",
        _weekly(
            "sum(direct_h) FILTER (utilization_ratio IS NOT NULL) "
            "/ sum(available_h) FILTER (utilization_ratio IS NOT NULL)",
            "utilization_ratio",
            "clinician_week",
            _SEES_CLIENTS,
        ),
    ),
    Measure(
        "workload",
        "Active caseload per clinician",
        "clients",
        "Mean of active clients at the ends of the weeks.",
        "clinician weeks",
        _weekly("avg(active_clients)", "active_clients", "caseload_snapshot"),
    ),
    Measure(
        "attendance",
        "No-shows",
        "ratio",
        "Seats missed without notice / seats whose outcome is known.",
        "seats",
        "SELECT month_id, no_show_ratio, scheduled_n - coalesce(unknown_status_n, 0), "
        "coalesce(unknown_status_n, 0) + coalesce(unknown_cancel_n, 0), NULL FROM marts.attendance_month",
    ),
    Measure(
        "attendance",
        "Days from inquiry to first session (half of the requests)",
        "days",
        "Half of the requests of the month had been seen within so many days; who still waits is counted as waiting.",
        "requests",
        "SELECT month_id, days_to_attend_p50, inquiries_n, CASE WHEN days_to_attend_p50 IS NULL THEN inquiries_n "
        "ELSE 0 END, NULL FROM marts.intake_funnel WHERE is_total",
    ),
    Measure(
        "documentation",
        "EHR time outside working hours per clinician and week",
        "minutes",
        "Mean over clinicians and weeks of active minutes in the EHR outside working time.",
        "clinician weeks",
        _weekly("avg(after_hours_min)", "after_hours_min", "ehr_time_week"),
    ),
    Measure(
        "documentation",
        "Notes signed on the same day",
        "ratio",
        "Notes signed on the day of the service / notes due in the week.",
        "notes",
        f"SELECT {_BY_WEEK}, sum(same_day_n) / nullif(sum(due_n), 0), sum(due_n), sum(undated_n), {_PEOPLE} "
        "FROM marts.note_week GROUP BY 1",
    ),
    Measure(
        "finance",
        "Paid",
        "usd_cents",
        "Payments by anybody for services of the month, less what went back. Late months still grow.",
        "charges",
        "SELECT month_id, sum(paid_cents), coalesce(sum(charges_n), 0), "
        "coalesce(sum(CASE WHEN paid_cents IS NULL THEN charges_n END), 0), NULL "
        "FROM marts.revenue_service_line WHERE is_service GROUP BY 1",
    ),
    Measure(
        "finance",
        "Lines denied at first",
        "ratio",
        "Claim lines denied at the first decision / lines decided for the first time in the month.",
        "lines",
        "SELECT month_id, denial_initial_ratio, lines_n, 0, NULL FROM marts.denials WHERE is_practice_total",
    ),
)


def cells(session: Session, measure: Measure, period: Period) -> list[Cell]:
    """The measure by month, up to the period's last; what is about few is hidden."""
    rows = session.rows(
        f"SELECT * FROM ({measure.sql}) AS t(m, value, n, unknown_n, people_n) WHERE m < DATE '{period.end}' ORDER BY m"
    )
    found = []
    for month, value, n, unknown, people in rows:
        hidden = None
        if people is not None and people < LEAST_PEOPLE:
            hidden = f"hidden: fewer than {LEAST_PEOPLE} people"
        elif measure.unit == "ratio" and 0 < (n or 0) < LEAST_CASES:
            hidden = f"hidden: fewer than {LEAST_CASES} {measure.of}"
        found.append(
            Cell(month, None if hidden or value is None else float(value), int(n or 0), int(unknown or 0), hidden)
        )
    return found


def chart(measure: Measure, found: Sequence[Cell]) -> Chart:
    """The measure over all its months."""
    unknown = sum(one.unknown for one in found)
    cents = measure.unit == "usd_cents"
    points = [
        {
            "at": one.month.isoformat(),
            "value": one.value / 100 if cents and one.value is not None else one.value,
        }
        for one in found
    ]
    return Chart(
        title=measure.title,
        definition=measure.definition,
        window=f"{len(found)} months" if len(found) != 1 else "1 month",
        unknown=f"Not known: {unknown:,} of {unknown + sum(one.n for one in found):,} {measure.of}.",
        svg=trend_svg(
            points,
            label=f"{measure.title}, by month; numbers in the table",
            unit="" if measure.unit == "ratio" else "US dollars" if cents else unit_name(measure.unit),
            per_cent=measure.unit == "ratio",
            by_month=True,
        ),
        head=("Month", measure.title, f"Behind it ({measure.of})", "Not known"),
        rows=[(f"{one.month:%B %Y}", one.text(measure.unit), f"{one.n:,}", f"{one.unknown:,}") for one in found],
    )
