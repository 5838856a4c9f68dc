"""Charge, charge_modifier and payment from FT1."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, ifelse, literal, reason
from pacekeeper_connectors.hl7v2.connector import Hl7v2
from pacekeeper_connectors.hl7v2.fold import in_order, not_current
from pacekeeper_connectors.hl7v2.sessions import known_visits

_PAYMENTS = ("payment", "copayment")


def _charges(raw: RawTables) -> Table:
    """Transactions with `type`, and of charges `refusal` and `is_voided`: a later credit has the same number."""
    t = raw.transaction
    t = t.mutate(type=raw.value_map("transaction_type", t.kind))
    t = t.mutate(is_charge=t.type == "charge")
    t = t.mutate(number=t.charge + ifelse(t.is_charge, "#charge", "#other"))
    t = in_order(t, "number")
    is_credit = t.type == "credit"
    same = expr.window(group_by=[t.charge])
    t = t.mutate(credited_at=ifelse(is_credit, t.sent_at, expr.null("timestamp('UTC')")).max().over(same))
    return t.mutate(
        is_voided=(t.credited_at >= t.sent_at).fill_null(False),  # noqa: FBT003  a value
        refusal=reason(
            (t.type == "unknown", "unknown_transaction_type"),
            (~t.is_charge, t.type),
            *not_current(t),
        ),
    )


@Hl7v2.maps("charge", of="transaction")
def charge(raw: RawTables) -> Table:
    """One row per charge (FT1-6 CG); voided by a later credit (CD) of the same number."""
    t = _charges(raw)
    known = known_visits(raw)
    t = t.left_join(known, t.visit == known.known_visit)
    return t.select(
        charge_key=t.charge,
        session_key=t.known_session,
        client_key=t.client,
        clinician_key=t.clinician,
        service_date=t.service_date,
        procedure_code=t.procedure,
        units=t.units.cast("float64"),
        charge_cents=t.amount_cents,
        currency=t.currency,
        payer_class=raw.value_map("payer_class", t.plan),
        payer_class_source_code=t.plan,
        status=ifelse(t.is_voided, "voided", "billed"),
        out_of_scope=t.refusal,
    )


@Hl7v2.maps("charge_modifier", of="transaction_modifier")
def charge_modifier(raw: RawTables) -> Table:
    """Modifiers of the charges that stand."""
    c = _charges(raw).select(parent_row="row_key", parent_charge="charge", parent_refusal="refusal")
    m = raw.transaction_modifier
    t = m.left_join(c, m.parent_key == c.parent_row)
    return t.select(
        charge_key=t.parent_charge,
        position=t.position,
        modifier=t.modifier,
        out_of_scope=t.parent_refusal,
    )


@Hl7v2.maps("payment", of="transaction")
def payment(raw: RawTables) -> Table:
    """One row per payment (FT1-6 PY) and co-payment (CO). Negative where money went back."""
    t = raw.transaction
    t = t.mutate(type=raw.value_map("transaction_type", t.kind))
    t = t.mutate(is_payment=t.type.isin(_PAYMENTS))
    t = t.mutate(number=t.payment + ifelse(t.is_payment, "#payment", "#other"))
    t = in_order(t, "number")
    is_copayment = t.type == "copayment"
    return t.select(
        payment_key=t.payment,
        posted_on=t.posted_on.coalesce(t.service_date),
        amount_cents=t.amount_cents,
        currency=t.currency,
        payment_source=ifelse(is_copayment, "client", raw.value_map("payment_source", t.transaction_code)),
        payment_source_source_code=ifelse(is_copayment, t.kind, t.transaction_code),
        client_key=t.client,
        is_reversal=t.amount_cents < literal(0),
        out_of_scope=reason(
            (t.type == "unknown", "unknown_transaction_type"), (~t.is_payment, t.type), *not_current(t)
        ),
    )
