"""Weekly hours: the seats that can be booked, schedule blocks and weekly templates."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import EHR, HR, Canvas

GROUP_SEATS = 8
GROUP_MINUTES = 90
GROUP_WEEKDAY = 2
GROUP_START = 13 * 60
#: Seats of a group are numbered from here; a clinician's other seats are below.
FIRST_GROUP_SEAT = 100
#: Weekday and hours in the order in which they are offered, as far as a clinician's hours go.
_GRID = (
    [(day, hour) for day in range(4) for hour in (9, 10, 11, 13, 14, 15, 16)]
    + [(4, hour) for hour in (9, 10, 11, 13)]
    + [(day, 17) for day in range(4)]
    + [(4, hour) for hour in (14, 15, 16)]
    + [(5, hour) for hour in (9, 10, 11)]
    + [(day, 8) for day in range(4)]
)


def make_schedule(canvas: Canvas) -> None:
    """`w_seat`, one row per clinician and bookable time of the week; blocks and templates."""
    grid = ", ".join(f"({slot}, {day}, {hour * 60})" for slot, (day, hour) in enumerate(_GRID))
    canvas.table("w_grid", f"SELECT * FROM (VALUES {grid}) AS g(slot, weekday, minute)")
    _make_seats(canvas)
    _write_availability(canvas)
    _write_protected_time(canvas)


def _make_seats(canvas: Canvas) -> None:
    """Seats of somebody new open month by month; those that a shorter contract gives up close with the change."""
    canvas.table(
        "w_seat",
        f"""
        WITH offered AS (
            SELECT c.n AS c, g.slot * 2 + part AS seat, g.slot, g.weekday, g.minute + part * c.unit AS minute, c.unit
            FROM w_clinician c JOIN w_grid g ON g.slot < c.hours CROSS JOIN range(2) AS p(part)
            WHERE (part = 0 OR c.unit = 30) AND (c.unit <> 120 OR g.minute IN (540, 780, 900))
              AND NOT (c.leads_group AND g.weekday = {GROUP_WEEKDAY} AND g.minute IN ({GROUP_START},
              {GROUP_START} + 60))
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY c ORDER BY u('ramp', c * 128 + seat), seat) / count(*) OVER
                (PARTITION BY c) AS place FROM offered
        )
        SELECT r.c, r.seat, r.weekday, r.minute, r.unit, false AS is_group,
            c.hired + CASE WHEN NOT c.is_hired OR r.place < 0.4 THEN 0 WHEN r.place < 0.6 THEN 30
                WHEN r.place < 0.8 THEN 60 ELSE 90 END AS opens,
            least(coalesce(c.left_on, DATE '9999-12-31'), CASE WHEN c.changes_fte AND r.slot >= 17
                THEN c.changed_on - 1 ELSE DATE '9999-12-31' END) AS closes
        FROM ranked r JOIN w_clinician c ON c.n = r.c
        UNION ALL
        SELECT n, {FIRST_GROUP_SEAT} + s, {GROUP_WEEKDAY}, {GROUP_START}, {GROUP_MINUTES}, true, hired,
            coalesce(left_on, DATE '9999-12-31')
        FROM w_clinician CROSS JOIN range({GROUP_SEATS}) AS g(s) WHERE leads_group
    """,
    )


def _write_availability(canvas: Canvas) -> None:
    """Mornings and afternoons as long as the seats in them; some clinicians have a template, some say nothing."""
    canvas.table(
        "w_half_day",
        """
        SELECT c, weekday, minute >= 720 AS is_afternoon, min(minute) AS from_minute, max(minute + unit) AS to_minute,
            min(opens) AS opens, max(closes) AS closes FROM w_seat GROUP BY ALL
    """,
    )
    canvas.write(
        "availability_template",
        EHR,
        """
        SELECT k('template', (h.c * 7 + h.weekday) * 2 + is_afternoon::INTEGER) AS template_key,
            ehr_clinician(h.c, false) AS clinician_key, k('location', c.location_n) AS location_key,
            h.weekday + 1 AS weekday, h.from_minute AS start_minute, h.to_minute AS end_minute
        FROM w_half_day h JOIN w_clinician c ON c.n = h.c WHERE c.has_template AND NOT c.is_silent
    """,
    )
    canvas.table(
        "w_workday",
        f"""
        SELECT c.n AS c, week, weekday, day(week, weekday) AS day, d.base_s, o.kind AS off_kind, o.is_half, o.told
        FROM w_clinician c CROSS JOIN range({canvas.weeks} + 2) AS w(week) CROSS JOIN range(6) AS x(weekday)
        JOIN w_day d ON d.zone_no = c.zone_no AND d.day = day(week, weekday)
        LEFT JOIN w_off o ON o.c = c.n AND o.day = d.day
        WHERE d.day >= c.hired AND (c.left_on IS NULL OR d.day <= c.left_on)
          AND NOT (c.is_parental AND week - c.parental_week BETWEEN 0 AND 9)
    """,
    )
    block = _block("h.from_minute", "h.to_minute", "'client_available'", "false", "(w.c * 1024 + w.week) * 100 + h.n")
    canvas.write(
        "schedule_block",
        EHR,
        f"""
        SELECT {block} FROM w_workday w
        JOIN (SELECT *, weekday * 2 + is_afternoon::INTEGER AS n FROM w_half_day) h
            ON h.c = w.c AND h.weekday = w.weekday AND w.day BETWEEN h.opens AND h.closes
        JOIN w_clinician c ON c.n = w.c WHERE NOT c.has_template AND NOT c.is_silent
    """,
    )


def _write_protected_time(canvas: Canvas) -> None:
    """Time that is not for clients: in the practice's calendar, leave in HR's."""
    kinds = (
        # kind, weekday (null = every weekday), from, to, whether it is protected, who has it
        ("lunch", None, 720, 765, True, "true"),
        ("huddle", 0, 525, 540, True, "true"),
        ("documentation", None, 960, 1020, True, "w.c % 3 = 0 AND w.weekday < 4"),
        ("admin", 4, 840, 1020, True, "w.c % 2 = 0"),
        ("supervision", 1, 660, 720, True, "w.c IN (SELECT n FROM w_supervised)"),
        ("team_meeting", 2, 720, 780, True, "w.week % 2 = 0"),
        ("training", 4, 840, 960, True, "w.week % 8 = 3"),
        ("hot_seat", 3, 600, 660, False, "w.c % 4 = 2"),
        ("reply_block", None, 765, 780, True, "w.c % 2 = 0"),
    )
    for place, (kind, weekday, start, end, protected, who) in enumerate(kinds):
        when = "w.weekday < 5" if weekday is None else f"w.weekday = {weekday}"
        number = f"((w.c * 1024 + w.week) * 7 + w.weekday) * 16 + {place}"
        columns = _block(str(start), str(end), f"'{kind}'", str(protected).lower(), f"'p' || {number}")
        canvas.write(
            "schedule_block",
            EHR,
            f"SELECT {columns} FROM w_workday w JOIN w_clinician c ON c.n = w.c WHERE {when} AND {who} "
            "AND NOT c.is_silent AND w.off_kind IS NULL",
        )
    night = _block("1080", "1860", "'on_call'", "false", "'n' || ((w.c * 1024 + w.week) * 7 + w.weekday)")
    canvas.write(
        "schedule_block",
        EHR,
        f"SELECT {night} FROM w_workday w JOIN w_clinician c ON c.n = w.c WHERE c.is_on_call AND w.weekday < 5 "
        "AND w.week % 2 = w.c % 2",
    )
    number = "'l' || (w.c * 8192 + w.week * 7 + w.weekday)"
    leave = _block("if(w.is_half, 780, 480)", "1080", "w.off_kind", "false", number, clinician="hr_clinician(w.c)")
    canvas.write(
        "schedule_block",
        HR,
        f"SELECT {leave} FROM w_workday w WHERE w.told IN ('block', 'both') OR w.off_kind = 'holiday' AND w.c % 2 = 0",
    )


def _block(
    start: str, end: str, kind: str, protected: str, number: str, *, clinician: str = "ehr_clinician(w.c, false)"
) -> str:
    """Columns of a block from minute to minute of a working day `w`."""
    return (
        f"k('block', {number}) AS block_key, {clinician} AS clinician_key, {kind} AS kind, "
        f"moment(w.base_s + {start} * 60) AS start_at, moment(w.base_s + {end} * 60) AS end_at, "
        f"{protected} AS is_protected, 'calendar' AS block_source"
    )
