from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import PayerClass
from pacekeeper.contract.entity import Entity, coded, column, source_code


class MemberMonth(Entity, table=True):
    """How many members a payer paid a fixed amount for in a month, and how much."""

    grain: ClassVar[str] = "one row per month and contract, or payer where no contract is named"

    member_month_key: str = column("Key of the row.", key=True)
    month: date = column("First day of the month.")
    payer_class: PayerClass = coded("Kind of payer.")
    payer_class_source_code: str | None = source_code("payer_class")
    contract_code: str | None = column("The practice's own code of the contract.", null="not said")
    members_n: int = column("Members.", ge=0)
    revenue_cents: int = column("What the payer paid for them, cents; negative where money went back.")
    currency: str = column("Currency, three letters.")
