"""Which sources are late: not read completely, or silent for longer than their pace and the calendar allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pacekeeper.business_calendar import BusinessCalendar, Pace
from pacekeeper.ops.database import OpsDatabase
from pacekeeper.ops.tables import Run, StreamRun, StreamState

#: A source read every night is late when it has not been read completely for a day and a half; so is the night itself.
FRESH_FOR = timedelta(hours=36)
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Expected:
    """What is expected of sources. paces: by source; one that is left out is read every night, and may be silent."""

    calendar: BusinessCalendar = field(default_factory=lambda: BusinessCalendar("UTC"))
    paces: Mapping[str, Pace] = field(default_factory=dict)

    def is_late(self, source: str, since: datetime, until: datetime) -> bool:
        """Whether a source that was last heard of at `since` should have been heard of again."""
        pace = self.paces.get(source)
        if pace is None:
            return until - since > FRESH_FOR
        allowed = FRESH_FOR + _WEEK if pace == "weekly" else FRESH_FOR
        return self.calendar.silent_hours(since, until, pace=pace) > allowed.total_seconds() / 3600


@dataclass(frozen=True)
class Lateness:
    """What is late of a source. unread: streams that were not read completely, oldest known instant in `since`.

    silent_since: as_of of the last run that brought anything new, where that is too long ago; null = it is not, or
    nobody expects anything. never_read: no stream was ever read completely.
    """

    unread: tuple[str, ...] = ()
    since: datetime | None = None
    silent_since: datetime | None = None
    never_read: bool = False

    @property
    def is_late(self) -> bool:
        return bool(self.never_read or self.unread or self.silent_since)


def lateness(ops: OpsDatabase, source: str, *, as_of: datetime, expected: Expected) -> Lateness:
    """What is late of a source at the instant a run judges by."""
    marks = {state.stream: state.complete_through for state in ops.rows(StreamState, source=source)}
    known = [mark for mark in marks.values() if mark is not None]
    late = sorted(name for name, mark in marks.items() if mark is None or expected.is_late(source, mark, as_of))
    heard = last_news(ops, source) if source in expected.paces else None
    is_silent = heard is not None and expected.is_late(source, heard, as_of)
    return Lateness(tuple(late), min(known, default=None), heard if is_silent else None, never_read=not marks)


def last_news(ops: OpsDatabase, source: str) -> datetime | None:
    """as_of of the last run that brought a new, changed or deleted record of a source.

    null = none on record did.
    """
    at = {run.run_id: run.as_of for run in ops.rows(Run)}
    rows = ops.rows(StreamRun, source=source)
    return max((at[r.run_id] for r in rows if r.run_id in at and r.inserted + r.updated + r.tombstones), default=None)
