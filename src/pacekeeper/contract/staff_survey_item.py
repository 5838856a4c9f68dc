from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class StaffSurveyItem(Entity, table=True):
    """One answer of an anonymous answer sheet."""

    grain: ClassVar[str] = "one row per answer sheet and item"

    response_token: str = column("Token of the answer sheet.", key=True)
    item: str = column("Code of the item.", key=True)
    value: float = column("Answer, as the instrument scores it.")
