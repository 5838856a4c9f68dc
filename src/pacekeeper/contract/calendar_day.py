from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, column, instant


class CalendarDay(Entity, table=True):
    """A local day of a zone, with its true beginning and end."""

    grain: ClassVar[str] = "one row per zone and local date"
    derived: ClassVar[bool] = True
    zones: ClassVar[tuple[str, ...]] = ("zone",)

    zone: str = column("IANA zone.", key=True)
    local_date: date = column("Local date.", key=True)
    starts_at: datetime = instant("First moment of the day, UTC.")
    ends_at: datetime = instant("First moment of the next day, UTC: 23 or 25 hours later where clocks change.")
    week_id: date = column("First local day of the practice week.")
    iso_week: str = column("ISO week of the date, like 2026-W01; the ISO year differs from the date's at the edges.")
    weekday: int = column("1 = Monday to 7 = Sunday.", ge=1, le=7)
