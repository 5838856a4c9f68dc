from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class StaffSurveyResponse(Entity, table=True):
    """An anonymous answer to a staff survey; nothing leads to the person."""

    grain: ClassVar[str] = "one row per answer sheet"

    response_token: str = column("Token of the answer sheet; says nothing about who filled it in.", key=True)
    wave_key: str = column("Key of the wave.")
    team_key: str = column("Key of the team.")
    instrument: str = column("Code of the instrument.")
    submitted_week: date = column("Monday of the week it was handed in; no finer time is kept.")
