"""What reading each source costs, from the ledger: minutes and calls."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from pacekeeper.ops.database import OpsDatabase
from pacekeeper.ops.tables import Run, SourceRun, StreamRun

#: Of how many reads the averages are taken.
NIGHTS = 14


@dataclass(frozen=True)
class SourceCost:
    """What a source's last read cost, and its last reads on average. started_at: of its run; rows: read by it.

    Minutes are those of reading alone. Calls are 0 for a source that is no server. reads: how many are averaged.
    """

    source: str
    connector: str
    started_at: datetime
    state: str
    minutes: float
    calls: int
    rows: int
    reads: int
    mean_minutes: float
    mean_calls: float


def latest_reads(ops: OpsDatabase) -> dict[str, SourceRun]:
    """How the latest read of every source ended, by source; not every run reads all of them."""
    at = {run.run_id: run.started_at for run in ops.rows(Run)}
    known = (row for row in ops.rows(SourceRun) if row.run_id in at)
    return {row.source: row for row in sorted(known, key=lambda row: at[row.run_id])}


def source_costs(ops: OpsDatabase, *, sources: Collection[str]) -> list[SourceCost]:
    """Costs of every source that has been read, by name."""
    at = {run.run_id: run.started_at for run in ops.rows(Run)}
    found = []
    for source in sorted(sources):
        own = [row for row in ops.rows(SourceRun, source=source) if row.run_id in at]
        reads = sorted(own, key=lambda row: at[row.run_id])[-NIGHTS:]
        if not reads:
            continue
        last = reads[-1]
        found.append(
            SourceCost(
                source=source,
                connector=last.connector,
                started_at=at[last.run_id],
                state=last.state,
                minutes=round(last.seconds / 60, 2),
                calls=last.calls,
                rows=sum(row.read for row in ops.rows(StreamRun, run_id=last.run_id, source=source)),
                reads=len(reads),
                mean_minutes=round(fmean(row.seconds for row in reads) / 60, 2),
                mean_calls=round(fmean(row.calls for row in reads), 1),
            )
        )
    return found
