from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import ClaimPaymentStatus, PayerClass
from pacekeeper.contract.entity import Entity, coded, column, source_code


class ClaimPayment(Entity, table=True):
    """How a payer processed a claim, once."""

    grain: ClassVar[str] = "one row per claim in a remittance"

    claim_payment_key: str = column("Key of this processing.", key=True)
    remit_key: str | None = column("Key of the remittance.", null="the source names none")
    claim_key: str | None = column("Key of the claim, by the practice's own number.", null="not said")
    client_key: str | None = column("Key of the client.", null="not linked")
    clinician_key: str | None = column("Key of the rendering clinician.", null="not said")
    status: ClaimPaymentStatus = coded("How it was processed.")
    status_source_code: str | None = source_code("status")
    payer_class: PayerClass = coded("Kind of payer.")
    payer_class_source_code: str | None = source_code("payer_class")
    charge_cents: int = column("Amount charged, cents.")
    paid_cents: int = column("Amount paid, cents; negative in a reversal.")
    patient_responsibility_cents: int | None = column("What the client owes, cents.", null="not said")
    service_from: date | None = column("First day of service, local.", null="not said")
    service_to: date | None = column("Last day of service, local.", null="not said")
