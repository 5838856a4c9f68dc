from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class Remit(Entity, table=True):
    """A payer's remittance: one payment with its explanation."""

    grain: ClassVar[str] = "one row per remittance"

    remit_key: str = column("Key of the remittance.", key=True)
    paid_on: date | None = column("Day of payment.", null="not said")
    amount_cents: int = column("Amount paid, cents (X12 BPR02).")
    currency: str = column("Currency, three letters.")
    method_code: str | None = column("Payment method (X12 BPR04).", null="not said")
    adjusted_cents: int = column("Sum of adjustments that belong to no claim, cents; positive lowers the payment.")
    is_balanced: bool = column("Whether the amount equals the claims' payments less the adjustments.")
