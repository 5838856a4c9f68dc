"""What several mappings ask: money in cents, reasons, and which submission of a claim holds."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, null

CURRENCY = "USD"


def submissions(raw: RawTables) -> Table:
    """Claims as submitted, with `is_latest` (of those with one number) and `original_claim`.

    original_claim: the claim that a replacement or a void is about, known by the payer's number for it; null where no
    remittance has told that number, and where it is the claim's own.
    """
    t = raw.claim
    newest = [t.submitted_on.desc(nulls_first=False), t.submitted_at.desc(nulls_first=False), t.position.desc(), t.id]
    t = t.mutate(is_latest=expr.row_number().over(expr.window(group_by=t.claim, order_by=newest)) == 0)
    p = raw.claim_payment.filter(raw.claim_payment.payer_claim.notnull())
    told = p.group_by(told_payer_claim="payer_claim").agg(told_claim=p.claim.min())
    t = t.left_join(told, t.original_payer_claim == told.told_payer_claim)
    is_other = t.told_claim != t.claim
    return t.mutate(original_claim=is_other.ifelse(t.told_claim, null("string"))).drop("told_payer_claim", "told_claim")


def client_of_claim(raw: RawTables) -> Table:
    """One row per claim: known_claim, claim_client; of the latest submission."""
    t = submissions(raw)
    return t.filter(t.is_latest).select(known_claim="claim", claim_client="client", claim_clinician="clinician")
