"""`calendar_day`: local days with their true beginning and end, for every zone in use.

All wall-clock arithmetic joins it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.calendar_day import CalendarDay
from pacekeeper.contract.schema import columns
from pacekeeper.contract.vocabulary import WeekStart
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.derived import write_derived
from pacekeeper.settings import PracticeSettings

#: Days added before the first and after the last date in use: whole weeks, and sums over the weeks before.
MARGIN = timedelta(days=42)
#: Dates further away are mistakes of a source, not days of a practice; they have no calendar day.
EARLIEST = date(1900, 1, 1)
LONGEST_AHEAD = timedelta(days=3 * 366)


def build_calendar(
    connection: Connection, *, practice: PracticeSettings, as_of: datetime, zones: Iterable[str] = ()
) -> int:
    """Rebuild `canonical.calendar_day`; returns its rows.

    Zones: the practice's, its locations', and `zones`. Days: from the first to the last date in any canonical table,
    as_of included, with a margin of six weeks.
    """
    found = connection.raw.execute("SELECT DISTINCT tz FROM canonical.location").fetchall()
    in_use = sorted({practice.home_tz, *zones, *(tz for (tz,) in found)})
    first, last = _range(connection, as_of)
    return write_derived(
        connection, CalendarDay, calendar_days(in_use, first, last, week_start=WeekStart(practice.week_start))
    )


def calendar_days(zones: Iterable[str], first: date, last: date, *, week_start: WeekStart) -> pa.Table:
    """One row per zone and local date from first to last. A date that a zone skips altogether has no row."""
    starts_on = list(WeekStart).index(week_start)
    dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    days = {
        "local_date": dates,
        "week_id": [day - timedelta(days=(day.weekday() - starts_on) % 7) for day in dates],
        "iso_week": [_iso_week(day) for day in dates],
        "weekday": [day.isoweekday() for day in dates],
    }
    shared = pa.table(days)
    table = pa.concat_tables(_with_zone(shared, zone) for zone in zones)
    return table.filter(pc.not_equal(table["starts_at"], table["ends_at"]))


def _with_zone(days: pa.Table, zone: str) -> pa.Table:
    info = ZoneInfo(zone)
    dates = cast("list[date]", days["local_date"].to_pylist())
    after_last = dates[-1] + timedelta(days=1)
    # Midnight that the clocks skip, fold 0, is the moment they skip it; midnight that comes twice is the first one.
    midnights = [datetime.combine(day, time(), info).astimezone(UTC) for day in (*dates, after_last)]
    instants = pa.array(midnights, pa.timestamp("us", "UTC"))
    table = days.append_column("zone", pa.repeat(zone, len(dates)))
    return table.append_column("starts_at", instants[:-1]).append_column("ends_at", instants[1:])


def _iso_week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def _range(connection: Connection, as_of: datetime) -> tuple[date, date]:
    selects = [
        f'SELECT min("{c.name}")::DATE AS first, max("{c.name}")::DATE AS last FROM canonical.{name}'
        f' WHERE "{c.name}"::DATE BETWEEN ? AND ?'
        for name, entity in ENTITIES.items()
        if not entity.derived
        for c in columns(entity)
        if pa.types.is_temporal(c.type)
    ]
    today = as_of.astimezone(UTC).date()
    bounds = [EARLIEST, today + LONGEST_AHEAD]
    row = connection.raw.execute(
        f"SELECT min(first), max(last) FROM ({' UNION ALL '.join(selects)})", bounds * len(selects)
    ).fetchone()
    first, last = row if row else (None, None)
    return min(first or today, today) - MARGIN, max(last or today, today) + MARGIN
