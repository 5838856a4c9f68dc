from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.care_vocabulary import AlertActionKind
from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import StaffRole


class AlertAction(Entity, table=True):
    """Something that was done about a clinical alert."""

    grain: ClassVar[str] = "one row per action"

    action_key: str = column("Key of the action.", key=True)
    alert_key: str = column("Key of the alert.")
    acted_at: datetime = instant("When it was done, UTC.")
    actor_role: StaffRole | None = coded("Role of who did it.", null="not said")
    actor_role_source_code: str | None = source_code("actor_role")
    action: AlertActionKind = coded("What was done.")
    action_source_code: str | None = source_code("action")
    session_key: str | None = column("Key of the session it was done in.", null="in none, or not linked")
