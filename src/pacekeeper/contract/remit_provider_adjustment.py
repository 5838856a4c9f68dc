from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class RemitProviderAdjustment(Entity, table=True):
    """An adjustment of a remittance that belongs to no claim (X12 PLB)."""

    grain: ClassVar[str] = "one row per adjustment"

    provider_adjustment_key: str = column("Key of the adjustment.", key=True)
    remit_key: str = column("Key of the remittance.")
    reason_code: str = column("Reason (X12 PLB03-1).")
    amount_cents: int = column("Amount, cents; positive lowers the payment.")
