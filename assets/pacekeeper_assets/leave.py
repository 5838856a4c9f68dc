"""`leave_month`: how much leave each clinician took of what was theirs, and how long ago. Restricted."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import number, whole
from pacekeeper.measures.instant import day_number, seconds, utc_day
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.employment import employment_runs
from pacekeeper_assets.judging import CLINICIAN_MONTH, band
from pacekeeper_assets.people import employment_of, person, with_person
from pacekeeper_assets.periods import PERSON_MONTH
from pacekeeper_assets.practice_facts import needs_of, ratio

_KEYS = ("person_key", "month_id")
_MONTHS_PER_YEAR = 12
_RESTING = ("take", "parental")


def leave_month(tables: CanonicalTables, policy: Policy) -> Table:
    rows = tables.person_month
    rows = rows.mutate(year=rows.month_id.year(), month=rows.month_id.month().cast("int64"))
    ledger = _ledger(tables)
    for part in (
        _account(rows, ledger),
        _last_leave(rows, ledger, tables),
        _sick(rows, ledger),
        _employed(rows, tables),
    ):
        rows = rows.left_join(part, _KEYS).drop("person_key_right", "month_id_right")
    rows = rows.left_join(_recorded(tables), "person_key").drop("person_key_right")
    rows = with_known(rows, tables, "pto_ledger", "schedule_block")
    limit = number(policy, rows.month_id, lambda rev: rev.guardrail("no_leave_90d").threshold("breach"))
    since_no = ibis.greatest(rows.last_leave_no, rows.run_start_no - 1)
    # Leave of before the record began is not known.
    is_before = ibis.coalesce(since_no < rows.record_no - 1, literal(value=True))
    since_no = ifelse(is_before, rows.record_no - 1, since_no)
    is_short = is_before & ibis.coalesce(rows.last_no - since_no <= limit, literal(value=True))
    due_h = ifelse(rows.accrued_h > 0, rows.accrued_h, rows.granted_h)
    from_month = whole(policy, rows.month_id, lambda rev: rev.guardrail("pto_low").settings.whole("from_month"))

    def known(value: Value, of: Value = rows.knows_pto_ledger) -> Value:
        return ifelse(of, value, ibis.null(value.type()))

    rows = rows.mutate(
        clinician_key=rows.person_key,
        is_record_short=rows.run_start_no.notnull() & is_short,
        pto_due_h=known(due_h),
        pto_taken_h=known(rows.taken_h.fill_null(0.0)),
        days_without_leave=known(
            ifelse(rows.run_start_no.notnull() & ~is_short, rows.last_no - since_no, ibis.null("int64")),
            rows.knows_pto_ledger | rows.knows_schedule_block,
        ),
        sick_days=known(rows.sick_days.fill_null(0)),
        sick_days_12m=known(rows.sick_days_12m.fill_null(0)),
    )
    is_away = rows.parental_days > 0
    return rows.mutate(
        pto_used_ratio=ratio(rows.pto_taken_h, ifelse(rows.pto_due_h > 0, rows.pto_due_h, ibis.null("float64"))),
        is_employed=rows.run_start_no.notnull(),
        is_pto_judged=rows.run_start_no.notnull()
        & (rows.month >= from_month)
        & ~ibis.coalesce(is_away, literal(value=False)),
    )


def _ledger(tables: CanonicalTables) -> Table:
    rows = with_person(tables.pto_ledger, tables)
    rows = rows.filter(ibis.coalesce(rows.is_approved, literal(value=True)))
    return rows.select(
        "person_key",
        "kind",
        entry_year=rows.entry_date.year(),
        entry_month=rows.entry_date.month().cast("int64"),
        entry_no=day_number(rows.entry_date),
        hours=rows.hours.abs(),
    )


def _account(rows: Table, ledger: Table) -> Table:
    """Hours of the calendar year to the end of the month. A grant is earned evenly from its month to December."""
    met = rows.select(*_KEYS, "year", "month", "last_no").inner_join(ledger, "person_key")
    met = met.filter((met.entry_year == met.year) & (met.entry_no <= met.last_no))
    earned = (met.month - met.entry_month + 1).cast("float64") / (_MONTHS_PER_YEAR + 1 - met.entry_month).cast(
        "float64"
    )
    met = met.mutate(earned_h=met.hours * earned)
    return met.group_by(*_KEYS).aggregate(
        taken_h=met.hours.sum(where=met.kind == "take"),
        accrued_h=met.hours.sum(where=met.kind == "accrue"),
        granted_h=met.earned_h.sum(where=met.kind == "grant"),
    )


def _last_leave(rows: Table, ledger: Table, tables: CanonicalTables) -> Table:
    """Number of the last day of leave up to the month's end, by the ledger or the calendar."""
    noted = ledger.filter(ledger.kind.isin(_RESTING)).select("person_key", "entry_no")
    days = ibis.union(noted, _planned(tables), distinct=True)
    met = rows.select(*_KEYS, "last_no").inner_join(days, "person_key")
    met = met.filter(met.entry_no <= met.last_no)
    return met.group_by(*_KEYS).aggregate(last_leave_no=met.entry_no.max())


