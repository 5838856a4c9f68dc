"""`workforce_month`: who stays, who leaves and who takes leave, for the practice and its larger teams."""

from __future__ import annotations

import ibis
import pyarrow as pa

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import number
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.suppression import CellColumns, SuppressionRule, suppress
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.employment import OPEN_END_NO, employment_runs
from pacekeeper_assets.judging import PRACTICE_MONTH as OF_MONTH
from pacekeeper_assets.judging import band
from pacekeeper_assets.leave import LEAVE_MONTH, NO_LEAVE_90D, PTO_LOW
from pacekeeper_assets.pay import PAY_STABILITY
from pacekeeper_assets.people import with_person
from pacekeeper_assets.periods import PRACTICE_MONTH
from pacekeeper_assets.practice_facts import needs_of, ratio, with_practice_known

PRACTICE = "practice"
_YEAR = 12
_BY = ("month_id", "team_key")


def workforce_month(tables: CanonicalTables, policy: Policy) -> Table:
    stays = _with_teams(_stays(tables), tables)
    rows = _turnover(stays)
    for part in (_tenure(stays), _leave(stays, tables, policy), _pay(tables)):
        rows = rows.left_join(part, _BY).drop(*(f"{key}_right" for key in _BY))
    months = tables.practice_month.select("month_id", "month_start_at", "month_end_at")
    rows = with_practice_known(
        rows.inner_join(months, "month_id"), tables, "pto_ledger", "pay_period", "comp_plan_tier"
    )
    has_year = rows.cohort_n > 0
    month = rows.month_id.cast("string")
    return rows.mutate(
        cell=month.concat("|", rows.team_key),
        parent=ifelse(rows.team_key == PRACTICE, ibis.null("string"), month.concat("|", literal(PRACTICE))),
        is_practice=rows.team_key == PRACTICE,
        turnover_12m=ifelse(has_year, ratio(rows.separations_12m, rows.headcount_avg), ibis.null("float64")),
        retention_12m=ratio(rows.retained_n, rows.cohort_n),
        pto_used_ratio=ratio(rows.pto_taken_h, rows.pto_due_h),
        no_leave_90d_n=ifelse(rows.knows_pto_ledger, rows.no_leave_90d_n.fill_null(0), ibis.null("int64")),
        sick_days=ifelse(rows.knows_pto_ledger, rows.sick_days.fill_null(0), ibis.null("int64")),
        sick_days_usual=ifelse(
            rows.knows_pto_ledger, rows.sick_days_12m.fill_null(0).cast("float64") / float(_YEAR), ibis.null("float64")
        ),
        top_tier_over_cap_n=ifelse(
            rows.knows_pay_period & rows.knows_comp_plan_tier & (rows.team_key == PRACTICE),
            rows.top_tier_over_cap_n.fill_null(0),
            ibis.null("int64"),
        ),
    )


def _month_no(day: Value) -> Value:
    return day.year().cast("int64") * _YEAR + day.month().cast("int64")


def _stays(tables: CanonicalTables) -> Table:
    """One row per person, month and continuous employment that began by then; interns and students left out.

    `month_no`, `begun_no`, `gone_no`: numbers of months; who leaves in a month is not counted at its end.
    """
    interns = with_person(tables.clinician.filter(tables.clinician.role == "intern"), tables)
    jobs = with_person(tables.employment.filter(tables.employment.employment_type != "student"), tables)
    jobs = jobs.anti_join(interns.select("person_key").distinct(), "person_key")
    jobs = jobs.select(
        "person_key",
        "employment_key",
        "start_date",
        "end_date",
        start_no=day_number(jobs.start_date),
        end_no=day_number(jobs.end_date),
    )
    runs = employment_runs(jobs)
    is_open = runs.run_end_no >= OPEN_END_NO
    runs = runs.select(
        "person_key",
        begun_no=_month_no(runs.run_start),
        is_first_of_month=runs.run_start.day() == 1,
        gone_no=ifelse(is_open, literal(OPEN_END_NO, "int64"), _month_no(runs.run_end)),
    )
    months = tables.practice_month.select("month_id", "last_no", month_no=_month_no(tables.practice_month.month_id))
    return months.inner_join(runs, months.month_no >= runs.begun_no)


def _with_teams(stays: Table, tables: CanonicalTables) -> Table:
    """Each row for the practice, and once more for the team whose link began last by the end of the month."""
    links = with_person(tables.supervision_link.filter(tables.supervision_link.team_key.notnull()), tables)
    links = links.select("person_key", "team_key", link_no=day_number(links.valid_from))
    met = stays.select("person_key", "month_id", "last_no").distinct().inner_join(links, "person_key")
    met = met.filter(met.link_no <= met.last_no)
    last = ibis.window(group_by=["person_key", "month_id"], order_by=[ibis.desc("link_no"), "team_key"])
    ranked = met.mutate(place=ibis.row_number().over(last))
    teams = ranked.filter(ranked.place == 0).select("person_key", "month_id", "team_key")
    of_team = stays.inner_join(teams, ["person_key", "month_id"])
    return ibis.union(stays.mutate(team_key=literal(PRACTICE)), of_team.select(*stays.columns, "team_key"))


