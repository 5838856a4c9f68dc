"""`payer_mix`: who pays for the sessions and the money of each clinician and of the practice, by quarter."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.billing import HELD_SESSION, STANDING_CHARGE
from pacekeeper_assets.claim_money import CHARGE_MONEY
from pacekeeper_assets.people import with_client_person
from pacekeeper_assets.periods import PRACTICE_QUARTER
from pacekeeper_assets.practice_facts import needs_of, ratio, with_practice_known

_PRACTICE = "practice"
_KEYS = ("quarter_id", "clinician_key", "payer_class")


def payer_mix(tables: CanonicalTables, policy: Policy) -> Table:
    sessions = _by_subject(_in_quarter(_session_payers(tables), tables))
    held = sessions.group_by(*_KEYS).aggregate(
        sessions_n=sessions.session_key.nunique(), clients_n=sessions.client_key.nunique()
    )
    money = _by_subject(_in_quarter(_money(tables), tables))
    paid = money.group_by(*_KEYS).aggregate(paid=money.paid_cents.sum())
    payers = _in_quarter(_charged(tables), tables)
    keys = ibis.union(
        held.select(*_KEYS),
        _by_subject(payers).select(*_KEYS),
        _claimed(tables).select(*_KEYS),
        distinct=True,
    )
    rows = keys
    for part in (held, paid):
        rows = rows.left_join(part, _KEYS).drop(*(f"{key}_right" for key in _KEYS))
    quarters = tables.practice_quarter.select("quarter_id", "quarter_start_at", "quarter_end_at")
    rows = with_practice_known(rows.inner_join(quarters, "quarter_id"), tables, "session", "payment")
    rows = rows.mutate(
        sessions_n=_known(rows.knows_session, rows.sessions_n),
        clients_n=_known(rows.knows_session, rows.clients_n),
        paid=_known(rows.knows_payment, rows.paid),
    )
    of_all = ibis.window(group_by=["quarter_id", "clinician_key"])
    return rows.mutate(
        sessions_ratio=ratio(rows.sessions_n, rows.sessions_n.sum().over(of_all)),
        paid_ratio=ratio(rows.paid, rows.paid.sum().over(of_all)),
        # A clinician's revenue is no measure of work (rule F11): shares only.
        paid_cents=ifelse(rows.clinician_key == _PRACTICE, rows.paid, ibis.null("int64")),
    )


def _known(is_known: Value, number: Value) -> Value:
    return ifelse(is_known, number.fill_null(0), ibis.null("int64"))


def _by_subject(rows: Table) -> Table:
    """Each row for its clinician, and once more for the practice."""
    whole = rows.mutate(clinician_key=literal(_PRACTICE))
    return ibis.union(rows.filter(rows.clinician_key.notnull()), whole)


def _in_quarter(rows: Table, tables: CanonicalTables) -> Table:
    quarters = tables.practice_quarter.select("quarter_id", "first_no", "last_no")
    met = rows.inner_join(quarters, [rows.day_no >= quarters.first_no, rows.day_no <= quarters.last_no])
    return met.drop("first_no", "last_no", "day_no")


def _session_payers(tables: CanonicalTables) -> Table:
    """One row per held session, person in the room, client and payer: by the charge, else by the client's coverage."""
    sessions = tables.person_session.semi_join(tables.held_session, "session_key")
    room = sessions.select("session_key", "day_no", clinician_key="person_key")
    charged = tables.standing_charge.filter(tables.standing_charge.is_held)
    by_charge = charged.select("session_key", "client_key", "payer_class").distinct()
    places = with_client_person(tables.session_participant.filter(tables.session_participant.attended), tables)
    rest = places.select("session_key", "client_key").anti_join(by_charge, "session_key")
    days = tables.held_session.select("session_key", held_no="day_no")
    insured = _coverage(tables)
    met = rest.inner_join(days, "session_key").inner_join(insured, "client_key")
    met = met.filter(
        ibis.coalesce(met.cover_from_no <= met.held_no, literal(value=True))
        & ibis.coalesce(met.cover_to_no >= met.held_no, literal(value=True))
    )
    primary = ibis.window(
        group_by=["session_key", "client_key"],
        order_by=[
            met.priority.isnull(),
            met.priority,
            met.cover_from_no.isnull(),
            met.cover_from_no.desc(),
            met.payer_class,
        ],
    )
    ranked = met.mutate(place=ibis.row_number().over(primary))
    by_cover = ranked.filter(ranked.place == 0).select("session_key", "client_key", cover_class="payer_class")
    covered = rest.left_join(by_cover, ["session_key", "client_key"])
    covered = covered.select(
        "session_key", "client_key", payer_class=ibis.coalesce(covered.cover_class, literal("unknown"))
    )
    return room.inner_join(ibis.union(by_charge, covered), "session_key")


def _coverage(tables: CanonicalTables) -> Table:
    rows = with_client_person(tables.coverage, tables)
    rows = rows.filter(ibis.coalesce(rows.is_active, literal(value=True)))
    return rows.select(
        "client_key",
        "payer_class",
        "priority",
        cover_from_no=day_number(rows.from_date),
        cover_to_no=day_number(rows.to_date),
    )


