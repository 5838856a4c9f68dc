"""Appointments: who is booked when, what becomes of it, and what the calendar's history and reminders say."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import EHR, Canvas, choose
from pacekeeper.testing.canonical_practice.schedule import GROUP_SEATS

_HOUR = 3600
_DAY = 86400


def make_appointments(canvas: Canvas) -> None:
    """`w_visit`, one row per client seat, past and ahead. Its id: episode * 1024 + week, + 512 for a stand-in."""
    _place(canvas)
    _decide(canvas)
    _add_stand_ins(canvas)
    _write_appointments(canvas)
    _write_meetings(canvas)
    _write_events(canvas)
    _write_reminders(canvas)


def _place(canvas: Canvas) -> None:
    """`w_place`: every time a client of an episode is due. After a handover the receiver sees the client at 17:00."""
    s, last = canvas.shares, canvas.weeks + canvas.weeks_ahead - 1
    canvas.table(
        "w_place",
        f"""
        WITH due AS (
            SELECT e.*, unnest(range(greatest(from_week, 0), least(to_week + if(is_bulk_cancelled, 5 * period, 0),
                {last}) + 1)) AS week FROM w_episode e
        ), seen AS (
            SELECT e * 1024 + week AS id, e, week, client_id, period, unit, is_group, is_couple, role, track, closure,
                is_bulk_cancelled, closed_on, from_week, to_week, service_line, closes,
                coalesce(day(week, weekday) > handed_on AND receiver IS NOT NULL, false) AS is_handed,
                CASE WHEN receiver IS NOT NULL AND day(week, weekday) > handed_on THEN receiver ELSE c END AS c,
                CASE WHEN receiver IS NOT NULL AND day(week, weekday) > handed_on THEN 1020 ELSE minute END AS minute,
                day(week, weekday) AS day
            FROM due WHERE (week - track) % period = 0
        )
        SELECT v.*, d.base_s, d.base_s + v.minute * 60 AS start_s, d.base_s + (v.minute + v.unit) * 60 AS end_s,
            week > to_week AS is_surplus, week < from_week + period AS is_first, o.kind AS off_kind,
            c.is_overloaded, c.has_second, c.location_n, c.zone_no
        FROM seen v JOIN w_clinician c ON c.n = v.c
        JOIN w_day d ON d.zone_no = c.zone_no AND d.day = v.day
        LEFT JOIN w_off o ON o.c = v.c AND o.day = v.day AND v.minute >= o.from_minute
        WHERE (is_handed OR v.day <= v.closes) AND coalesce(o.kind <> 'parental', true)
          AND u('booked', v.id) < CASE WHEN c.is_underbooked THEN 0.6 WHEN c.is_overloaded THEN 1
               ELSE {s.booked_seat} END
          AND NOT coalesce(o.kind = 'holiday' AND u('holiday', v.id) < {s.holiday_not_booked}, false)
    """,
    )


def _decide(canvas: Canvas) -> None:
    """`w_visit`: what became of each; nothing is decided about what lies ahead, but for what is cancelled already."""
    s, now = canvas.shares, canvas.as_of_s
    no_show = f"least(0.9, {s.no_show} * missing_factor * if(v.c % 13 = 4, 2.5, 1))"
    outcome = choose(
        "u('outcome', v.id)",
        {
            "no_show": no_show,
            "late": s.late_cancel,
            "early": s.advance_cancel,
            "at_start": s.cancel_at_start,
            "untimed": s.cancel_time_unknown,
            "by_clinician": s.clinician_cancel,
            "rescheduled": s.rescheduled,
            "entered_in_error": s.entered_in_error,
            "unknown": s.unknown_appointment,
            "unreviewed": s.unreviewed_appointment,
        },
        "kept",
    )
    modality = choose("u('modality', v.id)", {"audio": 0.03, "home": 0.01, "community": 0.01}, "in_person")
    canvas.table(
        "w_visit",
        f"""
        WITH known AS (
            SELECT v.*, p.missing_factor, p.is_remote, p.has_duplicate,
                CASE WHEN is_surplus THEN 'bulk'
                    WHEN start_s >= {now} THEN if(u('ahead', v.id) < 0.03, 'early', 'booked')
                    WHEN off_kind IN ('holiday', 'closure') THEN 'by_practice'
                    WHEN off_kind IS NOT NULL THEN 'by_clinician'
                    WHEN closure = 'client_unilateral' AND week + 2 * period > to_week THEN 'no_show'
                    ELSE {outcome} END AS outcome,
                CASE WHEN is_group THEN 'in_person' WHEN is_remote AND u('switches', v.id) < 0.9 THEN 'video'
                    ELSE {modality} END AS modality,
                least(start_s, {now}, if(is_surplus, epoch(closed_on)::BIGINT, start_s)) - {_DAY} * if(is_first,
                3 + below('lead', v.id, 12), 9 + below('lead', v.id, 60))
                    - below('lead second', v.id, {_DAY}) AS booked_s
            FROM w_place v JOIN w_client p ON p.id = v.client_id
        )
        SELECT *, CASE outcome
                WHEN 'early' THEN least(start_s - {_HOUR} * (25 + below('early', id, 44)), {now} - 60)
                WHEN 'rescheduled' THEN start_s - {_HOUR} * (25 + below('early', id, 44))
                WHEN 'late' THEN start_s - {_HOUR} - below('late', id, 22 * {_HOUR})
                WHEN 'at_start' THEN start_s + 60 * below('at start', id, 30)
                WHEN 'by_clinician' THEN start_s - {_HOUR} * (2 + below('clinician', id, 60))
                WHEN 'by_practice' THEN start_s - {_HOUR} * 3
                WHEN 'bulk' THEN least(epoch(closed_on)::BIGINT + 17 * {_HOUR}, start_s - {_HOUR}, {now} - 60) END
                AS cancelled_s,
            CASE WHEN outcome = 'bulk' THEN 'practice' WHEN outcome LIKE 'by_%' THEN substr(outcome, 4)
                WHEN outcome IN ('early', 'late', 'at_start', 'rescheduled') THEN 'client'
                WHEN outcome = 'untimed' THEN {choose("u('by', id)", {"client": 0.6, "unknown": 0.2}, "null")}
                END AS cancelled_by,
            CASE WHEN outcome IN ('early', 'late', 'at_start', 'untimed', 'by_clinician', 'by_practice', 'bulk')
                THEN 'cancelled' ELSE outcome END AS status,
            client_id + if(has_duplicate AND week < from_week + 8, 2, 0) AS record,
            has_second AND u('account', id) < 0.15 AS is_second,
            CASE WHEN outcome = 'rescheduled' AND NOT is_group THEN id + 512 END AS stand_in
        FROM known
    """,
    )


def _add_stand_ins(canvas: Canvas) -> None:
    """What was rescheduled takes place, or does not, at 18:00 of the next working day."""
    now = canvas.as_of_s
    canvas.run(f"""
        INSERT INTO w_visit BY NAME
        SELECT v.* REPLACE (
            stand_in AS id, NULL AS stand_in, NULL AS cancelled_s, NULL AS cancelled_by, d.day AS day,
            d.base_s AS base_s, d.base_s + 1080 * 60 AS start_s, d.base_s + (1080 + v.unit) * 60 AS end_s,
            1080 AS minute, false AS is_first, v.cancelled_s AS booked_s,
            CASE WHEN d.base_s + 1080 * 60 >= {now} THEN 'booked'
                WHEN u('stand in', v.stand_in) < 0.9 THEN 'kept' ELSE 'no_show' END AS status,
            'stand_in' AS outcome
        )
        FROM w_visit v JOIN w_day d ON d.zone_no = v.zone_no AND d.day = v.day + CASE WHEN isodow(v.day) >= 5
            THEN 8 - isodow(v.day) ELSE 1 END::INTEGER
        WHERE v.stand_in IS NOT NULL
    """)


def _write_appointments(canvas: Canvas) -> None:
    via = choose("u('via', id)", {"recurring": 0.75, "staff": 0.15, "self": 0.08}, "import")
    canvas.write(
        "appointment",
        EHR,
        f"""
        SELECT k('appointment', id) AS appointment_key, k('episode', e * 2) AS episode_key,
            k('client', record) AS client_key,
            CASE WHEN is_group THEN k('group', c * 1024 + week) END AS group_key,
            ehr_clinician(c, is_second) AS clinician_key,
            k('location', if(modality = 'video', (SELECT n FROM w_location WHERE kind = 'telehealth'), location_n))
                AS location_key,
            moment(start_s) AS start_at, CASE WHEN u('end known', id) < 0.98 THEN moment(end_s) END AS end_at,
            CASE WHEN u('booking known', id) >= {canvas.shares.booked_at_unknown} THEN moment(booked_s) END
                AS booked_at,
            CASE WHEN is_group THEN 'recurring' WHEN is_first OR outcome = 'stand_in' THEN
                pick('first via', id, ['staff', 'self']) ELSE {via} END AS booked_via,
            modality AS modality_planned, service_line || '-' || unit AS service_code, status,
            moment(cancelled_s) AS cancelled_at, cancelled_by,
            CASE WHEN status = 'booked' THEN moment(booked_s) ELSE moment(coalesce(cancelled_s, end_s + 1800)) END
                AS source_updated_at,
            CASE WHEN is_group THEN {GROUP_SEATS} END AS capacity,
            CASE WHEN stand_in IS NOT NULL THEN k('appointment', stand_in) END AS rescheduled_to_key,
            CASE WHEN outcome IN ('no_show', 'late', 'at_start') THEN
                CASE WHEN u('billable', id) < 0.4 THEN true WHEN u('billable', id) < 0.8 THEN false END END
                AS is_billable_cancel
        FROM w_visit
    """,
    )


def _write_meetings(canvas: Canvas) -> None:
    """A monthly appointment without a client: nobody's seat."""
    canvas.write(
        "appointment",
        EHR,
        f"""
        SELECT k('meeting', c * 1024 + week) AS appointment_key, ehr_clinician(c, false) AS clinician_key,
            moment(base_s + 720 * 60) AS start_at, moment(base_s + 765 * 60) AS end_at, 'staff' AS booked_via,
            'in_person' AS modality_planned, 'meeting' AS service_code, 'kept' AS status
        FROM w_workday WHERE weekday = 3 AND week % 4 = 2 AND week < {canvas.weeks}
    """,
    )


