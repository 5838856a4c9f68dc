"""Work in the EHR: the log's events, and the intervals that follow from them."""

from __future__ import annotations

from datetime import timedelta

from pacekeeper.mapping.ehr_interval import build_ehr_intervals
from pacekeeper.measures.doubt import SOURCE_GAP
from pacekeeper.testing.canonical_practice.canvas import EHR, ZONES, Canvas

#: Days on which the log was not written, from this share of the window on.
GAP_DAYS = 3
_GAP_AT = 0.6


def make_ehr(canvas: Canvas, *, events: bool) -> None:
    """`ehr_event`, or nothing in its place. Intervals are made by `write_intervals`, after the calendar."""
    _make_spans(canvas)
    if events:
        _write_events(canvas)
    _list_gap(canvas)


def _make_spans(canvas: Canvas) -> None:
    """`w_span`: stretches of one task. Charts are looked at before sessions; whoever has two accounts uses the second
    one in the evening. None in the days of the gap.
    """
    first = canvas.first_week + timedelta(days=_gap_day(canvas))
    last = first + timedelta(days=GAP_DAYS)
    now = canvas.as_of_s
    canvas.table(
        "w_span",
        f"""
        WITH spans AS (
            SELECT n * 8 AS n, c, record, begun_s AS from_s, begun_end_s AS to_s, 'note' AS task,
                begun_end_s = signed_s AS is_signed, base_s FROM w_note
            UNION ALL
            SELECT n * 8 + 1, c, record, greatest(resumed_s, begun_s + 300), signed_s, 'note', true, base_s
            FROM w_note WHERE signed_s IS NOT NULL AND signed_s > begun_end_s AND resumed_s IS NOT NULL
            UNION ALL
            SELECT n * 8 + 2, c, record, start_s - 60 * (2 + below('chart', n, 4)), start_s - 30, 'chart_review',
                false, base_s FROM w_note WHERE u('looks', n) < 0.6 AND NOT is_group
            UNION ALL
            SELECT n * 8 + 3, c, record, sent_s - 60 * (1 + below('inbox', n, 4)), sent_s, 'inbox', false,
                sent_s - 12 * 3600 FROM w_message WHERE direction = 'out'
            UNION ALL
            SELECT id * 8 + 4, c, record, end_s + 60, end_s + 240, 'orders', true, base_s FROM w_session
            WHERE session_type = 'medication' AND u('orders', id) < 0.7
        )
        SELECT s.*, c.has_second AND (from_s - base_s) > 18 * 3600 AND task = 'note' AS is_second
        FROM spans s JOIN w_clinician c ON c.n = s.c
        WHERE to_s > from_s AND to_s <= {now}
          AND NOT from_s BETWEEN epoch(DATE '{first}')::BIGINT AND epoch(DATE '{last}')::BIGINT
    """,
    )


def _gap_day(canvas: Canvas) -> int:
    return int(canvas.weeks * 7 * _GAP_AT)


def _write_events(canvas: Canvas) -> None:
    """A view with an end, or a create, an update half way and a signature; a login and a logout a day."""
    canvas.write(
        "ehr_event",
        EHR,
        """
        WITH steps AS (
            SELECT n * 4 AS id, c, is_second, record, task, from_s AS at_s,
                CASE WHEN task IN ('chart_review', 'inbox') THEN to_s END AS end_s,
                if(task IN ('chart_review', 'inbox'), 'view', 'create') AS event_type FROM w_span
            UNION ALL
            SELECT n * 4 + 1, c, is_second, record, task, (from_s + to_s) // 2, NULL, 'update' FROM w_span
            WHERE task NOT IN ('chart_review', 'inbox')
            UNION ALL
            SELECT n * 4 + 2, c, is_second, record, task, to_s, NULL, if(is_signed, 'sign', 'update') FROM w_span
            WHERE task NOT IN ('chart_review', 'inbox')
        ), every AS (
            SELECT k('event', id) AS event_key, c, is_second, at_s, end_s, event_type, task AS task_type, record,
                1 + below('actions', id, 5) AS action_count FROM steps
            UNION ALL
            SELECT k('login', n), c, is_second, at_s, end_s, event_type, 'other', NULL, 1 FROM (
                SELECT min(n) * 2 AS n, c, is_second, min(from_s) - 60 AS at_s, max(to_s) AS end_s, 'login'
                    AS event_type
                FROM w_span GROUP BY c, is_second, from_s // 86400
                UNION ALL
                SELECT min(n) * 2 + 1, c, is_second, max(to_s) + 30, NULL, 'logout'
                FROM w_span GROUP BY c, is_second, from_s // 86400)
        )
        SELECT event_key, ehr_clinician(c, is_second) AS clinician_key, moment(at_s) AS "at", moment(end_s) AS ended_at,
            event_type, task_type, CASE WHEN record IS NOT NULL THEN k('client', record) END AS client_key, action_count
        FROM every
    """,
    )


def _list_gap(canvas: Canvas) -> None:
    first = canvas.first_week + timedelta(days=_gap_day(canvas))
    last = first + timedelta(days=GAP_DAYS)
    canvas.run(SOURCE_GAP.ddl)
    canvas.connection.raw.execute(
        f"INSERT INTO {SOURCE_GAP.sql} VALUES (?, 'ehr_event', 'audit_log', 'feed_gap', ?, ?, ?)",
        [EHR, "ask the vendor for the days again", first, last],
    )


def write_intervals(canvas: Canvas, *, events: bool) -> None:
    """`ehr_interval`: from the events as the pipeline makes it, or from the spans, which then do not overlap."""
    if events:
        if canvas.unmapped != "ehr_event":
            build_ehr_intervals(canvas.connection, home_tz=ZONES[0])
        return
    canvas.write(
        "ehr_interval",
        "derived",
        f"""
        WITH alone AS (
            SELECT c, is_second, task, from_s, to_s, n, lead(from_s) OVER (PARTITION BY c, is_second
                ORDER BY from_s, n) AS next_s, d.ends_s
            FROM w_span ASOF JOIN (
                SELECT epoch(starts_at)::BIGINT AS starts_s, epoch(ends_at)::BIGINT AS ends_s
                FROM canonical.calendar_day WHERE zone = '{ZONES[0]}'
            ) d ON d.starts_s <= from_s
        ), cut AS (
            SELECT c, is_second, task, from_s, least(to_s, coalesce(next_s, to_s), ends_s) AS until_s FROM alone
        )
        SELECT ehr_clinician(c, is_second) AS clinician_key, moment(from_s) AS started_at, moment(until_s) AS ended_at,
            task AS task_type, (until_s - from_s) / 60 AS active_min, 3 AS events_n
        FROM cut WHERE until_s > from_s
    """,
    )
