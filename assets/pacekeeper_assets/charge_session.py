"""Which session a charge is for that names only its client and the day of service."""

from __future__ import annotations

from collections.abc import Sequence

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import crosswalk, with_client_person

#: Kind of session that a code is billed for.
KIND_OF_CODE = {
    **dict.fromkeys(("90791", "90792"), "intake"),
    **dict.fromkeys(("90832", "90834", "90837", "90845"), "individual"),
    **dict.fromkeys(("90846", "90847"), "family"),
    **dict.fromkeys(("90849", "90853"), "group"),
    "90839": "crisis",
    **dict.fromkeys(("96130", "96131", "96132", "96133", "96136", "96137", "96138", "96139"), "testing"),
    **dict.fromkeys(("99202", "99203", "99204", "99205", "99212", "99213", "99214", "99215"), "medication"),
}
#: Sessions of which each client who attended has a charge of their own.
PER_CLIENT = ("group", "iop")
_DAY = ("client_key", "day_no")
#: What a charge and its session have in common, the best first.
_FACTS = ((*_DAY, "kind", "person"), (*_DAY, "kind"), (*_DAY, "person"), _DAY)


def day_session(tables: CanonicalTables, policy: Policy) -> Table:
    """`charge_key` and `day_session`, for charges that name no session and whose client attended one on the day.

    Of several sessions each charge gets one of its own, by code and renderer, by code, by renderer, else in the order
    in which they began. Where none is left, and for codes billed beside another, the session of the same claim, of the
    same kind, of the same renderer, or the first.
    """
    named = _with_kind(tables.named_charge.rename(person="renderer", day_no="service_no"), policy)
    loose = named.filter(named.session_key.isnull() & ~named.is_missed_fee & named.client_key.notnull())
    loose = loose.drop("session_key")
    places = _places(tables, named)
    only = places.filter(places.places_n == 1).select(*_DAY, day_session="session_key")
    only = loose.inner_join(only, _DAY).select("charge_key", "day_session")

    places = places.filter(places.places_n > 1)
    loose = loose.semi_join(places, _DAY)
    own = _one_each(loose.filter(loose.has_own), places.filter(~places.is_taken))
    placed = loose.inner_join(own, "charge_key").select("claim_key", session_key="day_session")
    known = named.filter(named.session_key.notnull()).select("claim_key", "session_key")
    rest = _beside(loose.anti_join(own, "charge_key"), places, ibis.union(placed, known))
    return ibis.union(only, own, rest)


def _with_kind(charges: Table, policy: Policy) -> Table:
    """With `kind` of session its code is billed for, and `has_own`: whether it is billed once for a session."""
    section = policy.latest.section("billing")
    beside = [code for name in ("session_addons", "monthly_codes", "bundle_codes") for code in section.words(name)]
    kind = charges.procedure_code.cases(*KIND_OF_CODE.items(), else_=ibis.null("string"))
    return charges.mutate(kind=kind, has_own=~ibis.coalesce(charges.procedure_code.isin(beside), literal(value=False)))


def _places(tables: CanonicalTables, named: Table) -> Table:
    """One row per client and held session they attended; `is_taken`: a charge that has one of its own names it."""
    seen = with_client_person(tables.session_participant.filter(tables.session_participant.attended), tables)
    seen = seen.select("session_key", "client_key").distinct()
    held = tables.held_session.select("session_key", "day_no", "from_s", "session_type")
    links = crosswalk(tables).select("clinician_key", person="person_key")
    charge_of = tables.session.select("session_key", "clinician_key").left_join(links, "clinician_key")
    rows = seen.inner_join(held, "session_key").left_join(charge_of.select("session_key", "person"), "session_key")
    rows = rows.drop("session_key_right")
    kind = rows.session_type.cases(("couple", "family"), ("iop", "group"), else_=rows.session_type)
    rows = rows.mutate(kind=kind, places_n=rows.count().over(ibis.window(group_by=_DAY)))

    own = named.filter(named.has_own & named.session_key.notnull())
    of_all = own.group_by("session_key").aggregate(charges_n=own.count())
    of_client = own.group_by("session_key", "client_key").aggregate(own_n=own.count())
    rows = rows.left_join(of_all, "session_key").drop("session_key_right")
    rows = rows.left_join(of_client, ["session_key", "client_key"]).drop("session_key_right", "client_key_right")
    charged = ifelse(rows.session_type.isin(PER_CLIENT), rows.own_n, rows.charges_n)
    return rows.mutate(is_taken=charged.notnull()).drop("own_n", "charges_n", "session_type")


def _one_each(charges: Table, places: Table) -> Table:
    """`charge_key` and `day_session`: no place twice, whoever has most in common first."""
    found = []
    for by in _FACTS:
        met = _in_turn(charges, by, ["charge_key"]).inner_join(
            _in_turn(places, by, ["from_s", "session_key"]).select(*by, "turn", "session_key"), [*by, "turn"]
        )
        met = met.select("charge_key", "client_key", "session_key")
        charges = charges.anti_join(met, "charge_key")
        places = places.anti_join(met, ["client_key", "session_key"])
        found.append(met.select("charge_key", day_session="session_key"))
    return ibis.union(*found)


def _in_turn(rows: Table, by: Sequence[str], order: Sequence[str]) -> Table:
    return rows.mutate(turn=ibis.row_number().over(ibis.window(group_by=by, order_by=order)))


def _beside(charges: Table, places: Table, known: Table) -> Table:
    """`charge_key` and `day_session` of charges that share one. known: sessions by claim."""
    known = known.filter(known.claim_key.notnull()).distinct().mutate(is_known=literal("yes"))
    met = charges.inner_join(
        places.select(*_DAY, "session_key", "from_s", place_kind="kind", place_person="person"), _DAY
    )
    met = met.left_join(known, ["claim_key", "session_key"]).drop("claim_key_right", "session_key_right")

    def first(condition: Value) -> Value:
        return ifelse(ibis.coalesce(condition, literal(value=False)), 0, 1)

    best = ibis.window(
        group_by="charge_key",
        order_by=[
            first(met.is_known.notnull()),
            first(met.kind == met.place_kind),
            first(met.person == met.place_person),
            met.from_s,
            met.session_key,
        ],
    )
    met = met.mutate(turn=ibis.row_number().over(best))
    return met.filter(met.turn == 0).select("charge_key", day_session="session_key")
