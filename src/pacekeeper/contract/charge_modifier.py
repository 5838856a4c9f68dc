from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class ChargeModifier(Entity, table=True):
    """A modifier of a billed procedure."""

    grain: ClassVar[str] = "one row per charge and position"

    charge_key: str = column("Key of the charge.", key=True)
    position: int = column("Position, 1 to 4.", key=True, ge=1, le=4)
    modifier: str = column("Modifier code.")
