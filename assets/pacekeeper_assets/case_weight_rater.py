"""`case_weight_rater`: how weights are spread, by clinician and by who or what rates."""

from __future__ import annotations

from pacekeeper.expr import Table, literal
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.casepoints import rated
from pacekeeper_assets.people import with_person
from pacekeeper_assets.periods import PERSON_MONTH

_WEIGHTS = (1, 2, 3)


def case_weight_rater(tables: CanonicalTables, policy: Policy) -> Table:
    months = tables.person_month
    cases = with_person(tables.case_assignment, tables)
    cases = cases.select(
        "person_key", "episode_key", from_no=day_number(cases.from_date), to_no=day_number(cases.to_date)
    )
    joined = months.select("person_key", "month_id", "month_start_at", "month_end_at", "last_no").inner_join(
        cases, "person_key"
    )
    is_open = (joined.from_no <= joined.last_no) & (joined.to_no.isnull() | (joined.to_no >= joined.last_no))
    held = joined.filter(is_open).drop("from_no", "to_no").distinct()
    rows = rated(held, tables, by=["person_key", "month_id", "episode_key"])
    rows = rows.mutate(method=rows.method.coalesce(literal("unrated")))
    counts = rows.group_by(
        "month_id", "month_start_at", "month_end_at", "method", clinician_key=rows.person_key
    ).aggregate(
        cases_n=rows.count(),
        mean_weight=rows.weight.mean(),
        **{f"weight{weight}_n": rows.count(where=rows.weight == weight) for weight in _WEIGHTS},
    )
    rated_n = sum(counts[f"weight{weight}_n"] for weight in _WEIGHTS)
    return counts.mutate(weight3_ratio=counts.weight3_n / rated_n.nullif(0))


_NEEDS = Needs(
    subjects=(Input("clinician", ("clinician_key",)),),
    required=(
        (Input("case_assignment", ("clinician_key", "episode_key", "from_date")),),
        (Input("case_weight", ("episode_key", "effective_from", "weight", "method")),),
    ),
)

CASE_WEIGHT_RATER = Mart(
    name="case_weight_rater",
    description="How the open cases of each clinician at a month's end are weighed, by who or what rated them.",
    grain="one row per clinician (a person, across sources), ended month of the practice that holds a judged week of "
    "theirs, and method of rating",
    primary_key=("clinician_key", "month_id", "method"),
    inputs=("case_assignment", "case_weight", "clinician", "person_match", "practice", "calendar_day"),
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person whose cases they are: `person_match.person_key`."),
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month in the practice's zone."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month in the practice's zone."),
        MartColumn("method", "text", "", "clinician, supervisor, rule or unknown; unrated where nobody rated."),
        MartColumn("cases_n", "count", "episodes", "Open episodes on the month's last day.", _NEEDS, ("W06",)),
        *(
            MartColumn(f"weight{weight}_n", "count", "episodes", f"Those rated {weight}.", _NEEDS, ("W06",))
            for weight in _WEIGHTS
        ),
        MartColumn("weight3_ratio", "number", "ratio", "weight3_n / rated. Null: none is rated.", _NEEDS, ("W08",)),
        MartColumn("mean_weight", "number", "points", "Mean weight of the rated. Null: none is rated.", _NEEDS),
    ),
    steps=(PERSON_MONTH,),
    build=case_weight_rater,
)
