from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import ChargeStatus, PayerClass
from pacekeeper.contract.entity import Entity, coded, column, source_code


class Charge(Entity, table=True):
    """A service that was billed."""

    grain: ClassVar[str] = "one row per billed service line"

    charge_key: str = column("Key of the charge.", key=True)
    claim_key: str | None = column("Key of the claim it is on.", null="not claimed, or not linked")
    session_key: str | None = column("Key of the session.", null="not linked")
    client_key: str | None = column("Key of the client.", null="not linked")
    clinician_key: str | None = column("Key of the rendering clinician.", null="not said")
    billing_clinician_key: str | None = column("Key of the clinician billed under.", null="the same, or not said")
    service_date: date = column("Day of service, local.")
    procedure_code: str | None = column("CPT or HCPCS code.", null="not said")
    place_of_service: str | None = column("CMS place-of-service code.", null="not said")
    units: float | None = column("Units billed.", null="not said", ge=0)
    charge_cents: int = column("Amount charged, cents.")
    currency: str = column("Currency, three letters.")
    payer_class: PayerClass = coded("Kind of payer.")
    payer_class_source_code: str | None = source_code("payer_class")
    status: ChargeStatus = coded("Whether it stands.")
    appointment_key: str | None = column("Key of the appointment, as of a no-show fee.", null="not linked")
    service_line: str | None = column("The practice's own code of the service line.", null="not said; the episode's")
    contract_code: str | None = column("The practice's own code of the payer's contract.", null="not said")