def _write_events(canvas: Canvas) -> None:
    """What the calendar's history tells: that it was made, and every change after."""
    is_switched = (
        f"u('switched', id) < {canvas.shares.switched_seat} AND booked_s < start_s - {2 * _HOUR}"
        f" AND coalesce(cancelled_s > start_s - {2 * _HOUR}, true) AND outcome <> 'untimed'"
    )
    canvas.write(
        "appointment_event",
        EHR,
        f"""
        SELECT k('appointment', id) AS appointment_key, 1 AS seq, moment(booked_s) AS "at", 'instant' AS at_precision,
            NULL AS from_status, 'booked' AS to_status, 'created' AS change FROM w_visit
        UNION ALL
        SELECT k('appointment', id), if({is_switched}, 3, 2),
            moment(coalesce(cancelled_s, if(outcome = 'untimed', base_s, end_s))),
            if(outcome = 'untimed', 'day', 'instant'), 'booked', status,
            if(status = 'entered_in_error' AND u('deleted', id) < 0.3, 'deleted', 'status')
        FROM w_visit WHERE status <> 'booked'
        UNION ALL
        SELECT k('appointment', id), 2, moment(start_s - {2 * _HOUR}), 'instant', 'booked', 'booked', 'modality'
        FROM w_visit WHERE status <> 'booked' AND {is_switched}
        UNION ALL
        SELECT k('appointment', id), 2, moment(booked_s + 3600), 'instant', 'booked', 'booked',
            pick('change', id, ['time', 'modality', 'clinician'])
        FROM w_visit WHERE status = 'booked' AND u('moved', id) < 0.05
    """,
    )


