"""Reading one source for a window of time, beside the nights: in slices, each landed by itself, so that it can go on.

Cursors, gaps and how far a source is complete stay as they are, and nothing counts as deleted: a window is never the
whole truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pacekeeper.connector import Reach
from pacekeeper.errors import PacekeeperError
from pacekeeper.home import PracticeHome
from pacekeeper.landing.extract import Extractor, Progress, extract
from pacekeeper.landing.night import failed_read, land_extraction, prepare
from pacekeeper.ops import BackfillSlice, Run, SourceRun, StreamReason, StreamRun
from pacekeeper.privacy import plugin_border

_SLICE_DAYS = 7
_MOST_SLICES = 60
_COUNTS = ("read", "inserted", "updated", "unchanged", "duplicate", "rejected", "out_of_scope", "tombstones")
_Counted = TypeVar("_Counted", StreamRun, StreamReason)


@dataclass(frozen=True)
class Backfill:
    """What a source is asked for once more: what was made or changed at or after `since`, and before `before`."""

    source: str
    since: datetime
    before: datetime


@dataclass(frozen=True)
class Estimate:
    """What a backfill will cost. calls, seconds: null = nothing on record tells. basis: what it rests on, in words."""

    calls: int | None
    seconds: float | None
    basis: str


def reach_of(home: PracticeHome, source: str) -> Reach:
    """How far a source can be asked for a window."""
    connector = home.connector(source)
    with plugin_border(source, connector.name):
        return connector.reach()


def slices(home: PracticeHome, wanted: Backfill) -> list[BackfillSlice]:
    """The parts that a backfill is read in, oldest first: weeks, longer ones of a long window.

    One part, where the source cannot be asked for less than all, or all since a day.
    """
    if reach_of(home, wanted.source) != "window":
        return [BackfillSlice(source=wanted.source, since=wanted.since, before=wanted.before)]
    days = (wanted.before - wanted.since) / timedelta(days=1)
    step = timedelta(days=max(_SLICE_DAYS, math.ceil(days / _MOST_SLICES)))
    found, begin = [], wanted.since
    while begin < wanted.before:
        end = min(begin + step, wanted.before)
        found.append(BackfillSlice(source=wanted.source, since=begin, before=end))
        begin = end
    return found


def left_to_do(home: PracticeHome, wanted: Backfill) -> list[BackfillSlice]:
    """The parts that have not landed, because a backfill of the same window was interrupted or never made."""
    done = {(row.since, row.before) for row in home.ops.rows(BackfillSlice, source=wanted.source)}
    return [part for part in slices(home, wanted) if (part.since, part.before) not in done]


def forget_slices(home: PracticeHome, wanted: Backfill) -> None:
    """A backfill that is published begins anew when it is asked for again."""
    parts = {(part.since, part.before) for part in slices(home, wanted)}
    rows = home.ops.rows(BackfillSlice, source=wanted.source)
    home.ops.remove(row for row in rows if (row.since, row.before) in parts)


def estimate(home: PracticeHome, wanted: Backfill, *, now: datetime) -> Estimate:
    """Calls and time of what is left to do: by what a day of changes has cost in nights, where these tell.

    Otherwise, and at most, by the dearest read on record. Never faster than the rate that the settings allow.
    """
    parts, reach = left_to_do(home, wanted), reach_of(home, wanted.source)
    at = {run.run_id: run.as_of for run in home.ops.rows(Run) if run.kind == "night"}
    reads = [r for r in home.ops.rows(SourceRun, source=wanted.source) if r.state == "ok" and r.run_id in at]
    reads.sort(key=lambda row: at[row.run_id])
    if not reads:
        return Estimate(None, None, "no read of it is on record")
    calls, seconds = max(row.calls for row in reads), max(row.seconds for row in reads)
    basis = "its dearest read on record"
    covered = (at[reads[-1].run_id] - at[reads[0].run_id]) / timedelta(days=1)
    if reach != "all" and covered > 0:
        ends = now if reach == "since" else None
        days = sum(((ends or part.before) - part.since) / timedelta(days=1) for part in parts)
        calls = min(calls, math.ceil(days * sum(row.calls for row in reads[1:]) / covered))
        seconds = min(seconds, days * sum(row.seconds for row in reads[1:]) / covered)
        basis = f"its last {len(reads) - 1} nights, which read {covered:.0f} days of changes"
    rate = home.settings.sources[wanted.source].requests_per_second
    return Estimate(calls, max(seconds, calls / rate if rate else 0.0), basis)


def land_backfill(
    home: PracticeHome,
    wanted: Backfill,
    *,
    run_id: str,
    as_of: datetime,
    on_progress: Progress | None = None,
    on_slice: Callable[[int, int], None] | None = None,
    extractor: Extractor = extract,
) -> SourceRun:
    """Read and land what is left of a backfill; stops at the first part that fails, which is then on record.

    on_slice: told how many parts of all have landed.
    """
    home.hash_key()
    every, left = slices(home, wanted), left_to_do(home, wanted)
    rows: dict[str, StreamRun] = {}
    reasons: dict[tuple[str, str, str], StreamReason] = {}
    seconds, calls = 0.0, 0
    result = SourceRun(run_id=run_id, source=wanted.source, connector=home.sources[wanted.source].connector, state="ok")
    for number, part in enumerate(left, start=len(every) - len(left) + 1):
        home.clear_work()
        home.spool_dir.mkdir(parents=True, mode=0o700)
        result = _land_part(home, part, run_id=run_id, as_of=as_of, on_progress=on_progress, extractor=extractor)
        seconds, calls = seconds + result.seconds, calls + result.calls
        result.seconds, result.calls = seconds, calls
        if result.state != "ok":
            break
        for row in home.ops.rows(StreamRun, run_id=run_id, source=wanted.source):
            rows[row.stream] = _added(rows.get(row.stream), row, _COUNTS)
        for reason in home.ops.rows(StreamReason, run_id=run_id, source=wanted.source):
            key = (reason.stream, reason.kind, reason.reason)
            reasons[key] = _added(reasons.get(key), reason, ("rows",))
        home.ops.remove(home.ops.rows(StreamReason, run_id=run_id, source=wanted.source))
        home.ops.add([*rows.values(), part])
        if on_slice is not None:
            on_slice(number, len(every))
    home.clear_work()
    home.ops.add([result, *reasons.values()])
    return result


def _land_part(
    home: PracticeHome,
    part: BackfillSlice,
    *,
    run_id: str,
    as_of: datetime,
    on_progress: Progress | None,
    extractor: Extractor,
) -> SourceRun:
    try:
        ready = prepare(home, part.source, run_id=run_id, as_of=as_of, window=(part.since, part.before))
    except PacekeeperError as error:
        return failed_read(home, run_id, part.source, type(error).__name__, str(error))
    with closing(extractor([ready.request], on_progress=on_progress)) as extractions:
        return land_extraction(home, next(extractions), ready, run_id=run_id, as_of=as_of)


def _added(before: _Counted | None, row: _Counted, counts: tuple[str, ...]) -> _Counted:
    """The row with what came before it, of the same run, added to its counts."""
    if before is not None:
        for name in counts:
            setattr(row, name, getattr(row, name) + getattr(before, name))
    return row
