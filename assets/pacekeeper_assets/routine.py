"""`routine_month`: what a practice owes its clinicians every month, its quarterly review, and what it tries."""

from __future__ import annotations

from pacekeeper.expr import Table, Value, coalesce, ifelse, literal, null
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.judging import PRACTICE_MONTH as BY_MONTH
from pacekeeper_assets.judging import band
from pacekeeper_assets.people import person, with_person
from pacekeeper_assets.periods import PERSON_MONTH, PRACTICE_MONTH

_DIGITS = 9
#: What a quarterly review looks at together.
_PACKS = ("outcomes", "wellbeing", "caseload", "finance")
_TRAINING = ("training", "ce")
_MINUTES_PER_HOUR = 60.0


def routine_month(tables: CanonicalTables, policy: Policy) -> Table:
    rows = tables.practice_month
    for part in (_reports(tables), _packs(tables), _training(tables), _experiments(tables)):
        rows = rows.left_join(part, "month_id").drop("month_id_right")
    reads = tables.source_completeness
    was_read = reads.complete_through.notnull()
    rows = rows.cross_join(
        reads.aggregate(
            reports_maps_n=reads.count(where=was_read & (reads.entity == "report_delivery")),
            experiments_maps_n=reads.count(where=was_read & (reads.entity == "experiment")),
            entries_maps_n=reads.count(where=was_read & (reads.entity == "time_entry")),
        )
    )

    def counted(count: Value, maps_n: Value) -> Value:
        return ifelse(maps_n > 0, count.fill_null(0), null("int64"))

    rows = rows.mutate(
        clinicians_n=rows.clinicians_n.fill_null(0),
        own_reports_n=counted(rows.own_reports_n, rows.reports_maps_n),
        review_packs_n=counted(rows.review_packs_n, rows.reports_maps_n),
        training_paid_h=ifelse(rows.entries_maps_n > 0, rows.training_paid_h.fill_null(0.0), null("float64")),
        experiments_n=counted(rows.experiments_n, rows.experiments_maps_n),
        undecided_n=counted(rows.undecided_n, rows.experiments_maps_n),
    )
    return rows.mutate(own_report_ratio=(rows.own_reports_n / rows.clinicians_n.nullif(0)).round(_DIGITS))


def _reports(tables: CanonicalTables) -> Table:
    """Per month: clinicians who see clients, and those of them who got their own numbers in it."""
    sees_clients = (
        person(tables).filter(lambda t: coalesce(t.is_client_facing, literal(value=True))).select("person_key")
    )
    active = tables.person_month.select("person_key", "month_id", "month_start_at", "month_end_at")
    active = active.semi_join(sees_clients, "person_key")
    given = with_person(tables.report_delivery.filter(tables.report_delivery.clinician_key.notnull()), tables)
    given = given.filter(given.kind == "own_data").select("person_key", "delivered_at")
    joined = active.left_join(given, "person_key").drop("person_key_right")
    is_given = (joined.delivered_at >= joined.month_start_at) & (joined.delivered_at < joined.month_end_at)
    return joined.group_by("month_id").aggregate(
        clinicians_n=joined.person_key.nunique(),
        own_reports_n=joined.person_key.nunique(where=coalesce(is_given, literal(value=False))),
    )


def _packs(tables: CanonicalTables) -> Table:
    """Per month: kinds of the quarterly review that were handed over since the quarter began."""
    months = tables.practice_month.select("month_id", "quarter", "month_start_at", "month_end_at")
    begun = months.group_by("quarter").aggregate(quarter_start_at=months.month_start_at.min())
    given = tables.report_delivery.filter(tables.report_delivery.kind.isin(_PACKS)).select("kind", "delivered_at")
    joined = months.inner_join(begun, "quarter").cross_join(given)
    held = joined.filter((joined.delivered_at >= joined.quarter_start_at) & (joined.delivered_at < joined.month_end_at))
    return held.group_by("month_id").aggregate(review_packs_n=held.kind.nunique())


def _training(tables: CanonicalTables) -> Table:
    """Per month: paid hours of training and continuing education of all clinicians."""
    entries = tables.time_entry
    entries = entries.filter(entries.kind.isin(_TRAINING) & coalesce(entries.is_paid, literal(value=False)))
    entries = with_person(entries.select("clinician_key", "minutes", day_no=day_number(entries.entry_date)), tables)
    months = tables.practice_month.select("month_id", "first_no", "last_no")
    joined = months.inner_join(entries, [months.first_no <= entries.day_no, months.last_no >= entries.day_no])
    return joined.group_by("month_id").aggregate(training_paid_h=joined.minutes.sum() / _MINUTES_PER_HOUR)


