from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, Rule, column


class PayPeriod(Entity, table=True):
    """What a clinician was paid for a period."""

    grain: ClassVar[str] = "one row per clinician record and pay period"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="pay_period_order",
            column="period_end",
            message="A pay period must not end before it begins.",
            passes=lambda row: row("period_end") >= row("period_start"),
        ),
    )

    pay_key: str = column("Key of the payment of wages.", key=True)
    clinician_key: str = column("Key of the clinician record.")
    period_start: date = column("First day, local.")
    period_end: date = column("Last day, local, inclusive.")
    pay_cents: int = column("Gross pay, cents.")
    currency: str = column("Currency, three letters.")
    comp_plan_key: str | None = column("Key of the plan it was paid under.", null="not said")
