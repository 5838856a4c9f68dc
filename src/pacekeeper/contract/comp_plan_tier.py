from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, Rule, column


class CompPlanTier(Entity, table=True):
    """A step of a tiered plan, such as 60 % for the 21st to 25th session of a week."""

    grain: ClassVar[str] = "one row per plan and step"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="tier_order",
            column="to_sessions",
            message="A pay tier must not end before it begins.",
            passes=lambda row: row("to_sessions") >= row("from_sessions"),
        ),
    )

    comp_plan_key: str = column("Key of the plan.", key=True)
    from_sessions: int = column("First session of a week it pays, from 1.", key=True, ge=1)
    to_sessions: int | None = column("Last session of a week it pays, inclusive.", null="the top tier", ge=1)
    share: float = column("The clinician's part, 0 to 1.", ge=0, le=1)