def _turnover(stays: Table) -> Table:
    now, year_ago = stays.month_no, stays.month_no - _YEAR
    is_in = stays.gone_no > now
    was_in = (stays.begun_no <= year_ago) & (stays.gone_no > year_ago)
    # Of the thirteen ends of months from a year ago to now, those at which the person was there.
    ends_n = ibis.least(now, stays.gone_no - 1) - ibis.greatest(year_ago, stays.begun_no) + 1
    marked = stays.mutate(
        is_in=ifelse(is_in, 1, 0),
        was_in=ifelse(was_in, 1, 0),
        left=ifelse((stays.gone_no <= now) & (stays.gone_no > year_ago), 1, 0),
        left_now=ifelse(stays.gone_no == now, 1, 0),
        ends_n=ibis.greatest(ends_n, literal(0, "int64")),
    )
    people = marked.group_by(*_BY, "person_key").aggregate(
        is_in=marked.is_in.max(),
        was_in=marked.was_in.max(),
        left=marked.left.sum(),
        left_now=marked.left_now.sum(),
        ends_n=marked.ends_n.sum(),
    )
    return people.group_by(*_BY).aggregate(
        headcount_n=people.is_in.sum(),
        headcount_avg=people.ends_n.sum().cast("float64") / float(_YEAR + 1),
        separations=people.left_now.sum(),
        separations_12m=people.left.sum(),
        cohort_n=people.was_in.sum(),
        retained_n=people.count(where=(people.was_in == 1) & (people.is_in == 1)),
    )


def _tenure(stays: Table) -> Table:
    here = stays.filter(stays.gone_no > stays.month_no)
    months = here.month_no - here.begun_no + ifelse(here.is_first_of_month, 1, 0)
    here = here.mutate(months=months.cast("float64"))
    return here.group_by(*_BY).aggregate(tenure_median=here.months.quantile(0.5))


def _leave(stays: Table, tables: CanonicalTables, policy: Policy) -> Table:
    here = stays.filter(stays.gone_no > stays.month_no).select(*_BY, clinician_key="person_key").distinct()
    own = here.inner_join(tables.leave_month, ["month_id", "clinician_key"])
    limit = number(policy, own.month_id, lambda rev: rev.guardrail("no_leave_90d").threshold("breach"))
    counted = own.pto_due_h.notnull()
    return own.group_by(*_BY).aggregate(
        pto_taken_h=own.pto_taken_h.sum(where=counted),
        pto_due_h=own.pto_due_h.sum(where=counted),
        no_leave_90d_n=own.count(where=own.days_without_leave > limit),
        sick_days=own.sick_days.sum(),
        sick_days_12m=own.sick_days_12m.sum(),
    )


def _pay(tables: CanonicalTables) -> Table:
    """People with a pay period, ended in the month, that paid by the top tier above the ceiling of direct hours."""
    pay = tables.pay_stability.filter(tables.pay_stability.over_cap_in_top_tier)
    months = tables.practice_month.select("month_id", "first_no", "last_no")
    dated = pay.mutate(end_no=day_number(pay.period_end))
    met = dated.inner_join(months, [dated.end_no >= months.first_no, dated.end_no <= months.last_no])
    found = met.group_by("month_id").aggregate(top_tier_over_cap_n=met.clinician_key.nunique())
    return found.mutate(team_key=literal(PRACTICE))


def without_small_teams(rows: pa.Table, policy: Policy) -> pa.Table:
    """Rows of the practice, and of teams whose headcount is enough and gives no smaller one away."""
    least = policy.latest.guardrail("turnover").settings.whole("least_team_n")
    cells = rows.select(["cell", "parent", "headcount_n"])
    rule = SuppressionRule(minimum=least, zero_shown=False)
    is_hidden = suppress(cells, rule, CellColumns(n="headcount_n"))["suppressed"].to_numpy()
    return rows.filter(pa.array(rows["is_practice"].to_numpy() | ~is_hidden))


