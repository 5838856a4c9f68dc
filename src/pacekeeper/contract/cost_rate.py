from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, Rule, column


class CostRate(Entity, table=True):
    """Direct cost of a service line; cost per session and cost per hour add up where both are there."""

    grain: ClassVar[str] = "one row per service line and first day"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="cost_rate_order",
            column="effective_to",
            message="A cost rate must not end before it begins.",
            passes=lambda row: row("effective_to") >= row("effective_from"),
        ),
    )

    cost_rate_key: str = column("Key of the rate.", key=True)
    service_line: str = column("The practice's own code of the service line, as episodes have it.")
    session_cost_cents: int | None = column("Cost of one session, cents.", null="costs are counted by the hour", ge=0)
    hour_cost_cents: int | None = column(
        "Cost of one session hour, cents.", null="costs are counted by the session", ge=0
    )
    currency: str = column("Currency, three letters.")
    effective_from: date = column("First day, local.")
    effective_to: date | None = column("Last day, local, inclusive.", null="still in force")
