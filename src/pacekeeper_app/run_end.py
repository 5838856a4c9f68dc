"""What happens when a run has ended, whoever started it: the command line, the schedule or Dagster's page."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pacekeeper.home import PracticeHome
from pacekeeper.ops import Run

RunState = Literal["success", "failed", "killed"]


def run_ended(
    home: PracticeHome,
    run_id: str,
    *,
    state: RunState,
    started_at: datetime,
    ended_at: datetime | None,
) -> None:
    """Put the end of a run on record; safe to repeat. ended_at: null = nobody knows when.

    The one place that every ended run comes by: `pacekeeper run` calls it itself, the sensors call it for runs of
    Dagster's. A run that ended before it had begun to read is put on record, too.
    """
    if not home.ops.rows(Run, run_id=run_id):
        home.ops.add([Run(run_id=run_id, as_of=started_at, started_at=started_at)])
    home.ops.finish_run(run_id, state=state, ended_at=ended_at)
