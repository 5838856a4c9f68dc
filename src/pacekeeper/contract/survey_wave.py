from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class SurveyWave(Entity, table=True):
    """Whom a staff survey asked."""

    grain: ClassVar[str] = "one row per wave and team"

    wave_key: str = column("Key of the wave.", key=True)
    team_key: str = column("Key of the team.", key=True)
    invited_n: int = column("People invited.", ge=0)
    opens_on: date = column("First day, local.")
    closes_on: date = column("Last day, local.")
