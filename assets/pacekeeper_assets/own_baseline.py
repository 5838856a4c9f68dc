"""`own_baseline_month`: sick days and other signs of strain, each clinician against their own months before."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import number
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.judging import CLINICIAN_MONTH, band
from pacekeeper_assets.people import on_local_day, with_person
from pacekeeper_assets.periods import PERSON_MONTH
from pacekeeper_assets.productivity import PERSON_BLOCK, PERSON_SOURCE

_SECTION = "own_limit"
# Limits of an XmR chart: 2.66 mean moving ranges are three standard deviations (as Wheeler gives them).
_SIGMA_PER_RANGE = 2.66 / 3
_BASELINE_MONTHS = 12
_DIGITS = 9
_KEYS = ("clinician_key", "measure", "month_id")
#: Measures, and the entities of which one has to be known.
_KNOWN_BY = {
    "sick_days": ("pto_ledger", "schedule_block"),
    "meetings": ("time_entry",),
    "notes_amended": ("note",),
}


def own_baseline_month(tables: CanonicalTables, policy: Policy) -> Table:
    events = ibis.union(_sick_days(tables), _meetings(tables), _amended(tables))
    months = with_known(tables.person_month, tables, *dict.fromkeys(e for group in _KNOWN_BY.values() for e in group))
    joined = months.select("person_key", "month_id", "first_no", "last_no").inner_join(events, "person_key")
    within = joined.filter((joined.day_no >= joined.first_no) & (joined.day_no <= joined.last_no))
    counted = within.group_by("person_key", "month_id", "measure").aggregate(
        found=within.amount.sum(), unclear_n=within.count(where=within.amount.isnull())
    )
    rows = ibis.union(*[_of_measure(months, measure) for measure in _KNOWN_BY])
    rows = rows.left_join(counted, ["person_key", "month_id", "measure"])
    is_known = rows.is_known & (rows.unclear_n.fill_null(0) == 0)
    rows = rows.select(
        "month_id",
        "month_start_at",
        "month_end_at",
        "measure",
        is_known=is_known,
        clinician_key=rows.person_key,
        value=ifelse(is_known, rows.found.fill_null(0), ibis.null("int64")).cast("float64"),
    )
    rows = rows.mutate(is_sick_days=rows.measure == "sick_days", is_notes_amended=rows.measure == "notes_amended")
    return _against_own_months(rows, policy)


def _of_measure(months: Table, measure: str) -> Table:
    is_known: Value = literal(value=False)
    for entity in _KNOWN_BY[measure]:
        is_known = is_known | months[f"knows_{entity}"]
    return months.select(
        "person_key", "month_id", "month_start_at", "month_end_at", measure=literal(measure), is_known=is_known
    )


def _against_own_months(rows: Table, policy: Policy) -> Table:
    rows = rows.left_join(_before(rows), _KEYS).drop(*(f"{key}_right" for key in _KEYS))
    least = number(policy, rows.month_id, lambda rev: rev.section(_SECTION).number("least_spread"))
    rows = rows.mutate(
        baseline_months_n=ifelse(rows.is_known, rows.known_n.fill_null(0), ibis.null("int64")),
        sigma=ibis.greatest(rows.range_mean.fill_null(0.0) * _SIGMA_PER_RANGE, least),
    )
    return rows.mutate(
        baseline_mean=rows.baseline_mean.round(_DIGITS),
        own_hi=(rows.baseline_mean + 3 * rows.sigma).round(_DIGITS),
        own_sigma=((rows.value - rows.baseline_mean) / rows.sigma).round(_DIGITS),
    )


def _before(rows: Table) -> Table:
    """Of the known months among the twelve calendar months before each known month: number, mean, and mean of the
    differences between one and the next.
    """
    known = rows.filter(rows.is_known).select(*_KEYS, "value")
    known = known.mutate(month_no=known.month_id.year().cast("int64") * 12 + known.month_id.month().cast("int64"))
    earlier = known.select("clinician_key", "measure", earlier_no="month_no", earlier="value")
    met = known.inner_join(earlier, ["clinician_key", "measure"])
    met = met.filter((met.earlier_no < met.month_no) & (met.earlier_no >= met.month_no - _BASELINE_MONTHS))
    in_order = ibis.window(group_by=_KEYS, order_by="earlier_no")
    met = met.mutate(moving_range=(met.earlier - met.earlier.lag().over(in_order)).abs())
    return met.group_by(*_KEYS).aggregate(
        known_n=met.count(), baseline_mean=met.earlier.mean(), range_mean=met.moving_range.mean()
    )


def _events(rows: Table, measure: str, amount: Value | None = None) -> Table:
    amount = literal(1, "int64") if amount is None else amount
    return rows.select("person_key", "day_no", measure=literal(measure), amount=amount)


def _sick_days(tables: CanonicalTables) -> Table:
    """Each day once, whether the ledger or the calendar names it."""
    entries = with_person(tables.pto_ledger.filter(tables.pto_ledger.kind == "sick"), tables)
    entries = entries.filter(ibis.coalesce(entries.is_approved, literal(value=True)) & (entries.hours != 0))
    blocks = tables.person_block.filter(tables.person_block.kind == "sick")
    days = ibis.union(
        entries.select("person_key", day_no=day_number(entries.entry_date)),
        blocks.select("person_key", day_no=blocks.day_no.cast("int64")),
        distinct=True,
    )
    return _events(days, "sick_days")


def _meetings(tables: CanonicalTables) -> Table:
    entries = with_person(tables.time_entry, tables)
    held = entries.filter((entries.kind == "meeting") & entries.cancelled_by.isnull())
    return _events(held.mutate(day_no=day_number(held.entry_date)), "meetings")


def _amended(tables: CanonicalTables) -> Table:
    notes = with_person(tables.note.filter(tables.note.clinician_key.notnull()), tables)
    begun = notes.select("person_key", "amended_count", at_s=seconds(notes.created_at))
    dated = on_local_day(begun, tables.person_day, at="at_s")
    # Null where the source does not count changes: the month is not known then.
    amount = ibis.cases(
        (dated.amended_count > 0, literal(1, "int64")), (dated.amended_count == 0, literal(0, "int64")), else_=None
    )
    return _events(dated, "notes_amended", amount.cast("int64"))


_SUBJECTS = (Input("clinician", ("clinician_key",)),)
_SICK = Needs(
    subjects=_SUBJECTS,
    required=(
        (
            Input("pto_ledger", ("clinician_key", "entry_date", "hours"), {"kind": ("sick",)}),
            Input("schedule_block", ("clinician_key", "start_at", "end_at"), {"kind": ("sick",)}),
        ),
    ),
)
_NOTES = Needs(subjects=_SUBJECTS, required=((Input("note", ("clinician_key", "created_at", "amended_count")),),))
_ANY = Needs(
    subjects=_SUBJECTS,
    required=(
        (
            *_SICK.required[0],
            Input("time_entry", ("clinician_key", "entry_date"), {"kind": ("meeting",)}),
            *_NOTES.required[0],
        ),
    ),
)
_NO_BASELINE = "Null: no month before is known, or the month itself is not."

OWN_BASELINE_MONTH = Mart(
    name="own_baseline_month",
    description="Signs of strain against a clinician's own twelve months before: for a private question, never for "
    "comparing people.",
    grain="one row per clinician (a person, across sources), ended month that holds a judged week of theirs, and "
    "measure",
    primary_key=("clinician_key", "month_id", "measure"),
    inputs=(
        "clinician",
        "person_match",
        "pto_ledger",
        "schedule_block",
        "time_entry",
        "note",
        "calendar_day",
        "practice",
        "appointment",
        "employment",
    ),
    steps=(PERSON_SOURCE, PERSON_MONTH, PERSON_BLOCK),
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month in the practice's zone."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn(
            "measure",
            "text",
            "",
            "sick_days: days with an approved sick entry or a sick block; meetings: time entries of meetings that took "
            "place; notes_amended: notes begun in the month and changed after signing.",
            rules=("H12", "D18"),
        ),
        MartColumn("is_sick_days", "flag", "", "Whether measure is sick_days."),
        MartColumn("is_notes_amended", "flag", "", "Whether measure is notes_amended."),
        MartColumn(
            "value",
            "number",
            "see measure",
            "How many. Null: no source that could tell knows the person, or it does not count changes of notes.",
            needs=_ANY,
            rules=("H12", "D18"),
        ),
        MartColumn(
            "baseline_months_n",
            "count",
            "months",
            "Known months among the twelve calendar months before. Null: the month itself is not known.",
            needs=_ANY,
        ),
        MartColumn("baseline_mean", "number", "see measure", f"Mean of those months. {_NO_BASELINE}", needs=_ANY),
        MartColumn(
            "own_hi",
            "number",
            "see measure",
            "baseline_mean plus 3 sigma; sigma is 2.66 / 3 x the mean moving range of those months, and at least "
            f"policy own_limit.least_spread. {_NO_BASELINE}",
            needs=_ANY,
        ),
        MartColumn(
            "own_sigma",
            "number",
            "standard_deviations",
            f"(value - baseline_mean) / sigma. {_NO_BASELINE}",
            needs=_ANY,
        ),
    ),
    build=own_baseline_month,
)

_REACH_DAYS = 13 * 31

OWN_BASELINE_RAILS = (
    band(
        "sick_days_own_limit",
        mart="own_baseline_month",
        value="own_sigma",
        denominator="baseline_months_n",
        grain=CLINICIAN_MONTH,
        only="is_sick_days",
        needs=_SICK,
        reach_days=_REACH_DAYS,
    ),
    band(
        "notes_amended_own_limit",
        mart="own_baseline_month",
        value="own_sigma",
        denominator="baseline_months_n",
        grain=CLINICIAN_MONTH,
        only="is_notes_amended",
        needs=_NOTES,
        reach_days=_REACH_DAYS,
    ),
)