def _experiments(tables: CanonicalTables) -> Table:
    tried = tables.experiment
    tried = tried.select(
        "experiment_key",
        is_declared=tried.declared_on < tried.after_from,
        is_decided=tried.decision.notnull() & (tried.decision != "unknown"),
        from_no=day_number(tried.after_from),
        to_no=day_number(tried.after_to),
    )
    months = tables.practice_month.select("month_id", "first_no", "last_no")
    joined = months.inner_join(tried, months.last_no >= tried.from_no)
    runs = joined.is_declared & (joined.to_no >= joined.first_no)
    return joined.group_by("month_id").aggregate(
        experiments_n=joined.count(where=runs),
        undecided_n=joined.count(where=(joined.to_no < joined.first_no) & ~joined.is_decided),
    )


_REPORTS = Needs(
    required=(
        (Input("clinician", ("clinician_key",)),),
        (Input("report_delivery", ("clinician_key", "delivered_at"), {"kind": ("own_data",)}),),
    )
)
_CLINICIANS = Needs(required=((Input("clinician", ("clinician_key",)),),))
_TRIED = Needs(required=((Input("experiment", ("after_from", "after_to", "declared_on")),),))
_NOT_READ = "Null: no source of experiments was read."

ROUTINE_MONTH = Mart(
    name="routine_month",
    description="Whether clinicians got their own numbers in a month, and whether something was tried.",
    grain="one row per ended month",
    primary_key=("month_id",),
    inputs=(
        "practice",
        "clinician",
        "person_match",
        "location",
        "employment",
        "appointment",
        "calendar_day",
        "report_delivery",
        "time_entry",
        "experiment",
    ),
    steps=(PRACTICE_MONTH, PERSON_MONTH),
    columns=(
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month in the practice's zone."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn(
            "clinicians_n",
            "count",
            "clinicians",
            "Persons with a judged week that begins in the month, those who see no clients left out.",
            needs=_CLINICIANS,
        ),
        MartColumn(
            "own_reports_n",
            "count",
            "clinicians",
            "Those to whom a report of their own data was handed over in the month. "
            "Null: no source of deliveries was read.",
            needs=_REPORTS,
            rules=("U19",),
        ),
        MartColumn(
            "own_report_ratio",
            "number",
            "ratio",
            "own_reports_n / clinicians_n. Null: as own_reports_n, or there were no clinicians.",
            needs=_REPORTS,
            rules=("U19",),
        ),
        MartColumn(
            "review_packs_n",
            "count",
            "reports",
            "Kinds of report among outcomes, wellbeing, caseload and finance that were handed over since the quarter "
            "began; 4 is the whole review. Null: no source of deliveries was read.",
            needs=Needs(required=((Input("report_delivery", ("kind", "delivered_at")),),)),
            rules=("O11",),
        ),
        MartColumn(
            "training_paid_h",
            "number",
            "hours",
            "Paid hours of training and continuing education of all clinicians. Null: no source of time entries read.",
            needs=Needs(
                required=((Input("time_entry", ("entry_date", "minutes", "is_paid"), {"kind": ("training",)}),),)
            ),
            rules=("H10",),
        ),
        MartColumn(
            "experiments_n",
            "count",
            "experiments",
            "Experiments whose window after touches the month, declared before that window began. " + _NOT_READ,
            needs=_TRIED,
            rules=("H17",),
        ),
        MartColumn(
            "undecided_n",
            "count",
            "experiments",
            "Experiments whose window after ended in an earlier month, about which nothing is decided. " + _NOT_READ,
            needs=Needs(required=((Input("experiment", ("after_to", "decision")),),)),
            rules=("H17",),
        ),
    ),
    build=routine_month,
)

ROUTINE_RAILS = (
    band(
        "own_data_report",
        mart="routine_month",
        value="own_report_ratio",
        numerator="own_reports_n",
        denominator="clinicians_n",
        side="below",
        grain=BY_MONTH,
        needs=_REPORTS,
    ),
    band(
        "monthly_experiment",
        mart="routine_month",
        value="experiments_n",
        side="below",
        grain=BY_MONTH,
        needs=_TRIED,
    ),
)
