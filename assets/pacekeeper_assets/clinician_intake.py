"""`clinician_intake`: new clients and those who left, for each clinician and month."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import whole
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.judging import CLINICIAN_MONTH, band
from pacekeeper_assets.people import on_local_day, session_clinician_person, with_client_person, with_person
from pacekeeper_assets.periods import PERSON_MONTH
from pacekeeper_assets.productivity import HELD, PERSON_DAY, PERSON_SOURCE

_MONTH = ["person_key", "month_id"]


def clinician_intake(tables: CanonicalTables, policy: Policy) -> Table:
    rows = tables.person_month
    begun = _new_clients(tables, policy)
    by_month = _within(begun, tables)
    intakes = by_month.group_by(_MONTH).aggregate(intakes_n=by_month.client_key.nunique())
    asked = _within(_with_request(begun, tables), tables)
    matches = asked.group_by(_MONTH).aggregate(
        specialty_asked_n=asked.client_key.nunique(),
        specialty_matched_n=asked.client_key.nunique(where=asked.is_matched),
    )
    for part in (intakes, _discharges(tables), matches):
        rows = rows.left_join(part, _MONTH).drop(*[f"{name}_right" for name in _MONTH])
    rows = with_known(rows, tables, "session", "case_assignment", "clinician_specialty")

    def counted(count: Value, *entities: str) -> Value:
        is_known = literal(value=True)
        for entity in entities:
            is_known &= rows[f"knows_{entity}"]
        return ifelse(is_known, count.fill_null(0), ibis.null("int64"))

    rows = rows.mutate(
        clinician_key=rows.person_key,
        intakes_n=counted(rows.intakes_n, "session"),
        discharges_n=counted(rows.discharges_n, "case_assignment"),
        transfers_out_n=counted(rows.transfers_out_n, "case_assignment"),
        specialty_asked_n=counted(rows.specialty_asked_n, "session"),
        specialty_matched_n=counted(rows.specialty_matched_n, "session", "clinician_specialty"),
    )
    return rows.mutate(
        net_flow=rows.intakes_n - rows.discharges_n,
        match_ratio=rows.specialty_matched_n / rows.specialty_asked_n.nullif(0),
    )


def _within(rows: Table, tables: CanonicalTables) -> Table:
    months = tables.person_month.select("person_key", "month_id", "first_no", "last_no")
    joined = rows.inner_join(months, "person_key")
    return joined.filter((joined.day_no >= joined.first_no) & (joined.day_no <= joined.last_no))


def _new_clients(tables: CanonicalTables, policy: Policy) -> Table:
    """Attended sessions with which a client is new to the clinician: `person_key`, `client_key`, `day_no`, `at_s`.

    An intake, or the first session after policy intake.new_after_days without one. Within so many days of the
    practice's first session nobody can be told to be new but by an intake.
    """
    held = tables.session.filter(tables.session.status.isin(HELD))
    held = held.select(
        "session_key",
        at_s=seconds(held.started_at),
        is_first=held.is_intake | (held.session_type == "intake"),
    )
    places = with_client_person(tables.session_participant.filter(tables.session_participant.attended), tables)
    seen = held.inner_join(session_clinician_person(tables), "session_key")
    seen = seen.inner_join(places.select("session_key", "client_key"), "session_key")
    dated = on_local_day(seen, tables.person_day, at="at_s")
    dated = dated.cross_join(dated.aggregate(begins_no=dated.day_no.min()))
    in_order = ibis.window(group_by=["person_key", "client_key"], order_by=["at_s", "session_key"])
    dated = dated.mutate(before_no=dated.day_no.lag().over(in_order))
    gap = whole(policy, dated.week_id, lambda rev: rev.section("intake").whole("new_after_days"))
    is_new = dated.is_first | (dated.day_no - dated.before_no.coalesce(dated.begins_no) >= gap)
    return dated.filter(is_new).select("person_key", "client_key", "day_no", "at_s")


def _with_request(begun: Table, tables: CanonicalTables) -> Table:
    """New clients whose last request before named a specialty, with `is_matched`: whether the clinician has it."""
    asked = tables.referral
    asked = asked.filter(
        (asked.direction == "in")
        & asked.client_key.notnull()
        & asked.inquiry_at.notnull()
        & (asked.outcome != "entered_in_error")
    )
    asked = with_client_person(asked, tables)
    asked = asked.select("client_key", "referral_key", "requested_specialty", asked_s=seconds(asked.inquiry_at))
    joined = begun.inner_join(asked, "client_key")
    joined = joined.filter(joined.asked_s <= joined.at_s)
    latest = ibis.window(group_by=["person_key", "client_key", "at_s"], order_by=[ibis.desc("asked_s"), "referral_key"])
    joined = joined.mutate(place=ibis.row_number().over(latest))
    last = joined.filter((joined.place == 0) & joined.requested_specialty.notnull())
    offered = with_person(tables.clinician_specialty, tables)
    offered = offered.select(has_key="person_key", has="specialty").distinct()
    found = last.left_join(offered, [last.person_key == offered.has_key, last.requested_specialty == offered.has])
    return found.select("person_key", "client_key", "day_no", is_matched=found.has.notnull())


def _discharges(tables: CanonicalTables) -> Table:
    ended = with_client_person(with_person(tables.case_assignment, tables), tables)
    ended = ended.filter(ended.to_date.notnull())
    ended = ended.select("person_key", "client_key", "end_reason", day_no=day_number(ended.to_date))
    within = _within(ended, tables)
    is_transfer = ibis.coalesce(within.end_reason.isin(["transfer_fit", "transfer_capacity"]), literal(value=False))
    return within.group_by(_MONTH).aggregate(
        discharges_n=within.client_key.nunique(), transfers_out_n=within.client_key.nunique(where=is_transfer)
    )


_SUBJECTS = (Input("clinician", ("clinician_key",)),)
_HELD = Input("session", ("clinician_key", "started_at"), {"status": ("completed",)})
_PLACES = Input("session_participant", ("session_key", "client_key", "attended"))
_ENDED = Input("case_assignment", ("clinician_key", "client_key", "to_date"))
_INTAKES = Needs(subjects=_SUBJECTS, required=((_HELD,), (_PLACES,)))
_LEFT = Needs(subjects=_SUBJECTS, required=((_ENDED,),))
_FLOW = Needs(subjects=_SUBJECTS, required=((_HELD,), (_PLACES,), (_ENDED,)))
_ASKED = Needs(
    subjects=_SUBJECTS,
    required=((_HELD,), (_PLACES,), (Input("referral", ("client_key", "inquiry_at", "requested_specialty")),)),
)
_MATCH = Needs(
    subjects=_SUBJECTS,
    required=(*_ASKED.required, (Input("clinician_specialty", ("clinician_key", "specialty")),)),
)
_NO_SESSIONS = "Null: no source of sessions knows the person."
_NO_CASES = "Null: no source of case assignments knows the person."

CLINICIAN_INTAKE = Mart(
    name="clinician_intake",
    description="Whether new clients make up for those who leave, so that full hours stay full; and whether they were "
    "given to somebody with the specialty they asked for.",
    grain="one row per clinician (a person, across sources) and ended month",
    primary_key=("clinician_key", "month_id"),
    inputs=(
        "practice",
        "clinician",
        "person_match",
        "client_match",
        "clinician_specialty",
        "employment",
        "appointment",
        "referral",
        "session",
        "session_clinician",
        "session_participant",
        "case_assignment",
        "calendar_day",
    ),
    steps=(PERSON_SOURCE, PERSON_DAY, PERSON_MONTH),
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month in the practice's zone."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn(
            "intakes_n",
            "count",
            "clients",
            "Clients new to the clinician: with an intake attended in the month, or a first attended session after "
            f"policy intake.new_after_days or more without one. {_NO_SESSIONS}",
            needs=_INTAKES,
            rules=("T10",),
        ),
        MartColumn(
            "discharges_n",
            "count",
            "clients",
            f"Clients of whom an assignment to the clinician ended in the month, transfers included. {_NO_CASES}",
            needs=_LEFT,
            rules=("T10",),
        ),
        MartColumn(
            "transfers_out_n",
            "count",
            "clients",
            f"Those of discharges_n who went to somebody else for fit or capacity. {_NO_CASES}",
            needs=Needs(
                subjects=_SUBJECTS,
                required=(
                    (_ENDED,),
                    (Input("case_assignment", (), {"end_reason": ("transfer_fit", "transfer_capacity")}),),
                ),
            ),
            rules=("T14",),
        ),
        MartColumn(
            "net_flow",
            "number",
            "clients",
            "intakes_n - discharges_n. Null: one of them is not known.",
            needs=_FLOW,
            rules=("T10",),
        ),
        MartColumn(
            "specialty_asked_n",
            "count",
            "clients",
            f"New clients whose last request before named a specialty. {_NO_SESSIONS}",
            needs=_ASKED,
            rules=("W21",),
        ),
        MartColumn(
            "specialty_matched_n",
            "count",
            "clients",
            "Those of them whose clinician has that specialty. Null: no source of sessions, or none of specialties, "
            "knows the person.",
            needs=_MATCH,
            rules=("W21",),
        ),
        MartColumn(
            "match_ratio",
            "number",
            "ratio",
            "specialty_matched_n / specialty_asked_n. Null: nobody named one, or it is not known.",
            needs=_MATCH,
            rules=("W21",),
        ),
    ),
    build=clinician_intake,
)

INTAKE_FLOW = band(
    "intake_flow",
    mart="clinician_intake",
    value="net_flow",
    side="below",
    grain=CLINICIAN_MONTH,
    needs=_FLOW,
    reach_days=31,
)
