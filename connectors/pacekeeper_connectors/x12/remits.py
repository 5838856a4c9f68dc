"""Remit, claim_payment with lines and adjustments, and payment, from 835 remittances."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, cents, literal, null, reason
from pacekeeper_connectors.x12.connector import X12
from pacekeeper_connectors.x12.lookup import CURRENCY, client_of_claim

_NOT_A_DENIAL = "none"


@X12.maps("remit", of="remit")
def remit(raw: RawTables) -> Table:
    """is_balanced: BPR02 = sum of CLP04 less the PLB amounts, to the cent."""
    t = raw.remit
    return t.select(
        remit_key=t.id,
        paid_on=t.paid_on,
        amount_cents=cents(t.amount),
        currency=literal(CURRENCY),
        method_code=t.method,
        adjusted_cents=cents(t.adjusted_total),
        is_balanced=cents(t.amount) == cents(t.paid_total) - cents(t.adjusted_total),
        out_of_scope=null("string"),
    )


@X12.maps("remit_provider_adjustment", of="remit_provider_adjustment")
def remit_provider_adjustment(raw: RawTables) -> Table:
    t = raw.remit_provider_adjustment
    return t.select(
        provider_adjustment_key=t.row_key,
        remit_key=t.parent_key,
        reason_code=t.reason,
        amount_cents=cents(t.amount),
        out_of_scope=null("string"),
    )


@X12.maps("claim_payment", of="claim_payment")
def claim_payment(raw: RawTables) -> Table:
    """Client and clinician are the remittance's own where it names them, else the claim's."""
    t = _payments(raw)
    return t.select(
        claim_payment_key=t.id,
        remit_key=t.remit,
        claim_key=t.claim,
        client_key=t.client_key,
        clinician_key=expr.coalesce(t.clinician, t.claim_clinician),
        status=t.state,
        status_source_code=t.status,
        payer_class=raw.value_map("payer_class", t.filing),
        payer_class_source_code=t.filing,
        charge_cents=cents(t.charge),
        paid_cents=cents(t.paid),
        patient_responsibility_cents=cents(t.patient_responsibility),
        service_from=t.service_from,
        service_to=t.service_to,
        out_of_scope=null("string"),
    )


@X12.maps("claim_payment_line", of="claim_payment_line")
def claim_payment_line(raw: RawTables) -> Table:
    t = raw.claim_payment_line
    return t.select(
        payment_line_key=t.row_key,
        claim_payment_key=t.parent_key,
        line_no=t.line_no,
        procedure_code=t.procedure,
        service_date=t.service_date,
        units=t.units.cast("float64"),
        charge_cents=cents(t.charge),
        paid_cents=cents(t.paid),
        allowed_cents=cents(t.allowed),
        line_control_key=t.control,
        out_of_scope=null("string"),
    )


@X12.maps("remit_adjustment", of="claim_adjustment")
def remit_adjustment_of_claim(raw: RawTables) -> Table:
    a = raw.claim_adjustment
    payments = _payments(raw).select("state", payment_row="row_key")
    t = a.left_join(payments, a.parent_key == payments.payment_row)
    return _adjustment(raw, t, payment=t.parent_key, line=null("string"), level="claim")


@X12.maps("remit_adjustment", of="line_adjustment")
def remit_adjustment_of_line(raw: RawTables) -> Table:
    a = raw.line_adjustment
    lines = raw.claim_payment_line.select(line_row="row_key", line_payment="parent_key")
    payments = _payments(raw).select("state", payment_row="row_key")
    t = a.left_join(lines, a.parent_key == lines.line_row)
    t = t.left_join(payments, t.line_payment == payments.payment_row)
    return _adjustment(raw, t, payment=t.line_payment, line=t.parent_key, level="line")


@X12.maps("payment", of="claim_payment")
def payment(raw: RawTables) -> Table:
    """Money of a payer for one claim, on the day the remittance was paid. Claims of which nothing is paid post none.

    A reversal takes back the latest earlier payment for the same claim with the opposite amount.
    """
    t = _payments(raw)
    t = t.mutate(amount=cents(t.paid), is_reversal=t.state == "reversal")
    earlier = t.filter(~t.is_reversal & (t.amount != 0)).select(
        taken_key="id", taken_claim="claim", taken_amount="amount", taken_on="paid_on"
    )
    back = t.filter(t.is_reversal)
    found = back.join(
        earlier,
        [
            back.claim == earlier.taken_claim,
            back.amount == -earlier.taken_amount,
            back.paid_on >= earlier.taken_on,
        ],
    )
    latest = expr.window(group_by=found.id, order_by=[found.taken_on.desc(), found.taken_key])
    found = found.mutate(rank_of_taken=expr.row_number().over(latest))
    found = found.filter(found.rank_of_taken == 0).select(reversal="id", reversal_of="taken_key")
    t = t.left_join(found, t.id == found.reversal)
    return t.select(
        payment_key=t.id,
        posted_on=t.paid_on,
        amount_cents=t.amount,
        currency=literal(CURRENCY),
        payment_source=literal("payer"),
        client_key=t.client_key,
        claim_key=t.claim,
        is_reversal=t.is_reversal,
        reversal_of_key=t.reversal_of,
        out_of_scope=reason((t.amount == 0, "nothing_paid")),
    )


def _payments(raw: RawTables) -> Table:
    """Processed claims with state, paid_on of their remittance, client_key and claim_clinician."""
    t = raw.claim_payment
    remits = raw.remit.select("paid_on", remit_id="id")
    t = t.left_join(remits, t.remit == remits.remit_id)
    claims = client_of_claim(raw)
    t = t.left_join(claims, t.claim == claims.known_claim)
    return t.mutate(
        state=raw.value_map("claim_payment_status", t.status),
        client_key=expr.coalesce(t.claim_client, t.client),
    )


def _adjustment(raw: RawTables, t: Table, *, payment: Value, line: Value, level: str) -> Table:
    """denial_family: null in a reversal, for a price or a share of the client's, and for a correction."""
    group = raw.value_map("adjustment_group", t.group)
    family = raw.value_map("denial_family", t.reason)
    family = expr.cases((family == "unknown", "other"), (family == _NOT_A_DENIAL, null("string")), else_=family)
    share = raw.value_map("patient_share_denial", t.reason).nullif("unknown")
    denial = expr.cases(
        (t.state == "reversal", null("string")),
        (group == "patient", share),
        (group.isin(["contractual", "other", "payer"]), family),
        else_=null("string"),
    )
    return t.select(
        adjustment_key=t.row_key,
        claim_payment_key=payment,
        payment_line_key=line,
        level=literal(level),
        group_code=group,
        group_code_source_code=t.group,
        carc=t.reason,
        amount_cents=cents(t.amount),
        quantity=t.quantity.cast("float64"),
        denial_family=denial,
        out_of_scope=null("string"),
    )
