from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import ClaimEventStatus
from pacekeeper.contract.entity import Entity, coded, column, source_code


class ClaimEvent(Entity, table=True):
    """What a payer or clearing house said about a claim before it was paid."""

    grain: ClassVar[str] = "one row per status report"

    claim_event_key: str = column("Key of the report.", key=True)
    claim_key: str = column("Key of the claim.")
    reported_on: date | None = column("Day it was said.", null="not said")
    status: ClaimEventStatus = coded("State of the claim.")
    status_source_code: str | None = source_code("status")
    detail_code: str | None = column("Status code beside the category (X12 code list 508).", null="not said")