def _recorded(tables: CanonicalTables) -> Table:
    """`record_no` per person: the first day of which a source that counts for the person has an entry about anybody.

    Grants are left out: ledgers date what somebody brings along back to the day of hiring.
    """
    ledger = tables.pto_ledger.filter(tables.pto_ledger.kind != "grant")
    ledger = ledger.select("source", day_no=day_number(ledger.entry_date))
    blocks = tables.schedule_block.filter(tables.schedule_block.kind == "pto")
    blocks = blocks.select("source", day_no=utc_day(seconds(blocks.start_at)))
    days = ibis.union(ledger, blocks)
    begun = tables.person_source.inner_join(days.group_by("source").aggregate(day_no=days.day_no.min()), "source")
    return begun.group_by("person_key").aggregate(record_no=begun.day_no.min())


def _planned(tables: CanonicalTables) -> Table:
    """Every local day that a leave block of the calendar touches, before the first judged week, too."""
    blocks = with_person(tables.schedule_block.filter(tables.schedule_block.kind == "pto"), tables)
    blocks = blocks.inner_join(person(tables), "person_key")
    blocks = blocks.select("person_key", "zone", from_s=seconds(blocks.start_at), to_s=seconds(blocks.end_at))
    days = tables.calendar_day
    days = days.select(
        "zone", day_no=day_number(days.local_date), day_from_s=seconds(days.starts_at), day_to_s=seconds(days.ends_at)
    )
    met = blocks.inner_join(days, "zone")
    met = met.filter((met.day_from_s < met.to_s) & (met.day_to_s > met.from_s))
    return met.select("person_key", entry_no="day_no")


def _sick(rows: Table, ledger: Table) -> Table:
    """Days with sick leave in the month and in the twelve before it; days of parental leave."""
    met = rows.select(*_KEYS, "year", "month", "first_no", "last_no").inner_join(ledger, "person_key")
    months_ago = (met.year - met.entry_year) * _MONTHS_PER_YEAR + met.month - met.entry_month
    met = met.mutate(months_ago=months_ago, is_sick=met.kind == "sick")
    return met.group_by(*_KEYS).aggregate(
        sick_days=met.entry_no.nunique(where=met.is_sick & (met.months_ago == 0)),
        sick_days_12m=met.entry_no.nunique(
            where=met.is_sick & (met.months_ago >= 1) & (met.months_ago <= _MONTHS_PER_YEAR)
        ),
        parental_days=met.entry_no.nunique(where=(met.kind == "parental") & (met.months_ago == 0)),
    )


def _employed(rows: Table, tables: CanonicalTables) -> Table:
    """First day of the continuous employment that holds at the end of the month."""
    runs = employment_runs(employment_of(tables))
    met = rows.select(*_KEYS, "last_no").inner_join(runs, "person_key")
    met = met.filter((met.run_start_no <= met.last_no) & (met.run_end_no >= met.last_no))
    return met.group_by(*_KEYS).aggregate(run_start_no=met.run_start_no.max())