def _charged(tables: CanonicalTables) -> Table:
    rows = tables.standing_charge
    return rows.select("payer_class", clinician_key=rows.biller, day_no=rows.service_no)


def _claimed(tables: CanonicalTables) -> Table:
    """Payers of the practice by quarter: of claims for services of the quarter, and of rates in force in it."""
    claims = tables.claim.filter(tables.claim.frequency != "void")
    claims = claims.select(
        "payer_class", day_no=day_number(ibis.coalesce(claims.service_from, claims.service_to, claims.submitted_on))
    )
    rates = tables.payer_contract
    rates = rates.select(
        "payer_class", from_no=day_number(rates.effective_from), to_no=day_number(rates.effective_to)
    ).distinct()
    quarters = tables.practice_quarter.select("quarter_id", "first_no", "last_no")
    agreed = quarters.inner_join(rates, quarters.last_no >= rates.from_no)
    agreed = agreed.filter(ibis.coalesce(agreed.to_no >= agreed.first_no, literal(value=True)))
    found = ibis.union(
        _in_quarter(claims, tables).select("quarter_id", "payer_class"), agreed.select("quarter_id", "payer_class")
    )
    return found.mutate(clinician_key=literal(_PRACTICE))


def _money(tables: CanonicalTables) -> Table:
    """What was paid for each charge, for whoever it was billed under."""
    rows = tables.standing_charge.inner_join(tables.charge_money, "charge_key")
    rows = rows.filter(rows.paid_cents.notnull())
    return rows.select("payer_class", "paid_cents", clinician_key=rows.biller, day_no=rows.service_no)


_HELD = Input("session", ("clinician_key", "started_at", "status"))
_PAYER = (Input("charge", ("session_key", "payer_class")), Input("coverage", ("client_key", "payer_class")))
_FIRST = Input("coverage", ("priority",), without="of several coverages the one that began last pays")
_MIX = needs_of(_HELD, _PAYER, supporting=(_FIRST,))
_PAID = needs_of(
    Input("charge", ("clinician_key", "payer_class", "service_date")),
    Input("payment", ("amount_cents",)),
    (Input("payment", ("charge_key",)), Input("payment", ("claim_key",))),
    supporting=(Input("charge", ("billing_clinician_key",), without="money follows whoever held the session"),),
)

PAYER_MIX = Mart(
    name="payer_mix",
    description="Sessions, clients and money by kind of payer. Sessions follow the person in the room, money the one "
    "billed under; for a clinician the money is a share only.",
    grain="one row per clinician (`practice`: everybody together), ended quarter and kind of payer: of a held "
    "session, of a charge billed under the clinician, and for the practice of a claim, or with a rate in force, too",
    primary_key=("quarter_id", "clinician_key", "payer_class"),
    inputs=(
        "clinician_week",
        "practice",
        "calendar_day",
        "clinician",
        "person_match",
        "client",
        "client_match",
        "appointment",
        "session",
        "session_clinician",
        "session_participant",
        "episode",
        "charge",
        "claim",
        "payment",
        "claim_payment",
        "claim_payment_line",
        "remit_adjustment",
        "coverage",
        "payer_contract",
    ),
    steps=(PRACTICE_QUARTER, HELD_SESSION, STANDING_CHARGE, CHARGE_MONEY),
    build=payer_mix,
    columns=(
        MartColumn("quarter_id", "date", "", "First local day of the quarter."),
        MartColumn("quarter_start_at", "instant", "UTC", "First moment of the quarter."),
        MartColumn("quarter_end_at", "instant", "UTC", "First moment of the next quarter."),
        MartColumn("clinician_key", "text", "", "Key of the person, or `practice`."),
        MartColumn(
            "payer_class", "text", "", "Kind of payer: of the charge, else of the client's primary coverage that day."
        ),
        MartColumn(
            "sessions_n",
            "count",
            "sessions",
            "Held sessions with that payer; a group with several counts once for each. Null: no source of sessions.",
            needs=_MIX,
            rules=("F02",),
        ),
        MartColumn(
            "sessions_ratio",
            "number",
            "ratio",
            "sessions_n / the sum over all kinds of payer. Null: none was held.",
            needs=_MIX,
            rules=("F02",),
        ),
        MartColumn(
            "clients_n",
            "count",
            "clients",
            "Clients behind those sessions. Null as sessions_n.",
            needs=needs_of(_HELD, _PAYER, Input("session_participant", ("session_key", "client_key", "attended"))),
            rules=("F02",),
        ),
        MartColumn(
            "paid_cents",
            "count",
            "cents",
            "Payments for services of the quarter. Null: no source of payments, or the row is a clinician's.",
            needs=_PAID,
            rules=("F02", "F11"),
        ),
        MartColumn(
            "paid_ratio",
            "number",
            "ratio",
            "The part of the clinician's or the practice's payments. Null: nothing was paid, or not known.",
            needs=_PAID,
            rules=("F02",),
        ),
    ),
)
