"""Weeks, holidays and wall clocks of the synthetic practice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

EAST_ZONE = "America/New_York"
WEST_ZONE = "America/Denver"

_EPOCH = date(1970, 1, 1).toordinal()


class LocalClock:
    """Wall-clock time of one zone as minutes since 1970 (UTC), and back to text with the offset in force."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._tz = ZoneInfo(zone)
        self._offsets: dict[date, int] = {}
        self._texts: dict[int, str] = {}

    def at(self, day: date, minute: int) -> int:
        """Epoch minute of a local time; `minute` counts from local midnight by the wall clock and may pass 1440."""
        if not 240 <= minute < 1440:
            wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - wall clock
            return int(wall.replace(tzinfo=self._tz).timestamp()) // 60
        if day not in self._offsets:
            noon = datetime(day.year, day.month, day.day, 12, tzinfo=self._tz)
            self._offsets[day] = int((noon.utcoffset() or timedelta()).total_seconds()) // 60
        return (day.toordinal() - _EPOCH) * 1440 + minute - self._offsets[day]

    def text(self, at: int) -> str:
        """ISO text of an epoch minute with this zone's offset, e.g. 2026-03-09T09:00:00-04:00."""
        if at not in self._texts:
            self._texts[at] = datetime.fromtimestamp(at * 60, self._tz).isoformat()
        return self._texts[at]

    def wall(self, at: int) -> tuple[date, int]:
        """Local date of an epoch minute, and minutes after its midnight by the wall clock."""
        local = datetime.fromtimestamp(at * 60, self._tz)
        return local.date(), local.hour * 60 + local.minute

    def skips_an_hour(self, day: date) -> bool:
        """Is this the day on which the clock goes forward?"""
        midnight = datetime(day.year, day.month, day.day, tzinfo=self._tz).utcoffset()
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=self._tz).utcoffset()
        return (noon or timedelta()) > (midnight or timedelta())


def instant(at: int) -> datetime:
    """The UTC datetime of an epoch minute."""
    return datetime.fromtimestamp(at * 60, UTC)


@dataclass(frozen=True)
class Calendar:
    """The practice weeks (Monday to Sunday, local to each clinic), with their holidays and one storm closure."""

    mondays: tuple[date, ...]
    as_of: int
    east: LocalClock
    west: LocalClock

    @property
    def weeks(self) -> int:
        return len(self.mondays)

    def back(self, weeks_before_last: int) -> int | None:
        """Index of a week counted from the last one (0 = the last); null where the window is too short."""
        index = self.weeks - 1 - weeks_before_last
        return index if index >= 0 else None

    def day(self, week: int, weekday: int) -> date:
        """Local date; weekday 0 = Monday. Weeks past the last are allowed."""
        return self.mondays[0] + timedelta(days=7 * week + weekday)

    def holidays(self) -> set[tuple[int, int]]:
        """(week, weekday) of each holiday on a Monday to Friday."""
        found = set()
        for week in range(self.weeks):
            for weekday in range(5):
                if _is_holiday(self.day(week, weekday)):
                    found.add((week, weekday))
        return found

    @property
    def last_month(self) -> date:
        """First day of the last month that had ended when the practice was read."""
        return month_before(self.mondays[-1] + timedelta(days=7))

    @property
    def last_quarter(self) -> date:
        """First day of the last quarter that had ended then."""
        return quarter_of(quarter_of(self.mondays[-1] + timedelta(days=7)) - timedelta(days=1))

    def months(self) -> list[date]:
        """First days of the months that had ended then, from the one in which the first week begins."""
        month, found = self.last_month, []
        while month >= self.mondays[0].replace(day=1):
            found.append(month)
            month = month_before(month)
        return found[::-1]

    def closure(self) -> tuple[int, int] | None:
        """The Tuesday on which a storm closed the eastern clinic; null where the window is too short."""
        week = self.back(10)
        return None if week is None or (week, 1) in self.holidays() else (week, 1)


def quarter_of(day: date) -> date:
    """First day of the day's quarter."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def month_before(day: date) -> date:
    """First day of the month before the day's."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def month_after(day: date) -> date:
    """First day of the month after the day's."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def make_calendar(*, weeks: int, last_week: date) -> Calendar:
    """The window of `weeks` practice weeks whose last one begins on the Monday `last_week`."""
    if last_week.weekday() != 0:
        raise ValueError(f"last_week {last_week} is no Monday; practice weeks begin on Mondays")
    mondays = tuple(last_week - timedelta(weeks=weeks - 1 - n) for n in range(weeks))
    east, west = LocalClock(EAST_ZONE), LocalClock(WEST_ZONE)
    return Calendar(mondays, west.at(last_week + timedelta(days=7), 0), east, west)


def _is_holiday(day: date) -> bool:
    thursday_four = day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28
    day_after = day.month == 11 and day.weekday() == 4 and 23 <= day.day <= 29
    return thursday_four or day_after or (day.month, day.day) in {(1, 1), (7, 4), (12, 25)}
