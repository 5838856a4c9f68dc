"""Charges with their session, service line and people, and the money of claims shared out among their charges."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import crosswalk, with_client_person
from pacekeeper_assets.productivity import HELD, PERSON_SESSION

UNKNOWN_LINE = "unknown"


def held_session(tables: CanonicalTables) -> Table:
    """One row per held session: local day (`day_no`), ends, type and `service_line`."""
    own = tables.person_session.filter(tables.person_session.status.isin(HELD))
    days = own.group_by("session_key").aggregate(
        day_no=own.day_no.min(), from_s=own.from_s.min(), to_s=own.to_s.max(), session_type=own.session_type.min()
    )
    episodes = tables.episode.select("episode_key", episode_line="service_line")
    places = tables.session_participant.inner_join(episodes, "episode_key")
    lines = places.group_by("session_key").aggregate(episode_line=places.episode_line.min())
    named = tables.session.select("session_key", own_line="service_line")
    found = days.inner_join(named, "session_key").left_join(lines, "session_key")
    line = ibis.coalesce(found.own_line, found.episode_line, literal(UNKNOWN_LINE))
    return found.mutate(service_line=line).drop("session_key_right", "own_line", "episode_line")


def standing_charge(tables: CanonicalTables) -> Table:
    """One row per charge that is not voided.

    `session_key`: the one it names, else the one its appointment was kept by, else a held session of the client on the
    day of service. `is_missed_fee`: its appointment was missed or cancelled, so that it is no session whatever its code
    says. `renderer`, `biller`: persons; the biller is the renderer where nobody else is named.
    """
    charges = tables.charge.filter(tables.charge.status != "voided")
    charges = with_client_person(charges.mutate(service_no=day_number(charges.service_date)), tables)
    seats = tables.appointment.select("appointment_key", seat_status="status")
    found = charges.left_join(seats, "appointment_key").drop("appointment_key_right")
    by_seat = tables.session.filter(tables.session.appointment_key.notnull())
    by_seat = by_seat.group_by("appointment_key").aggregate(seat_session=by_seat.session_key.min())
    found = found.left_join(by_seat, "appointment_key").drop("appointment_key_right")
    found = _with_session_of_day(found, tables)
    is_missed_fee = ibis.coalesce(found.seat_status.isin(["no_show", "cancelled"]), literal(value=False))
    found = found.mutate(
        is_missed_fee=is_missed_fee,
        session_key=ifelse(
            is_missed_fee,
            ibis.null("string"),
            ibis.coalesce(found.session_key, found.seat_session, found.day_session),
        ),
    )
    lines = tables.held_session.select("session_key", session_line="service_line")
    found = found.left_join(lines, "session_key").drop("session_key_right")
    found = _with_people(found, tables)
    return found.select(
        "charge_key",
        "claim_key",
        "session_key",
        "client_key",
        "service_no",
        "procedure_code",
        "units",
        "charge_cents",
        "payer_class",
        "contract_code",
        "is_missed_fee",
        "renderer",
        "biller",
        is_held=found.session_line.notnull(),
        service_line=ibis.coalesce(found.service_line, found.session_line, literal(UNKNOWN_LINE)),
    )


def _with_session_of_day(charges: Table, tables: CanonicalTables) -> Table:
    places = with_client_person(tables.session_participant.filter(tables.session_participant.attended), tables)
    seen = places.select("session_key", "client_key").inner_join(
        tables.held_session.select("session_key", "day_no"), "session_key"
    )
    seen = seen.group_by("client_key", "day_no").aggregate(day_session=seen.session_key.min())
    joined = charges.left_join(seen, [charges.client_key == seen.client_key, charges.service_no == seen.day_no])
    return joined.drop("client_key_right", "day_no")


def _with_people(charges: Table, tables: CanonicalTables) -> Table:
    links = crosswalk(tables)
    renderers = links.select(renderer_record="clinician_key", renderer="person_key")
    billers = links.select(biller_record="clinician_key", named_biller="person_key")
    found = charges.left_join(renderers, charges.clinician_key == renderers.renderer_record)
    found = found.left_join(billers, found.billing_clinician_key == billers.biller_record)
    return found.mutate(biller=ibis.coalesce(found.named_biller, found.renderer))


def charge_money(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per charge: what was paid, allowed and adjusted by group, whole cents.

    Money posted for a whole claim is shared out by what its charges asked; the parts add up to it exactly.
    Adjustments and allowed amounts are those of the first payer: later payers repeat them.
    """
    charges = tables.standing_charge.select("charge_key", "claim_key", "charge_cents")
    direct = tables.payment.semi_join(charges, "charge_key")
    paid_direct = direct.group_by("charge_key").aggregate(paid_cents=direct.amount_cents.sum())
    posted = tables.payment.anti_join(charges, "charge_key")
    posted = posted.group_by("claim_key").aggregate(amount=posted.amount_cents.sum())
    parts = [
        _column(paid_direct, "paid_cents", paid_direct.paid_cents),
        *(
            _column(shared, name, shared.amount)
            for name, amounts in {"paid_cents": posted, **_claim_amounts(tables)}.items()
            for shared in (_shared_out(charges, amounts),)
        ),
    ]
    rows = ibis.union(*parts)
    return rows.group_by("charge_key").aggregate(**{name: rows[name].sum() for name in MONEY})