def _write_reminders(canvas: Canvas) -> None:
    """One a day ahead, for some clients also three days and two hours ahead."""
    channel = choose("u('channel', e)", {"text": 0.6, "email": 0.25, "push": 0.1}, "phone")
    canvas.write(
        "reminder",
        EHR,
        f"""
        WITH due AS (
            SELECT id * 4 + step AS n, id, e, [72, 24, 2][step + 1] AS offset_h, start_s, cancelled_s
            FROM w_visit CROSS JOIN range(3) AS s(step) WHERE step = 1 OR e % 5 = 0
        ), timed AS (SELECT *, start_s - offset_h * {_HOUR} AS due_s FROM due)
        SELECT k('reminder', n) AS reminder_key, k('appointment', id) AS appointment_key, moment(due_s) AS due_at,
            offset_h, {channel} AS channel,
            CASE WHEN due_s < {canvas.as_of_s} AND u('sent', n) < 0.96 THEN moment(due_s + below('delay', n, 300)) END
                AS sent_at,
            CASE WHEN due_s < {canvas.as_of_s} AND u('sent', n) < 0.9 THEN u('arrived', n) < 0.97 END AS is_delivered,
            CASE WHEN due_s < {canvas.as_of_s} AND u('sent', n) < 0.8 THEN u('confirmed', n) < 0.5 END AS is_confirmed
        FROM timed WHERE cancelled_s IS NULL OR cancelled_s > due_s
    """,
    )