_JOB = Input("employment", ("clinician_key", "start_date", "end_date", "employment_type"))
_STAFF = needs_of(_JOB, supporting=(Input("clinician", ("role",), without="interns count like everybody"),))
_LEDGER = Input("pto_ledger", ("clinician_key", "entry_date", "hours"), {"kind": ("take",)})
_DUE = (
    Input("pto_ledger", ("clinician_key", "entry_date", "hours"), {"kind": ("accrue",)}),
    Input("pto_ledger", ("clinician_key", "entry_date", "hours"), {"kind": ("grant",)}),
)
_SICK = needs_of(_JOB, Input("pto_ledger", ("clinician_key", "entry_date"), {"kind": ("sick",)}))
_OVERLAP = needs_of(
    Input("pay_period", ("clinician_key", "period_start", "period_end", "pay_cents")),
    (Input("pay_period", ("comp_plan_key",)), Input("employment", ("comp_plan_key",))),
    Input("comp_plan_tier", ("comp_plan_key", "from_sessions")),
    Input("session", ("clinician_key", "started_at", "ended_at", "status")),
)


def _count(name: str, unit: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, "count", unit, description, needs=needs, rules=rules)


def _number(name: str, unit: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, "number", unit, description, needs=needs, rules=rules)


WORKFORCE_MONTH = Mart(
    name="workforce_month",
    description="Headcount, turnover, retention and leave; interns and students left out. A job that follows another "
    "within a day continues it.",
    grain="one row per whole month that has ended, of the practice and of each team large enough (policy "
    "turnover.least_team_n) that gives no smaller one away",
    primary_key=("month_id", "team_key"),
    inputs=(
        "clinician_week",
        "practice",
        "calendar_day",
        "clinician",
        "person_match",
        "employment",
        "supervision_link",
        "leave_month",
        "pay_stability",
    ),
    steps=(PRACTICE_MONTH,),
    build=workforce_month,
    refine=without_small_teams,
    columns=(
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn("team_key", "text", "", "Key of the team of the supervision link that began last, or `practice`."),
        MartColumn("is_practice", "flag", "", "Whether the row is about everybody."),
        _count("headcount_n", "people", "Employed when the month is over. Never null.", _STAFF, "H02"),
        _number(
            "headcount_avg", "people", "Mean of thirteen ends of months, this one the last. Never null.", _STAFF, "H02"
        ),
        _count("separations", "people", "Who left in the month. Never null.", _STAFF, "H02"),
        _count(
            "separations_12m", "people", "Who left in the twelve months that end with it. Never null.", _STAFF, "H02"
        ),
        _number(
            "turnover_12m",
            "ratio",
            "separations_12m / headcount_avg. Null: nobody is known to have been there a year ago.",
            _STAFF,
            "H02",
        ),
        _count("cohort_n", "people", "Employed a year ago. Never null.", _STAFF, "H03"),
        _number(
            "retention_12m",
            "ratio",
            "Of the people employed a year ago, those employed now. Null: there were none.",
            _STAFF,
            "H03",
        ),
        _number(
            "tenure_median",
            "months",
            "Median of completed months of the current continuous employment. Null: nobody is employed.",
            _STAFF,
            "H03",
        ),
        _number(
            "pto_used_ratio",
            "ratio",
            "Leave taken / leave due so far in the year, sum over sum (see `leave_month`). Null: nothing is known due.",
            needs_of(_JOB, _LEDGER, _DUE),
            "H01",
        ),
        _count(
            "no_leave_90d_n",
            "people",
            "People without leave for more days than policy no_leave_90d.breach. Null: no source of a PTO ledger.",
            needs_of(_JOB, _LEDGER),
            "H01",
        ),
        _count(
            "sick_days",
            "days",
            "Days with sick leave in the month, of the people in headcount_n. Null as no_leave_90d_n.",
            _SICK,
            "H12",
        ),
        _number(
            "sick_days_usual",
            "days",
            "A twelfth of the sick days of the same people in the twelve months before. Null as no_leave_90d_n.",
            _SICK,
            "H12",
        ),
        _count(
            "top_tier_over_cap_n",
            "people",
            "People with a pay period, ended in the month, in which a week paid by the top tier went above the ceiling "
            "of direct hours. Null: a team, or no pay periods or tiers are known.",
            _OVERLAP,
            "F08",
        ),
    ),
)

TURNOVER = band(
    "turnover",
    mart="workforce_month",
    value="turnover_12m",
    numerator="separations_12m",
    denominator="headcount_avg",
    needs=_STAFF,
    grain=OF_MONTH,
    only="is_practice",
    reach_days=365,
)
TOP_TIER_OVER_CAP = band(
    "top_tier_over_cap",
    mart="workforce_month",
    value="top_tier_over_cap_n",
    needs=_OVERLAP,
    grain=OF_MONTH,
    only="is_practice",
)

MARTS: tuple[Mart, ...] = (LEAVE_MONTH, PAY_STABILITY, WORKFORCE_MONTH)
GUARDRAILS: tuple[Guardrail, ...] = (PTO_LOW, NO_LEAVE_90D, TURNOVER, TOP_TIER_OVER_CAP)
