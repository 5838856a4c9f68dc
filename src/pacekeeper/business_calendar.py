"""Days on which a practice is at work: no weekend, no holiday, no closure of the whole practice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Pace = Literal["daily", "business_days", "weekly"]

_WORKING_DAYS = 5


@dataclass(frozen=True)
class BusinessCalendar:
    """The local calendar of a practice. closed: days on which it is closed, whatever day of the week."""

    zone: str
    closed: frozenset[date] = frozenset()

    def silent_hours(self, since: datetime, until: datetime, *, pace: Pace) -> float:
        """Hours between two instants in which something may have been expected.

        Local days that are closed count for nothing; with `business_days` nor do Saturdays and Sundays.
        """
        zone = ZoneInfo(self.zone)
        day, hours = since.astimezone(zone).date(), 0.0
        while day <= until.astimezone(zone).date():
            if self._is_open(day, pace):
                begin, end = (datetime.combine(d, datetime.min.time(), zone) for d in (day, day + timedelta(days=1)))
                length = min(until.timestamp(), end.timestamp()) - max(since.timestamp(), begin.timestamp())
                hours += max(length, 0) / 3600
            day += timedelta(days=1)
        return hours

    def _is_open(self, day: date, pace: Pace) -> bool:
        is_working_day = pace != "business_days" or day.weekday() < _WORKING_DAYS
        return is_working_day and day not in self.closed


def public_holidays(calendar: str, *, years: Iterable[int]) -> frozenset[date]:
    """Holidays of a country or a part of one, such as `US-CA`. Raises NotImplementedError for an unknown one."""
    import holidays

    country, _, part = calendar.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=list(years)))
