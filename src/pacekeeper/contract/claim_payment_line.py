from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class ClaimPaymentLine(Entity, table=True):
    """How a payer processed one service line."""

    grain: ClassVar[str] = "one row per line of a claim payment"

    payment_line_key: str = column("Key of the line.", key=True)
    claim_payment_key: str = column("Key of the claim's processing.")
    line_no: int = column("Position in the claim payment, from 1.", ge=1)
    procedure_code: str | None = column("CPT or HCPCS code.", null="not said")
    service_date: date | None = column("Day of service, local.", null="not said")
    units: float | None = column("Units paid.", null="not said")
    charge_cents: int = column("Amount charged, cents.")
    paid_cents: int = column("Amount paid, cents; negative in a reversal.")
    allowed_cents: int | None = column("Amount the payer allows, cents.", null="not said")
    line_control_key: str | None = column("Key of the line, by the practice's own control number.", null="not said")
