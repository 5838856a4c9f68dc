"""The practice weeks of a clinician: which ones, how long employed, at what share of full time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

from tests.oracle.intervals import Stretch, tick
from tests.oracle.rows import Employment, Practice

Row = TypeVar("Row")

_FTE_CAP = Fraction(12, 10)
_QUIET_FOR_LONG = timedelta(days=365)


def exact(number: float) -> Fraction:
    """The decimal a person wrote: 0.7 is 7/10, not its nearest binary neighbour."""
    return Fraction(str(number))


def local_midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_day(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True)
class Week:
    """Monday to Sunday on the wall clock of one zone; the week of a clock change has 167 or 169 hours."""

    monday: date
    zone: str

    @property
    def days(self) -> list[date]:
        return [self.monday + timedelta(days=n) for n in range(7)]

    @property
    def last_day(self) -> date:
        return self.monday + timedelta(days=6)

    @property
    def ends_at(self) -> datetime:
        return local_midnight(self.monday + timedelta(days=7), self.zone)

    @property
    def stretch(self) -> Stretch:
        return day_stretch(self.monday, self.zone)[0], tick(self.ends_at)


def day_stretch(day: date, zone: str) -> Stretch:
    return tick(local_midnight(day, zone)), tick(local_midnight(day + timedelta(days=1), zone))


def by_person(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of anything that has a `person`, in the order given."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.person].append(row)  # type: ignore[attr-defined]  # every row class here has it
    return found


def beginning_of_data(practice: Practice, as_of: datetime) -> datetime | None:
    """The practice's first appointment, were it not for mistyped years (point 1).

    An appointment that follows more than a year without any is a new beginning. Appointments ahead of as_of are a
    beginning only where there are no others.
    """
    starts = sorted(a.start for a in practice.appointments if a.status != "entered_in_error")
    past = [start for start in starts if start < as_of]
    if not past:
        return starts[0] if starts else None
    begins = past[0]
    for earlier, later in pairwise(past):
        if later.astimezone(UTC).date() - earlier.astimezone(UTC).date() > _QUIET_FOR_LONG:
            begins = later
    return begins


def judged_weeks(practice: Practice, as_of: datetime) -> dict[str, list[Week]]:
    """Per clinician, oldest first: decision 0001, points 1 and 2. People who never worked have no weeks."""
    employments = by_person(practice.employments)
    appointments = by_person(practice.appointments)
    data_begins = beginning_of_data(practice, as_of)
    spine: dict[str, list[Week]] = {}
    for person in sorted(practice.people):
        zone = practice.zone_of(person)
        contracts = employments.get(person, [])
        firsts = [c.start for c in contracts]
        firsts += [
            local_day(a.start, zone)
            for a in appointments.get(person, [])
            if a.status != "entered_in_error" and data_begins is not None and a.start >= data_begins
        ]
        if not firsts:
            continue
        last_worked = None
        ends = [c.end for c in contracts if c.end is not None]
        if contracts and len(ends) == len(contracts):
            last_worked = max(ends)
        weeks = []
        monday = monday_of(min(firsts))
        if data_begins is not None:
            monday = max(monday, monday_of(local_day(data_begins, zone)))
        while Week(monday, zone).ends_at <= as_of and (last_worked is None or monday <= last_worked):
            weeks.append(Week(monday, zone))
            monday += timedelta(days=7)
        spine[person] = weeks
    return spine


def is_employed_on(contract: Employment, day: date) -> bool:
    return contract.start <= day and (contract.end is None or day <= contract.end)


def is_outside_employment(contracts: Sequence[Employment], week: Week) -> bool:
    """No day of the week is covered, though contracts are known; never true of someone without any."""
    return bool(contracts) and not any(is_employed_on(c, day) for c in contracts for day in week.days)


def fte_of(contracts: Sequence[Employment], week: Week) -> Fraction | None:
    """Mean over the days that a contract with a known FTE covers; null when there is none (point 6)."""
    shares = []
    for day in week.days:
        known = [exact(c.fte) for c in contracts if c.fte is not None and is_employed_on(c, day)]
        if known:
            shares.append(min(sum(known, Fraction(0)), _FTE_CAP))
    return sum(shares, Fraction(0)) / len(shares) if shares else None


def tenure_month(contracts: Sequence[Employment], week: Week) -> int | None:
    """1 in the first month of the present continuous employment; null outside employment (point 12)."""
    covered = [day for day in week.days if any(is_employed_on(c, day) for c in contracts)]
    if not covered:
        return None
    start, end = covered[-1], date.min
    for contract in sorted(contracts, key=lambda c: c.start):
        if contract.start > covered[-1]:
            break
        contract_end = contract.end or date.max
        if contract.start.toordinal() - end.toordinal() - 1 > 1:
            start, end = contract.start, contract_end
        else:
            end = max(end, contract_end)
    if start >= week.monday:
        return 1
    months = (week.monday.year - start.year) * 12 + week.monday.month - start.month
    if week.monday.day < start.day:
        months -= 1
    return months + 1
