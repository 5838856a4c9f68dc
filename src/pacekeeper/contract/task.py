from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import TaskStatus, Urgency


class Task(Entity, table=True):
    """A piece of work on somebody's list."""

    grain: ClassVar[str] = "one row per task"

    task_key: str = column("Key of the task.", key=True)
    clinician_key: str | None = column("Key of the clinician who owns it.", null="nobody in particular, or a team")
    client_key: str | None = column("Key of the client it is about.", null="not linked")
    about_key: str | None = column("Key of the record it is about.", null="not said")
    kind: str | None = column("The source's own code of its kind.", null="not said")
    status: TaskStatus = coded("State of the task.")
    status_source_code: str | None = source_code("status")
    priority: Urgency = coded("How soon it is wanted.")
    priority_source_code: str | None = source_code("priority")
    authored_at: datetime | None = instant("When it was made, UTC.", null="not said")
    started_at: datetime | None = instant("When work on it began, UTC.", null="not begun, or not said")
    ended_at: datetime | None = instant("When work on it ended, UTC.", null="not ended, or not said")
    source_updated_at: datetime | None = instant("Last change, as the source says, UTC.", null="not said")
