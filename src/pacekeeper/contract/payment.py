from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import PaymentSource
from pacekeeper.contract.entity import Entity, coded, column, source_code


class Payment(Entity, table=True):
    """Money posted."""

    grain: ClassVar[str] = "one row per posting"

    payment_key: str = column("Key of the posting.", key=True)
    posted_on: date = column("Day it was posted, local.")
    amount_cents: int = column("Amount, cents; negative where money went back.")
    currency: str = column("Currency, three letters.")
    payment_source: PaymentSource = coded("Who paid.")
    payment_source_source_code: str | None = source_code("payment_source")
    client_key: str | None = column("Key of the client.", null="not linked")
    claim_key: str | None = column("Key of the claim.", null="not linked")
    charge_key: str | None = column("Key of the charge.", null="not linked")
    is_reversal: bool = column("Whether it takes an earlier posting back.")
    reversal_of_key: str | None = column("Key of that posting.", null="no reversal, or not said")
