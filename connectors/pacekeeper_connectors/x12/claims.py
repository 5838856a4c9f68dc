"""Claim, claim_event, charge and charge_modifier, from 837P claims and 277CA acknowledgements.

A claim that was sent again under the same number is one claim: the latest submission holds.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, cents, literal, null, reason
from pacekeeper_connectors.x12.connector import X12
from pacekeeper_connectors.x12.lookup import CURRENCY, submissions

_SENT_AGAIN = "sent_again_later"
#: SV103 of a quantity in units; MJ counts minutes.
_UNITS = "UN"


@X12.maps("claim", of="claim")
def claim(raw: RawTables) -> Table:
    t = submissions(raw)
    return t.select(
        claim_key=t.claim,
        client_key=t.client,
        clinician_key=t.clinician,
        payer_class=raw.value_map("payer_class", t.filing),
        payer_class_source_code=t.filing,
        frequency=raw.value_map("claim_frequency", t.frequency),
        frequency_source_code=t.frequency,
        original_claim_key=t.original_claim,
        submitted_on=t.submitted_on,
        service_from=t.service_from,
        service_to=t.service_to,
        place_of_service=t.place,
        charge_cents=cents(t.charge),
        currency=literal(CURRENCY),
        out_of_scope=reason((~t.is_latest, _SENT_AGAIN)),
    )


@X12.maps("claim_event", of="claim_status")
def claim_event(raw: RawTables) -> Table:
    """What was said about whole claims; statuses of batches and of single lines are out of scope."""
    t = raw.claim_status
    return t.select(
        claim_event_key=t.id,
        claim_key=t.claim,
        reported_on=t.said_on,
        status=raw.value_map("claim_event_status", t.category),
        status_source_code=t.category,
        detail_code=t.status,
        out_of_scope=reason((t.level == "batch", "about_a_batch"), (t.level == "line", "about_a_line")),
    )


@X12.maps("charge", of="claim_line")
def charge(raw: RawTables) -> Table:
    """One row per line of a claim's latest submission; voided where the claim is a void, or was replaced by another."""
    t = _lines(raw)
    is_void = raw.value_map("claim_frequency", t.frequency) == "void"
    clinician = expr.coalesce(t.clinician, t.claim_clinician)
    return t.select(
        charge_key=t.row_key,
        claim_key=t.claim,
        client_key=t.client,
        clinician_key=clinician,
        billing_clinician_key=(t.billing_clinician != clinician).ifelse(t.billing_clinician, null("string")),
        service_date=t.service_from,
        procedure_code=t.procedure,
        place_of_service=t.place,
        units=(t.unit == _UNITS).ifelse(t.units.cast("float64"), null("float64")),
        charge_cents=cents(t.charge),
        currency=literal(CURRENCY),
        payer_class=raw.value_map("payer_class", t.filing),
        payer_class_source_code=t.filing,
        status=(is_void | t.replaced_claim.notnull()).ifelse("voided", "billed"),
        out_of_scope=reason((~t.is_latest, _SENT_AGAIN)),
    )


@X12.maps("charge_modifier", of="claim_line_modifier")
def charge_modifier(raw: RawTables) -> Table:
    m = raw.claim_line_modifier
    lines = _lines(raw).select(line_key="row_key", is_latest="is_latest")
    t = m.left_join(lines, m.parent_key == lines.line_key)
    return t.select(
        charge_key=t.parent_key,
        position=t.position,
        modifier=t.code,
        out_of_scope=reason((~t.is_latest, _SENT_AGAIN)),
    )


def _lines(raw: RawTables) -> Table:
    """Lines with what their claim says; replaced_claim: set where another claim replaces or voids this one."""
    claims = submissions(raw)
    originals = claims.filter(claims.is_latest & claims.original_claim.notnull())
    replaced = originals.select(replaced_claim="original_claim").distinct()
    of_claim = claims.select(
        "claim",
        "client",
        "filing",
        "frequency",
        "billing_clinician",
        "is_latest",
        claim_row="row_key",
        claim_clinician="clinician",
    )
    t = raw.claim_line
    t = t.left_join(of_claim, t.parent_key == of_claim.claim_row)
    return t.left_join(replaced, t.claim == replaced.replaced_claim)
