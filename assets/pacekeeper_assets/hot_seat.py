"""`hot_seat_quarter`: whether the days on the hot seat, who answers what comes in, are shared fairly."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, ifelse, literal
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.state import Reason
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.judging import CLINICIAN_QUARTER, band
from pacekeeper_assets.people import with_person
from pacekeeper_assets.periods import PRACTICE_QUARTER

_KEYS = ("person_key", "week_id")


def hot_seat_week(tables: CanonicalTables) -> Table:
    """Per person and week: `hot_seat_days`, and `hot_seat_expected_days`, the team's days x the person's share of FTE.

    A team is what clinical supervision names; who is in none shares with the others who are in none. An FTE that is not
    known is 1. Who sees no clients, or is not employed in the week, takes no turns.
    """
    blocks = tables.person_block.filter(tables.person_block.kind == "hot_seat")
    there = tables.work_day.filter(tables.work_day.planned_s > tables.work_day.off_s)
    held = blocks.select(*_KEYS, "day_no").distinct().semi_join(there, [*_KEYS, "day_no"])
    held = held.group_by(*_KEYS).aggregate(held_n=held.count())
    weeks = tables.clinician_week
    pool = weeks.select("week_id", "is_client_facing", "fte", "evaluability_reason", person_key="clinician_key")
    pool = pool.left_join(_team(pool, tables), list(_KEYS)).drop("person_key_right", "week_id_right")
    pool = pool.left_join(held, list(_KEYS)).drop("person_key_right", "week_id_right")
    takes_turns = ibis.coalesce(pool.is_client_facing, literal(value=True)) & ibis.coalesce(
        pool.evaluability_reason != Reason.OUTSIDE_EMPLOYMENT.value, literal(value=True)
    )
    pool = pool.mutate(
        held_n=pool.held_n.fill_null(0),
        turns=ifelse(takes_turns, pool.fte.fill_null(1.0), 0.0),
        team=pool.team_key.coalesce(literal("")),
    )
    of_team = ibis.window(group_by=["team", "week_id"])
    pool = pool.mutate(team_days=pool.held_n.sum().over(of_team), team_turns=pool.turns.sum().over(of_team))
    return pool.select(
        *_KEYS,
        hot_seat_days=pool.held_n,
        hot_seat_expected_days=pool.team_days * pool.turns / pool.team_turns.nullif(0.0),
    )


def _team(weeks: Table, tables: CanonicalTables) -> Table:
    """The team of a person on a week's first day; of several, the first by key."""
    links = tables.supervision_link
    links = with_person(links.filter((links.kind == "clinical") & links.team_key.notnull()), tables)
    links = links.select(
        "person_key", "team_key", from_no=day_number(links.valid_from), to_no=day_number(links.valid_to)
    )
    met = weeks.select(*_KEYS, first_no=day_number(weeks.week_id)).inner_join(links, "person_key")
    met = met.filter((met.from_no <= met.first_no) & (met.to_no.isnull() | (met.to_no >= met.first_no)))
    return met.group_by(*_KEYS).aggregate(team_key=met.team_key.min())


def hot_seat_quarter(tables: CanonicalTables, policy: Policy) -> Table:
    weeks = tables.schedule_design_week
    weeks = weeks.select("clinician_key", "hot_seat_days", "hot_seat_expected_days", week_no=day_number(weeks.week_id))
    quarters = tables.practice_quarter
    joined = weeks.inner_join(quarters, [weeks.week_no >= quarters.first_no, weeks.week_no <= quarters.last_no])
    rows = joined.group_by("clinician_key", "quarter_id", "quarter_start_at", "quarter_end_at").aggregate(
        hot_seat_days=joined.hot_seat_days.sum(), expected_days=joined.hot_seat_expected_days.sum()
    )
    rows = rows.mutate(fairness_ratio=rows.hot_seat_days / rows.expected_days.nullif(0.0))
    return rows.mutate(
        imbalance_ratio=(rows.fairness_ratio - 1.0).abs(), has_turns=rows.expected_days.fill_null(0.0) > 0
    )


HOT_SEAT_NEEDS = Needs(
    subjects=(Input("clinician", ("clinician_key",)),),
    required=((Input("schedule_block", ("clinician_key", "start_at", "end_at"), {"kind": ("hot_seat",)}),),),
    supporting=(
        Input("employment", ("clinician_key", "start_date", "fte"), without="everybody's share is the same"),
        Input("supervision_link", ("clinician_key", "team_key", "valid_from"), without="the practice is one team"),
    ),
)

HOT_SEAT_QUARTER = Mart(
    name="hot_seat_quarter",
    description="Days on the hot seat against a fair share, in every ended quarter.",
    grain="one row per clinician (a person, across sources) and ended quarter in which a judged week of theirs begins",
    primary_key=("clinician_key", "quarter_id"),
    inputs=("schedule_design_week",),
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("quarter_id", "date", "", "First local day of the quarter."),
        MartColumn("quarter_start_at", "instant", "UTC", "First moment of the quarter in the practice's zone."),
        MartColumn("quarter_end_at", "instant", "UTC", "First moment of the next quarter in the practice's zone."),
        MartColumn(
            "hot_seat_days",
            "count",
            "days",
            "schedule_design_week.hot_seat_days of the weeks that begin in the quarter. Null: not known in any.",
            HOT_SEAT_NEEDS,
            ("W17",),
        ),
        MartColumn(
            "expected_days",
            "number",
            "days",
            "schedule_design_week.hot_seat_expected_days of those weeks. Null: not known in any.",
            HOT_SEAT_NEEDS,
            ("W17",),
        ),
        MartColumn(
            "fairness_ratio",
            "number",
            "ratio",
            "hot_seat_days / expected_days. Null: no turn is expected.",
            HOT_SEAT_NEEDS,
            ("W17",),
        ),
        MartColumn(
            "imbalance_ratio",
            "number",
            "ratio",
            "How far fairness_ratio is from 1, either way. Null: no turn is expected.",
            HOT_SEAT_NEEDS,
            ("W17",),
        ),
        MartColumn("has_turns", "flag", "", "Whether any turn is expected of the clinician."),
    ),
    steps=(PRACTICE_QUARTER,),
    build=hot_seat_quarter,
)

HOT_SEAT_FAIRNESS = band(
    "hot_seat_fairness",
    mart="hot_seat_quarter",
    value="imbalance_ratio",
    numerator="hot_seat_days",
    denominator="expected_days",
    grain=CLINICIAN_QUARTER,
    only="has_turns",
    needs=HOT_SEAT_NEEDS,
)
