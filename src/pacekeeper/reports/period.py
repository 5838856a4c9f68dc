"""The month a report is about, and the quarter it lies in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from pacekeeper.errors import ConfigError

#: What a chart by weeks shows, up to the period's end.
WEEKS_SHOWN = 26
_MONTHS_OF_QUARTER = 3


@dataclass(frozen=True)
class Period:
    """month: its first day. A verdict belongs to the month in which its period ends."""

    month: date

    @property
    def end(self) -> date:
        """First day of the next month."""
        return (self.month + timedelta(days=31)).replace(day=1)

    @property
    def weeks_from(self) -> date:
        """Where charts by weeks begin."""
        return self.end - timedelta(weeks=WEEKS_SHOWN)

    @property
    def quarter_start(self) -> date:
        return self.month.replace(month=self.month.month - (self.month.month - 1) % _MONTHS_OF_QUARTER)

    @property
    def months(self) -> list[date]:
        """First days of the months of the quarter, up to this one."""
        first = self.quarter_start
        return [first.replace(month=number) for number in range(first.month, self.month.month + 1)]

    @property
    def month_name(self) -> str:
        return f"{self.month:%B %Y}"

    @property
    def quarter_name(self) -> str:
        """The quarter; where the month does not end it, up to when."""
        name = f"Quarter {(self.month.month + 2) // _MONTHS_OF_QUARTER} of {self.month.year}"
        return name if self.month.month % _MONTHS_OF_QUARTER == 0 else f"{name}, to the end of {self.month:%B}"


def period_of(month: str | None, quarter: str | None, *, last_day: date) -> Period:
    """The period that options name; neither = the last month that had ended on `last_day`.

    Raises ConfigError for what is none, for both, and for a month that is not over on `last_day`.
    """
    if month is not None and quarter is not None:
        raise ConfigError("--month and --quarter together: a quarter is its last month; give one of them")
    if month is None and quarter is None:
        return Period((last_day.replace(day=1) - timedelta(days=1)).replace(day=1))
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", month or "")
    if found is None and month is not None:
        raise ConfigError(f"--month {month!r} is no month; write 2026-03")
    if found is None:
        found = re.fullmatch(r"(\d{4})-Q([1-4])", quarter or "")
        if found is None:
            raise ConfigError(f"--quarter {quarter!r} is no quarter; write 2026-Q1")
        period = Period(date(int(found[1]), int(found[2]) * _MONTHS_OF_QUARTER, 1))
    else:
        period = Period(date(int(found[1]), int(found[2]), 1))
    if period.end > last_day:
        raise ConfigError(f"{period.month_name} was not over on {last_day}, up to which the published night judges")
    return period
