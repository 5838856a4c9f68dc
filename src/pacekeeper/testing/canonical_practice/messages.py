"""Messages in threads with replies, mail among colleagues, and tasks."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import EHR, Canvas, choose

_HOUR = 3600
_DAY = 86400


def make_messages(canvas: Canvas) -> None:
    """`w_message`, one row per message about a client; messages and tasks."""
    _write_threads(canvas)
    _write_internal_mail(canvas)
    _write_tasks(canvas)


def _write_threads(canvas: Canvas) -> None:
    """A thread begins in the days before an appointment, by day or at night, and has up to three messages."""
    s, now = canvas.shares, canvas.as_of_s
    canvas.table(
        "w_message",
        f"""
        WITH begun AS (
            SELECT id, c, is_second, record, e, role,
                base_s - {_DAY} * (1 + below('thread day', id, 4)) + CASE WHEN u('thread time', id) < {s.night_message}
                    THEN 21 * {_HOUR} + below('thread second', id, 6 * {_HOUR})
                    ELSE 8 * {_HOUR} + below('thread second', id, 11 * {_HOUR}) END AS first_s,
                CASE WHEN u('reply speed', id) < 0.1 THEN {_DAY} * 3 WHEN u('reply speed', id) < 0.4 THEN {_DAY}
                    ELSE 4 * {_HOUR} END AS slowest_s,
                u('from client', id) < 0.85 AS is_from_client
            FROM w_visit WHERE u('thread', id) < {s.thread_appointment}
        ), replied AS (
            SELECT *, CASE WHEN u('answered', id) < {s.answered_message}
                THEN first_s + 300 + below('reply after', id, slowest_s) END AS second_s FROM begun
        ), threads AS (
            SELECT *, CASE WHEN second_s IS NOT NULL AND u('third', id) < 0.3
                THEN second_s + 600 + below('third after', id, {_DAY}) END AS third_s FROM replied
        )
        SELECT * EXCLUDE (first_s, second_s, third_s, slowest_s), id * 4 + place AS n, place,
            [first_s, second_s, third_s][place + 1] AS sent_s, [second_s, third_s, NULL][place + 1] AS next_s,
            CASE WHEN (place % 2 = 0) = is_from_client THEN 'in' ELSE 'out' END AS direction
        FROM threads CROSS JOIN range(3) AS p(place) WHERE [first_s, second_s, third_s][place + 1] < {now}
    """,
    )
    category = choose(
        "u('category', id)",
        {"scheduling": 0.35, "clinical": 0.3, "billing": 0.1, "refill": 0.1, "admin": 0.1},
        "unknown",
    )
    urgency = choose("u('urgency', id)", {"urgent": 0.05, "asap": 0.01, "stat": 0.002, "unknown": 0.02}, "routine")
    handler = choose("u('handler', n)", {"support": 0.25, "manager": 0.03, "null": 0.1}, "therapist")
    canvas.write(
        "message",
        EHR,
        f"""
        SELECT k('message', n) AS message_key, CASE WHEN u('thread known', id) < 0.97 THEN k('thread', id) END
                AS thread_key,
            CASE WHEN place > 0 AND u('thread known', id) < 0.97 THEN k('message', n - 1) END AS in_reply_to_key,
            CASE WHEN u('recipient', id) < 0.92 THEN ehr_clinician(c, is_second) END AS clinician_key,
            k('client', record) AS client_key, direction, {category} AS category, {urgency} AS urgency,
            moment(sent_s) AS sent_at, moment(sent_s + 5) AS received_at,
            CASE WHEN u('message status', n) < 0.005 THEN 'entered_in_error' ELSE 'completed' END AS status,
            CASE WHEN direction = 'in' AND next_s < {canvas.as_of_s} THEN moment(next_s - 120) END AS read_at,
            CASE WHEN next_s < {canvas.as_of_s} THEN moment(next_s) END AS replied_at,
            CASE WHEN direction = 'in' AND next_s < {canvas.as_of_s} THEN {handler} END AS handled_by_role,
            CASE WHEN u('minutes known', n) < 0.5 THEN (1 + below('message minutes', n, 9))::DOUBLE END AS minutes,
            CASE WHEN u('billed known', n) < 0.6 THEN u('message billed', n) < 0.05 END AS is_billed
        FROM w_message
    """,
    )


def _write_internal_mail(canvas: Canvas) -> None:
    canvas.write(
        "message",
        EHR,
        f"""
        WITH mail AS (
            SELECT id, c, base_s + 8 * {_HOUR} + below('mail second', id, 12 * {_HOUR}) AS sent_s
            FROM (SELECT *, (c * 1024 + week) * 8 + weekday AS id FROM w_workday WHERE weekday < 5)
            WHERE u('mail', id) < {canvas.shares.internal_mail_day}
        )
        SELECT k('mail', id) AS message_key, CASE WHEN u('mail thread', id) < 0.5 THEN k('mail thread', id) END
                AS thread_key, ehr_clinician(c, false) AS clinician_key, 'internal' AS direction, 'admin' AS category,
            'routine' AS urgency, moment(sent_s) AS sent_at, moment(sent_s) AS received_at, 'completed' AS status,
            CASE WHEN u('mail read', id) < 0.8 AND sent_s + 7200 < {canvas.as_of_s} THEN moment(sent_s + 7200)
                END AS read_at
        FROM mail WHERE sent_s < {canvas.as_of_s}
    """,
    )


def _write_tasks(canvas: Canvas) -> None:
    now = canvas.as_of_s
    status = choose("u('task status', id)", {"cancelled": 0.05, "failed": 0.01, "on_hold": 0.02}, "completed")
    canvas.write(
        "task",
        EHR,
        f"""
        WITH made AS (
            SELECT *, end_s + 1800 AS made_s, end_s + 7200 + below('task time', id, {8 * _DAY}) AS done_s
            FROM w_visit WHERE status = 'kept' AND u('task', id) < 0.06
        ), judged AS (SELECT *, CASE WHEN done_s < {now} THEN {status} ELSE 'requested' END AS task_status FROM made)
        SELECT k('task', id) AS task_key, CASE WHEN u('task owner', id) < 0.9 THEN ehr_clinician(c, is_second) END
                AS clinician_key, k('client', record) AS client_key, k('appointment', id) AS about_key,
            pick('task kind', id, ['prior_auth', 'call_back', 'form', 'refill', 'referral']) AS kind,
            task_status AS status, pick('task priority', id, ['routine', 'routine', 'urgent', 'asap']) AS priority,
            moment(made_s) AS authored_at, CASE WHEN task_status = 'completed' THEN moment(made_s + 600) END
                AS started_at,
            CASE WHEN task_status IN ('completed', 'cancelled', 'failed') THEN moment(done_s) END AS ended_at,
            moment(least(done_s, {now} - 1)) AS source_updated_at
        FROM judged WHERE made_s < {now}
    """,
    )
