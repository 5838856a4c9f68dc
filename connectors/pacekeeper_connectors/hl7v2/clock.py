"""HL7 timestamps of one message as ISO 8601 with an offset.

A timestamp without offset takes that of MSH-7, else the facility's zone. Where the facility's zone had the offset of
MSH-7 when the message was sent, the zone speaks: an appointment in July that is booked in January keeps its hour.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from pacekeeper.hl7v2 import Moment, UnreadableError, moment


class Clock:
    """Reads the timestamps of one message. zone: the facility's; null where none is configured."""

    def __init__(self, sent: str, zone: ZoneInfo | None) -> None:
        """Raises UnreadableError (`no_timestamp`, `bad_timestamp`) where MSH-7 tells no time."""
        if not sent:
            raise UnreadableError("no_timestamp")
        header = _read(sent)
        if not header.has_time:
            raise UnreadableError("bad_timestamp")
        self._offset = header.offset
        if zone is not None and header.offset is not None and _offset_in(zone, header) != header.offset:
            zone = None
        self._zone = zone
        self.sent_at = self.instant(sent)

    def instant(self, text: str) -> str | None:
        """ISO 8601 with offset; a day without time is its midnight; null for an empty text.

        Raises UnreadableError: `bad_timestamp`, `naive_time` (no offset and no zone), `nonexistent_time` (skipped in
        spring). A time that autumn repeats takes the first pass.
        """
        if not text:
            return None
        found = _read(text)
        if not found.has_day:
            raise UnreadableError("bad_timestamp")
        return _in_zone(found, self._zone_of(found)).isoformat()

    def time(self, text: str) -> str | None:
        """Like `instant`, and a day without time is a `bad_timestamp`: nothing can begin on a day alone."""
        if text and not _read(text).has_time:
            raise UnreadableError("bad_timestamp")
        return self.instant(text)

    def day(self, text: str) -> str | None:
        """The local calendar date; null for an empty text. Raises UnreadableError (`bad_timestamp`)."""
        if not text:
            return None
        found = _read(text)
        if not found.has_day:
            raise UnreadableError("bad_timestamp")
        return found.local.date().isoformat()

    def source_of(self, text: str) -> str | None:
        """Where the offset of a timestamp comes from: value, header or facility."""
        found = moment(text)
        if found is None:
            return None
        if found.offset is not None:
            return "value"
        return "facility" if self._offset is None else "header"

    def _zone_of(self, found: Moment) -> ZoneInfo | timezone:
        if found.offset is not None:
            return timezone(found.offset)
        if self._zone is not None:
            return self._zone
        if self._offset is not None:
            return timezone(self._offset)
        raise UnreadableError("naive_time")


def _read(text: str) -> Moment:
    found = moment(text)
    if found is None:
        raise UnreadableError("bad_timestamp")
    return found


def _offset_in(zone: ZoneInfo, found: Moment) -> timedelta | None:
    return found.local.replace(tzinfo=zone).utcoffset()


def _in_zone(found: Moment, zone: ZoneInfo | timezone) -> datetime:
    there = found.local.replace(tzinfo=zone)
    try:
        back = there.astimezone(UTC).astimezone(zone)
    except (OverflowError, ValueError):
        raise UnreadableError("bad_timestamp") from None
    # A time that the clocks skipped comes back from UTC as another one.
    if back.replace(tzinfo=None) != found.local:
        raise UnreadableError("nonexistent_time")
    return there
