from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import AdjustmentGroup, AdjustmentLevel, DenialFamily
from pacekeeper.contract.entity import Entity, coded, column, source_code


class RemitAdjustment(Entity, table=True):
    """Why a payer paid less than was charged."""

    grain: ClassVar[str] = "one row per reason at a claim or one of its lines"

    adjustment_key: str = column("Key of the adjustment.", key=True)
    claim_payment_key: str = column("Key of the claim's processing.")
    payment_line_key: str | None = column("Key of the line.", null="it is about the whole claim")
    level: AdjustmentLevel = coded("About the claim or a line.")
    group_code: AdjustmentGroup = coded("Who bears it.")
    group_code_source_code: str | None = source_code("group_code")
    carc: str = column("Claim adjustment reason code.")
    amount_cents: int = column("Amount, cents; positive lowers the payment.")
    quantity: float | None = column("Units adjusted.", null="not said")
    denial_family: DenialFamily | None = coded("Kind of denial.", null="the reason is no denial")
