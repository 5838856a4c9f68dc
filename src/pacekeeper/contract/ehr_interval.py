from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from pacekeeper.contract.entity import Entity, Rule, coded, column, instant
from pacekeeper.contract.work_vocabulary import EhrTask


def _does_not_end_before_it_begins(row: Callable[[str], Any]) -> Any:  # Any: a Polars or an Ibis expression
    return row("ended_at") >= row("started_at")


class EhrInterval(Entity, table=True):
    """A stretch of work in the EHR on one kind of task."""

    grain: ClassVar[str] = "one row per clinician, start and task type; cut at the practice's midnight"
    derived: ClassVar[bool] = True
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="interval_order",
            column="ended_at",
            message="An interval must not end before it begins.",
            passes=_does_not_end_before_it_begins,
        ),
    )

    clinician_key: str = column("Key of the clinician record.", key=True)
    started_at: datetime = column("Start, UTC.", key=True, sa_type=sa.DateTime(timezone=True))
    ended_at: datetime = instant("End, UTC; equal to the start where nothing tells how long the work took.")
    task_type: EhrTask = coded("What the work was about.", key=True)
    active_min: float = column(
        "Active minutes: recorded time, and gaps up to the idle timeout; 0 for a lone entry.", ge=0
    )
    events_n: int = column("Log entries that began in it, alike ones counted once.", ge=0)
