"""Dagster's own record of runs, kept for so long as the settings say."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance

#: Runs that are looked at in one go.
_AT_ONCE = 100


def prune_runs(instance: DagsterInstance, *, now: datetime, keep_days: int, seconds: float = 30) -> int:
    """Delete runs that ended and were made more than so many days ago, with their events; how many there were.

    Oldest first; what is not reached in time is left to the next night.
    """
    from dagster import DagsterRunStatus, RunsFilter

    ended = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
    old = RunsFilter(statuses=ended, created_before=now - timedelta(days=keep_days))
    ends, deleted = time.monotonic() + seconds, 0
    while runs := instance.get_run_records(old, limit=_AT_ONCE, ascending=True):
        for record in runs:
            if time.monotonic() > ends:
                return deleted
            instance.delete_run(record.dagster_run.run_id)
            deleted += 1
    return deleted