_LEDGER = Input("pto_ledger", ("clinician_key", "entry_date", "hours"), {"kind": ("take",)})
_DUE = (
    Input("pto_ledger", ("clinician_key", "entry_date", "hours"), {"kind": ("accrue",)}),
    Input("pto_ledger", ("clinician_key", "entry_date", "hours"), {"kind": ("grant",)}),
)
_SICK = Input("pto_ledger", ("clinician_key", "entry_date"), {"kind": ("sick",)})
_EMPLOYED = Input("employment", ("clinician_key", "start_date"))
_REST = (_LEDGER, Input("schedule_block", ("clinician_key", "start_at", "end_at"), {"kind": ("pto",)}))
_USED = needs_of(_LEDGER, _DUE, _EMPLOYED)
_RESTED = needs_of(_REST, _EMPLOYED)
_NO_LEDGER = "Null: no PTO ledger knows the person."

LEAVE_MONTH = Mart(
    name="leave_month",
    description="Leave of each clinician: hours taken of what was theirs so far, and days since the last.",
    grain="one row per clinician (a person, across sources) and whole month that has ended and holds a judged week",
    primary_key=("clinician_key", "month_id"),
    restricted=True,
    inputs=(
        "clinician_week",
        "practice",
        "calendar_day",
        "clinician",
        "person_match",
        "location",
        "employment",
        "pto_ledger",
        "schedule_block",
    ),
    steps=(PERSON_MONTH,),
    build=leave_month,
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn("is_employed", "flag", "", "Whether the person is employed on the month's last day."),
        MartColumn(
            "is_pto_judged",
            "flag",
            "",
            "Employed, in a month from policy pto_low.from_month on, and not on parental leave in it.",
        ),
        MartColumn(
            "is_record_short",
            "flag",
            "",
            "Employed since before the person's sources have a first entry about anybody, no grant, without leave in "
            "them, and that is no more than policy no_leave_90d.breach days ago: nobody can tell.",
        ),
        MartColumn(
            "pto_taken_h",
            "number",
            "hours",
            f"Leave taken in the calendar year so far; sick and parental leave are none of it. {_NO_LEDGER}",
            needs=needs_of(_LEDGER),
            rules=("H01",),
        ),
        MartColumn(
            "pto_due_h",
            "number",
            "hours",
            "Leave accrued in the year so far; without any accrual the grants, each earned evenly from its month to "
            "December. Null: no PTO ledger knows the person, or it names neither.",
            needs=needs_of(_DUE),
            rules=("H01",),
        ),
        MartColumn(
            "pto_used_ratio",
            "number",
            "ratio",
            "pto_taken_h / pto_due_h. Null: one is null, or nothing is due.",
            needs=_USED,
            rules=("H01",),
        ),
        MartColumn(
            "days_without_leave",
            "count",
            "days",
            "Days to the month's end since the last day of leave in the ledger (taken, parental) or the calendar, "
            "since the employment began, or since the record of leave did, whichever is latest. Null: not employed "
            "then, neither ledger nor calendar knows the person, or is_record_short.",
            needs=_RESTED,
            rules=("H01",),
        ),
        MartColumn(
            "sick_days",
            "count",
            "days",
            f"Days with sick leave in the month. {_NO_LEDGER}",
            needs=needs_of(_SICK),
            rules=("H12",),
        ),
        MartColumn(
            "sick_days_12m",
            "count",
            "days",
            f"Days with sick leave in the twelve months before. {_NO_LEDGER}",
            needs=needs_of(_SICK),
            rules=("H12",),
        ),
    ),
)

PTO_LOW = band(
    "pto_low",
    mart="leave_month",
    value="pto_used_ratio",
    numerator="pto_taken_h",
    denominator="pto_due_h",
    needs=_USED,
    grain=CLINICIAN_MONTH,
    side="below",
    only="is_pto_judged",
)
NO_LEAVE_90D = band(
    "no_leave_90d",
    mart="leave_month",
    value="days_without_leave",
    needs=_RESTED,
    grain=CLINICIAN_MONTH,
    only="is_employed",
    few="is_record_short",
)
