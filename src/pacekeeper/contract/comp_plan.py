from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import BonusBasis, CompPlanKind, PayBasis
from pacekeeper.contract.entity import Entity, Rule, coded, column, source_code


class CompPlan(Entity, table=True):
    """A way in which the practice pays clinicians."""

    grain: ClassVar[str] = "one row per plan; its tiers are `comp_plan_tier`"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="comp_plan_order",
            column="effective_to",
            message="A compensation plan must not end before it begins.",
            passes=lambda row: row("effective_to") >= row("effective_from"),
        ),
    )

    comp_plan_key: str = column("Key of the plan.", key=True)
    kind: CompPlanKind = coded("Kind of plan.")
    kind_source_code: str | None = source_code("kind")
    basis: PayBasis | None = coded("What pay is counted by.", null="not said")
    basis_source_code: str | None = source_code("basis")
    share: float | None = column(
        "The clinician's part of what `basis` counts, 0 to 1.", null="no single share, or not said", ge=0, le=1
    )
    bonus_basis: BonusBasis | None = coded("What a bonus depends on.", null="not said")
    bonus_basis_source_code: str | None = source_code("bonus_basis")
    effective_from: date | None = column("First day, local.", null="not said")
    effective_to: date | None = column("Last day, local, inclusive.", null="still in force, or not said")
