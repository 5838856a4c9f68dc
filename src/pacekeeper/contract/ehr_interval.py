from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa

from pacekeeper.contract.entity import Entity, coded, column, instant
from pacekeeper.contract.work_vocabulary import EhrTask


class EhrInterval(Entity, table=True):
    """A stretch of work in the EHR on one kind of task."""

    grain: ClassVar[str] = "one row per clinician, start and task type; cut at the practice's midnight"
    derived: ClassVar[bool] = True

    clinician_key: str = column("Key of the clinician record.", key=True)
    started_at: datetime = column("Start, UTC.", key=True, sa_type=sa.DateTime(timezone=True))
    ended_at: datetime = instant("End, UTC; equal to the start where nothing tells how long the work took.")
    task_type: EhrTask = coded("What the work was about.", key=True)
    active_min: float = column(
        "Active minutes: recorded time, and gaps up to the idle timeout; 0 for a lone entry.", ge=0
    )
    events_n: int = column("Log entries that began in it, alike ones counted once.", ge=0)
