from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import ClaimFrequency, PayerClass
from pacekeeper.contract.entity import Entity, coded, column, source_code


class Claim(Entity, table=True):
    """A claim as it was submitted."""

    grain: ClassVar[str] = "one row per claim"

    claim_key: str = column("Key of the claim; the payer's answers carry the same.", key=True)
    client_key: str | None = column("Key of the client.", null="not linked")
    clinician_key: str | None = column("Key of the rendering clinician.", null="not said")
    payer_class: PayerClass = coded("Kind of payer.")
    payer_class_source_code: str | None = source_code("payer_class")
    frequency: ClaimFrequency = coded("New, or in place of an earlier claim.")
    frequency_source_code: str | None = source_code("frequency")
    original_claim_key: str | None = column("Key of the claim it replaces or voids.", null="it is new, or not said")
    submitted_on: date | None = column("Day it was submitted.", null="not said")
    service_from: date | None = column("First day of service, local.", null="not said")
    service_to: date | None = column("Last day of service, local.", null="not said")
    place_of_service: str | None = column("CMS place-of-service code.", null="not said")
    charge_cents: int = column("Total charge, cents.")
    currency: str = column("Currency, three letters.")
