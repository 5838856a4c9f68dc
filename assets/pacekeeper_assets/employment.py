"""FTE, contract hours and tenure of each judged week."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import number
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import employment_of

_DAYS_PER_WEEK = 7
_MONTHS_PER_YEAR = 12
# A later day number than any calendar has: the end of an employment that lasts.
OPEN_END_NO = 3_000_000
# "A gap of more than 1 day ends continuity" (decision 1.12).
_LONGEST_GAP_DAYS = 1
_STORED_DIGITS = 9


def fte_week(tables: CanonicalTables, days: Table, policy: Policy) -> Table:
    """Per person and week: `employed_days`, `fte` (decision 1.6) and `contract_h` of the days employed."""
    jobs = employment_of(tables)
    joined = days.select("person_key", "week_id", "day_no").inner_join(jobs, "person_key")
    covered = joined.filter(
        (joined.day_no >= joined.start_no) & (joined.day_no <= joined.end_no.fill_null(OPEN_END_NO))
    )
    daily = covered.group_by("person_key", "week_id", "day_no").aggregate(
        fte=covered.fte.sum(),
        contract_h=covered.contract_h_week.sum(),
        contract_unknown_n=covered.count(where=covered.contract_h_week.isnull()),
    )
    cap = number(policy, daily.week_id, lambda rev: rev.section("fte").number("cap"))
    daily = daily.mutate(fte=ifelse(daily.fte.notnull(), ibis.least(daily.fte, cap), ibis.null("float64")))
    weekly = daily.group_by("person_key", "week_id").aggregate(
        employed_days=daily.count(),
        fte=daily.fte.mean().round(_STORED_DIGITS),
        contract_h=daily.contract_h.sum() / float(_DAYS_PER_WEEK),
        contract_unknown_n=daily.contract_unknown_n.sum(),
    )
    return weekly.mutate(
        contract_h=ifelse(weekly.contract_unknown_n > 0, ibis.null("float64"), weekly.contract_h)
    ).drop("contract_unknown_n")


def tenure_week(weeks: Table, tables: CanonicalTables) -> Table:
    """Per person and week: `tenure_month` of the continuous employment that touches the week (decision 1.12)."""
    runs = employment_runs(employment_of(tables))
    joined = weeks.select("person_key", "week_id", "first_no", "last_no").inner_join(runs, "person_key")
    during = joined.filter((joined.run_start_no <= joined.last_no) & (joined.run_end_no >= joined.first_no))
    current = during.group_by("person_key", "week_id").aggregate(run_start=during.run_start.max())
    begun = ibis.greatest(_completed_months(current.run_start, current.week_id), literal(0, "int64"))
    return current.select("person_key", "week_id", tenure_month=begun + 1)


def employment_runs(jobs: Table) -> Table:
    """One row per continuous employment of a person: `run_start`, `run_start_no`, `run_end_no` (OPEN_END_NO = lasts).

    `run_end` is its last day; of one that lasts it means nothing.
    """
    jobs = jobs.mutate(end_no=jobs.end_no.fill_null(OPEN_END_NO))
    in_order = ["start_no", "end_no", "employment_key"]
    before = ibis.window(group_by="person_key", order_by=in_order, rows=(None, -1))
    marked = jobs.mutate(before_end_no=jobs.end_no.max().over(before))
    is_new = marked.before_end_no.isnull() | (marked.start_no - marked.before_end_no - 1 > _LONGEST_GAP_DAYS)
    marked = marked.mutate(is_new=ifelse(is_new, 1, 0))
    so_far = ibis.window(group_by="person_key", order_by=in_order, rows=(None, 0))
    numbered = marked.mutate(run_no=marked.is_new.sum().over(so_far))
    return numbered.group_by("person_key", "run_no").aggregate(
        run_start=numbered.start_date.min(),
        run_start_no=numbered.start_no.min(),
        run_end=numbered.end_date.max(),
        run_end_no=numbered.end_no.max(),
    )


def _completed_months(start: Value, end: Value) -> Value:
    whole = (end.year() - start.year()) * _MONTHS_PER_YEAR + end.month() - start.month()
    return (whole - ifelse(end.day() < start.day(), 1, 0)).cast("int64")
