"""Runs whose process is gone: Dagster need not notice, and would keep their place in its pools for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pacekeeper.home import PracticeHome
from pacekeeper.ops import Run
from pacekeeper.ops.liveness import forget_dead, is_dead
from pacekeeper_app.run_end import run_ended

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunRecord

#: Marks runs that the command line started, and that hold the practice's lock as long as they live.
OWN_TAG = "pacekeeper/nightly"
#: A run holds its own lock some seconds after it was started; one that has none after this long never will.
_STARTS_WITHIN_SECONDS = 600


def bury_dead_runs(home: PracticeHome, instance: DagsterInstance, *, is_alone: bool) -> list[str]:
    """Mark runs as failed whose process is gone, and free what they hold in Dagster's pools; their ids come back.

    is_alone: whether the caller holds the practice's lock. Then nobody else from the command line is alive.
    """
    from dagster import DagsterRunStatus, RunsFilter

    begun = RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
    # What the daemon is still starting is seen to by Dagster's own monitoring.
    own = RunsFilter(tags={OWN_TAG: "true"}, statuses=[DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING])
    records = [*instance.get_run_records(begun), *(instance.get_run_records(own) if is_alone else ())]
    buried = []
    for record in records:
        run = record.dagster_run
        if (is_alone and run.tags.get(OWN_TAG) == "true") or _is_gone(home, record):
            instance.report_run_failed(run, "the process was killed")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            forget_dead(home.data_dir, run.run_id)
            buried.append(run.run_id)
    for row in home.ops.rows(Run, state="running"):
        if row.run_id in buried or (is_alone and instance.get_run_by_id(row.run_id) is None):
            run_ended(home, row.run_id, state="killed", started_at=row.started_at, ended_at=None)
    return buried


def _is_gone(home: PracticeHome, record: RunRecord) -> bool:
    dead = is_dead(home.data_dir, record.dagster_run.run_id)
    if dead is not None:
        return dead
    # Not by `create_timestamp`, which is a wall clock of the database's zone.
    return record.start_time is not None and time.time() - record.start_time > _STARTS_WITHIN_SECONDS
