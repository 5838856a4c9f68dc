"""What does not work now, from the ledgers: one list for the command line, for scripts and for whoever is on duty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from pacekeeper.ops.alert_problems import alert_problems
from pacekeeper.ops.database import OpsDatabase
from pacekeeper.ops.freshness import FRESH_FOR, Expected, lateness
from pacekeeper.ops.tables import MappingRun, Run, SourceRun, StreamGap, StreamRun, UnmappedValue

_Ledger = TypeVar("_Ledger", SourceRun, MappingRun, StreamRun, UnmappedValue)


@dataclass(frozen=True)
class Problem:
    """Something a person must see to. No client data.

    severity: error = figures are missing or old; warn = some rows are left out, and what rests on them is unknown.
    what: a code. where: source, or source.stream or source.entity; empty = the run itself. since: UTC, when it was
    first seen without a break; null = not on record. fix: what to do.
    """

    severity: Literal["error", "warn"]
    what: str
    where: str
    since: datetime | None
    message: str
    fix: str


def standing_problems(
    ops: OpsDatabase, *, sources: Collection[str], now: datetime, expected: Expected | None = None
) -> list[Problem]:
    """What does not work now, errors first. sources: those that are switched on. expected: null = a read a night."""
    runs = sorted(ops.rows(Run), key=lambda run: run.started_at)
    if not runs:
        return [Problem("error", "never_run", "", None, "no run has been made yet", "pacekeeper run")]
    started = {run.run_id: run.started_at for run in runs}
    reads = _by(ops.rows(SourceRun), started, sources)
    found = [
        *_of_the_run(runs, now),
        *_of_reads(reads, started, sources),
        *_of_freshness(ops, reads, sources, runs[-1].as_of, expected or Expected()),
        *_of_slices(_by(ops.rows(MappingRun), started, sources)),
        *_of_gaps(ops, sources),
        *_left_out(ops, started, sources),
        *_unmapped(ops, started, sources),
        *alert_problems(ops, now=now),
    ]
    return sorted(found, key=lambda problem: (problem.severity, problem.what, problem.where))


def _by(rows: Sequence[_Ledger], started: Mapping[str, datetime], sources: Collection[str]) -> dict[str, list[_Ledger]]:
    """Rows of the sources that are switched on, by source, in the order of runs."""
    found: dict[str, list[_Ledger]] = defaultdict(list)
    known = (row for row in rows if row.run_id in started and row.source in sources)
    for row in sorted(known, key=lambda row: started[row.run_id]):
        found[row.source].append(row)
    return found


def _of_the_run(runs: Sequence[Run], now: datetime) -> Iterator[Problem]:
    good = [run for run in runs if run.state == "success"]
    after = runs[runs.index(good[-1]) + 1 :] if good else runs
    bad = [run for run in after if run.state in {"failed", "killed"}]
    if bad:
        times = f"{len(bad)} runs" if len(bad) > 1 else "the last run"
        verb = "were" if len(bad) > 1 else "was"
        state = bad[-1].state if bad[-1].state == "killed" else "not successful"
        text = f"{times} {verb} {state}; what is published is of an earlier one"
        yield Problem("error", "run_failed", "", bad[0].started_at, text, "pacekeeper run; its last lines say why")
    last = (good[-1].ended_at or good[-1].started_at) if good else None
    if last is not None and now - last > FRESH_FOR:
        text = f"no run has succeeded since {last:%Y-%m-%d %H:%M} UTC"
        yield Problem("error", "no_night", "", last, text, "see that the schedule is on and its daemon runs")


def _of_reads(
    reads: Mapping[str, Sequence[SourceRun]], started: Mapping[str, datetime], sources: Collection[str]
) -> Iterator[Problem]:
    for source in sources:
        own = reads.get(source, [])
        if not own:
            yield Problem("error", "never_read", source, None, "it has not been read yet", "pacekeeper run")
        elif own[-1].state != "ok":
            times = _in_a_row([row.state != "ok" for row in own])
            message = own[-1].message or own[-1].error_class or "it failed"
            told = message if times == 1 else f"{message} ({times} times in a row)"
            since = started[own[-times].run_id]
            yield Problem("error", "source_failed", source, since, told, f"pacekeeper check {source}")


def _of_freshness(
    ops: OpsDatabase,
    reads: Mapping[str, Sequence[SourceRun]],
    sources: Collection[str],
    as_of: datetime,
    expected: Expected,
) -> Iterator[Problem]:
    """Of sources whose last read did not fail: that is told already. as_of: of the last run."""
    for source in sources:
        if not reads.get(source) or reads[source][-1].state != "ok":
            continue
        late = lateness(ops, source, as_of=as_of, expected=expected)
        if late.unread:
            streams = ", ".join(late.unread[:5]) + (", ..." if len(late.unread) > 5 else "")
            text = f"not read completely {_too_long(source, expected)}: {streams}"
            yield Problem("error", "source_late", source, late.since, text, f"pacekeeper run --reread {source}")
        if late.silent_since is not None:
            text = f"it answers, and nothing new has come {_too_long(source, expected)}"
            fix = "ask whoever sends or exports it; or correct `expected` in its settings"
            yield Problem("warn", "source_silent", source, late.silent_since, text, fix)


def _too_long(source: str, expected: Expected) -> str:
    pace = expected.paces.get(source)
    if pace == "weekly":
        return "for over a week"
    hours = f"for {FRESH_FOR.total_seconds() / 3600:.0f} hours"
    return f"{hours} of business days" if pace == "business_days" else hours


def _of_slices(mapped: Mapping[str, Sequence[MappingRun]]) -> Iterator[Problem]:
    for source, rows in mapped.items():
        latest = {row.entity: row for row in rows if row.run_id == rows[-1].run_id}
        for entity, row in latest.items():
            if not row.is_current:
                message = row.message or "it was not swapped in"
                fix = f"pacekeeper quarantine show {entity}; then pacekeeper quarantine replay {source} {entity}"
                yield Problem("error", "slice_kept_back", f"{source}.{entity}", None, message, fix)


def _of_gaps(ops: OpsDatabase, sources: Collection[str]) -> Iterator[Problem]:
    for gap in ops.rows(StreamGap):
        if gap.source in sources:
            days = f"{gap.first_day or '...'} to {gap.last_day or '...'}"
            where = f"{gap.source}.{gap.stream}"
            yield Problem("warn", "incomplete", where, None, f"{gap.reason}: {days}", gap.advice)


def _left_out(ops: OpsDatabase, started: Mapping[str, datetime], sources: Collection[str]) -> Iterator[Problem]:
    """Rows that rest on an older version, and rows that broke the contract."""
    for source, rows in _by(ops.rows(StreamRun), started, sources).items():
        suspect = sum(row.suspect for row in rows if row.run_id == rows[-1].run_id)
        if suspect:
            text = f"{suspect:,} records whose latest reading was rejected; an older version of them counts"
            yield Problem("warn", "suspect", source, None, text, "pacekeeper quarantine list")
    for source, mapped in _by(ops.rows(MappingRun), started, sources).items():
        rows_out = sum(row.quarantined for row in mapped if row.run_id == mapped[-1].run_id)
        if rows_out:
            text = f"{rows_out:,} rows broke the contract and count for nothing"
            yield Problem("warn", "quarantined", source, None, text, "pacekeeper quarantine list")


def _unmapped(ops: OpsDatabase, started: Mapping[str, datetime], sources: Collection[str]) -> Iterator[Problem]:
    newest = {source: rows[-1].run_id for source, rows in _by(ops.rows(MappingRun), started, sources).items()}
    for source, values in _by(ops.rows(UnmappedValue), started, sources).items():
        now = [value for value in values if value.run_id == newest.get(source)]
        if now:
            columns = ", ".join(sorted({f"{value.entity}.{value.column}" for value in now}))
            text = f"{sum(value.rows for value in now):,} rows with codes no value map knows: {columns}"
            yield Problem("warn", "unmapped", source, None, text, f"pacekeeper try {source}")


def _in_a_row(flags: Sequence[bool]) -> int:
    """How many of the last are true."""
    return next((n for n, flag in enumerate(reversed(flags)) if not flag), len(flags))
