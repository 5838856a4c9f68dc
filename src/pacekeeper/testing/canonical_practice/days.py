"""Local days of every zone, closures, and the days on which a clinician sees nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from pacekeeper.testing.canonical_practice.canvas import EHR, ZONES, Canvas

#: Weeks that parental leave lasts, where the window is long enough.
PARENTAL_WEEKS = 10
_DAYS_BEFORE, _DAYS_AFTER = 300, 30
_SEASON_WEEKS = 13


def make_days(canvas: Canvas) -> None:
    """`w_day` (a zone's local dates), `w_closure`, `w_off` (days off), and `practice_closure`."""
    first = canvas.first_week - timedelta(days=_DAYS_BEFORE)
    count = _DAYS_BEFORE + 7 * (canvas.weeks + canvas.weeks_ahead) + _DAYS_AFTER
    dates = [first + timedelta(days=n) for n in range(count)]
    _load(canvas, "w_day", pa.concat_tables(_zone_days(number, zone, dates) for number, zone in enumerate(ZONES)))
    holidays = [day for day in dates if day >= canvas.first_week and is_holiday(day)]
    _load(canvas, "w_holiday", pa.table({"day": pa.array(holidays, pa.date32())}))
    _make_closures(canvas)
    _make_days_off(canvas)


def is_holiday(day: date) -> bool:
    """Whether the practice is closed for a holiday."""
    if (day.month, day.day) in {(1, 1), (7, 4), (12, 25)}:
        return True
    thanksgiving = day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28
    return thanksgiving or (day.month == 9 and day.weekday() == 0 and day.day <= 7)


def _zone_days(number: int, zone: str, dates: list[date]) -> pa.Table:
    """base_s: epoch second from which the wall clock's minutes of the day count, from the change of clocks on."""
    info = ZoneInfo(zone)
    noons = [datetime.combine(day, time(12), info).astimezone(UTC).timestamp() for day in dates]
    return pa.table(
        {
            "zone_no": pa.array([number] * len(dates), pa.int32()),
            "day": pa.array(dates, pa.date32()),
            "base_s": pa.array([int(noon) - 12 * 3600 for noon in noons], pa.int64()),
        }
    )


def _load(canvas: Canvas, name: str, rows: pa.Table) -> None:
    canvas.connection.raw.register("arrow_rows", rows)
    canvas.table(name, "SELECT * FROM arrow_rows")
    canvas.connection.raw.unregister("arrow_rows")


def _make_closures(canvas: Canvas) -> None:
    """Holidays of the practice; of each clinic a stormy day and an outage of some hours in every half year."""
    last = canvas.weeks - 1
    canvas.table(
        "w_closure",
        f"""
        WITH local AS (
            SELECT l.n AS location_n, l.zone_no, part, l.n * 1000 + half * 2 + part AS id,
                day(least(half * 26 + 1 + below('closure week', l.n * 1000 + half * 2 + part, 22), {last}),
                    below('closure day', l.n * 1000 + half * 2 + part, 5)) AS day
            FROM w_location l CROSS JOIN range({canvas.weeks} // 26 + 1) AS h(half) CROSS JOIN range(2) AS p(part)
            WHERE l.kind = 'clinic'
        )
        SELECT id, location_n, zone_no, day, 'closure' AS kind, if(part = 1, 780, NULL) AS from_minute FROM local
        WHERE day NOT IN (FROM w_holiday)
        UNION ALL
        SELECT -1 - (day - DATE '2000-01-01'), NULL, NULL, day, 'holiday', NULL FROM w_holiday
    """,
    )
    canvas.write(
        "practice_closure",
        EHR,
        """
        SELECT k('closure', id) AS closure_key, CASE WHEN location_n IS NOT NULL THEN k('location', location_n) END
                AS location_key, c.day AS from_date, c.day AS to_date, moment(d.base_s + from_minute * 60) AS start_at,
            moment(d.base_s + 17 * 3600 + from_minute * 0) AS end_at, kind
        FROM w_closure c LEFT JOIN w_day d ON d.zone_no = c.zone_no AND d.day = c.day
    """,
    )


def _make_days_off(canvas: Canvas) -> None:
    """One row a clinician and day. told: by a block, by the leave ledger, or by both; a closure tells of itself.

    is_half: only the afternoon, from 13:00 on.
    """
    s, weeks = canvas.shares, canvas.weeks + canvas.weeks_ahead
    parental = f"least({PARENTAL_WEEKS}, {canvas.weeks} // 3)"
    canvas.table(
        "w_off",
        f"""
        WITH worked AS (
            SELECT n AS c, week, n * 1024 + week AS id FROM w_clinician CROSS JOIN range({weeks}) AS w(week)
        ), every AS (
            SELECT n AS c, day(parental_week + w, d) AS day, 'parental' AS kind, 1 AS rank, false AS is_half
            FROM w_clinician CROSS JOIN range({parental}) AS w(w) CROSS JOIN range(5) AS d(d) WHERE is_parental
            UNION ALL
            SELECT n, day, 'holiday', 2, false FROM w_clinician, w_holiday
            UNION ALL
            SELECT c.n, o.day, 'closure', 3, o.from_minute IS NOT NULL FROM w_clinician c JOIN w_closure o
                USING (location_n)
            UNION ALL
            SELECT n, day(season * {_SEASON_WEEKS} + 2 + below('vacation', n * 1024 + season, 10), d), 'pto', 4, false
            FROM w_clinician CROSS JOIN range({weeks} // {_SEASON_WEEKS} + 1) AS b(season) CROSS JOIN range(5) AS d(d)
            UNION ALL
            SELECT c, day(week, below('sick day', id, 5)), 'sick', 5, false FROM worked
            WHERE u('sick', id) < {s.sick_day_week} AND week < {canvas.weeks}
            UNION ALL
            SELECT c, day(week, below('half day', id, 4)), 'pto', 6, true FROM worked
            WHERE u('half', id) < {s.half_day_week}
        )
        SELECT e.c, e.day, e.kind, e.is_half, if(e.is_half, 780, 0) AS from_minute,
            CASE WHEN e.kind IN ('holiday', 'closure') THEN 'closure' WHEN e.kind = 'parental' THEN 'ledger'
                ELSE pick('told', e.c * 10000 + week_of(e.day), ['block', 'ledger', 'both']) END AS told
        FROM every e JOIN w_clinician c ON c.n = e.c
        WHERE e.day >= c.hired AND (c.left_on IS NULL OR e.day <= c.left_on)
        QUALIFY row_number() OVER (PARTITION BY e.c, e.day ORDER BY e.rank) = 1
    """,
    )