MONEY = ("paid_cents", "allowed_cents", "contractual_cents", "denied_cents", "patient_cents", "other_cents")


def _column(rows: Table, name: str, amount: Value) -> Table:
    return rows.select(
        charge_key=rows.charge_key,
        **{column: amount.cast("int64") if column == name else ibis.null("int64") for column in MONEY},
    )


def _claim_amounts(tables: CanonicalTables) -> dict[str, Table]:
    """`claim_key` and `amount` of allowed money and of each group of adjustments."""
    processed = tables.claim_payment
    processed = processed.filter(
        processed.status.isin(["primary", "forwarded", "denied", "reversal"]) & processed.claim_key.notnull()
    )
    processed = processed.select("claim_payment_key", "claim_key")
    lines = tables.claim_payment_line.inner_join(processed, "claim_payment_key")
    allowed = lines.group_by("claim_key").aggregate(amount=lines.allowed_cents.sum())
    adjusted = tables.remit_adjustment.inner_join(processed, "claim_payment_key")
    is_contract = adjusted.group_code == "contractual"
    kinds = {
        "contractual_cents": is_contract & adjusted.denial_family.isnull(),
        "denied_cents": adjusted.denial_family.notnull() & (adjusted.group_code != "patient"),
        "patient_cents": adjusted.group_code == "patient",
        "other_cents": ~is_contract & (adjusted.group_code != "patient") & adjusted.denial_family.isnull(),
    }
    sums = {
        name: adjusted.filter(condition).group_by("claim_key").aggregate(amount=adjusted.amount_cents.sum())
        for name, condition in kinds.items()
    }
    return {"allowed_cents": allowed.filter(allowed.amount.notnull()), **sums}


def _shared_out(charges: Table, amounts: Table) -> Table:
    """`charge_key` and its part of `amount`, in proportion to the charge; equal parts where all charges are 0."""
    per_claim = ibis.window(group_by="claim_key")
    weighed = charges.filter(charges.claim_key.notnull())
    weighed = weighed.mutate(asked=weighed.charge_cents.sum().over(per_claim))
    weighed = weighed.mutate(weight=ifelse(weighed.asked == 0, literal(1, "int64"), weighed.charge_cents))
    so_far = ibis.window(group_by="claim_key", order_by="charge_key", rows=(None, 0))
    weighed = weighed.mutate(upto=weighed.weight.sum().over(so_far), whole=weighed.weight.sum().over(per_claim))
    met = weighed.inner_join(amounts, "claim_key")

    def until(part: Value) -> Value:
        return (met.amount.cast("float64") * part.cast("float64") / met.whole.cast("float64") + 0.5).floor()

    return met.select("charge_key", amount=(until(met.upto) - until(met.upto - met.weight)).cast("int64"))


def unlinked_payment(tables: CanonicalTables) -> Table:
    """Money that meets no standing charge, by neither charge nor claim: `posted_no` and `amount_cents`."""
    charges = tables.standing_charge
    rest = tables.payment.anti_join(charges, "charge_key")
    claims = charges.filter(charges.claim_key.notnull()).select("claim_key").distinct()
    rest = rest.anti_join(claims, "claim_key")
    return rest.select("amount_cents", posted_no=day_number(rest.posted_on))


HELD_SESSION = Step("held_session", lambda tables, policy: held_session(tables), (PERSON_SESSION,))
STANDING_CHARGE = Step("standing_charge", lambda tables, policy: standing_charge(tables), (HELD_SESSION,))
CHARGE_MONEY = Step("charge_money", charge_money, (STANDING_CHARGE,))
