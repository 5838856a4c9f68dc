"""Reading single values of a source strictly: what is not plainly right is Unreadable."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?")


class UnreadableError(Exception):
    """The row cannot be used; the text is the reason code."""


def day(text: str | None) -> date | None:
    """A date; the date part of a longer text. Empty is null."""
    if not text:
        return None
    if not _DATE.match(text):
        raise UnreadableError("bad_date")
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise UnreadableError("bad_date") from None


def instant(text: str | None, *, zone: str | None = None) -> datetime | None:
    """An instant in UTC. Empty is null; without an offset it is wall-clock time in `zone`, or unreadable."""
    if not text:
        return None
    if not _INSTANT.fullmatch(text.strip()):
        raise UnreadableError("bad_instant")
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UnreadableError("bad_instant") from None
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    if zone is None:
        raise UnreadableError("no_offset")
    return on_wall_clock(found, zone)


def on_wall_clock(naive: datetime, zone: str) -> datetime:
    """The first such moment in that zone; a time that a spring clock change skips is unreadable."""
    try:
        found = naive.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ZoneInfoNotFoundError, ValueError):
        raise UnreadableError("unknown_zone") from None
    if found.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != naive:
        raise UnreadableError("no_such_local_time")
    return found


def number(text: str | None) -> float | None:
    if text is None or not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise UnreadableError("bad_number") from None


def needed(value: datetime | None) -> datetime:
    if value is None:
        raise UnreadableError("missing_required")
    return value


def needed_day(value: date | None) -> date:
    if value is None:
        raise UnreadableError("missing_required")
    return value


def check_session_length(start: datetime, end: datetime) -> None:
    """More than nothing, at most eight hours."""
    if not timedelta(0) < end - start <= timedelta(minutes=480):
        raise UnreadableError("session_duration")
