from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import EhrEventType, EhrTask


class EhrEvent(Entity, table=True):
    """Something a clinician did in the EHR, from its audit log."""

    grain: ClassVar[str] = "one row per logged event"

    event_key: str = column("Key of the event.", key=True)
    clinician_key: str = column("Key of the clinician.")
    at: datetime = instant("When it happened or began, UTC.")
    ended_at: datetime | None = instant("When it ended, UTC.", null="the log has moments only")
    event_type: EhrEventType = coded("What was done.")
    event_type_source_code: str | None = source_code("event_type")
    task_type: EhrTask = coded("What the work was about.")
    task_type_source_code: str | None = source_code("task_type")
    client_key: str | None = column("Key of the client whose record it was.", null="none, or not said")
    action_count: int = column("Actions this entry stands for.", ge=1)
