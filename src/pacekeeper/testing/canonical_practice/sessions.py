"""Sessions: kept appointments, group meetings, crises at night, contacts that overlap, and who was in them."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import EHR, Canvas, choose
from pacekeeper.testing.canonical_practice.schedule import GROUP_MINUTES


def make_sessions(canvas: Canvas) -> None:
    """`w_session` and `w_attendance` (one row per session and client record), and their tables."""
    _hold_visits(canvas)
    _hold_groups(canvas)
    _hold_crises(canvas)
    _list_clients(canvas)
    _write_sessions(canvas)


def _hold_visits(canvas: Canvas) -> None:
    """`w_session` with the sessions of single appointments. Of an hour, half of the clinicians use all."""
    s = canvas.shares
    x = "u('duration', v.id)"
    source = choose(
        x,
        {
            "scheduled": s.scheduled_duration_session,
            "cpt_nominal": s.nominal_duration_session,
            "clinician_entered": s.entered_duration_session,
        },
        "actual",
    )
    status = choose(
        "u('session status', v.id)",
        {
            "partial": s.partial_session,
            "voided": s.voided_session,
            "unknown": s.unknown_session,
            "unreviewed": s.unreviewed_session,
        },
        "completed",
    )
    canvas.table(
        "w_session",
        f"""
        WITH held AS (
            SELECT v.*, {source} AS duration_source, {status} AS session_status,
                start_s + 60 * if(v.c % 2 = 0, below('begins', v.id, 5), 0) AS begins_s,
                60 * CASE WHEN unit = 30 THEN 18 + below('minutes', v.id, 6)
                    WHEN unit = 120 THEN 100 + below('minutes', v.id, 16)
                    WHEN v.c % 2 = 0 THEN 50 + below('minutes', v.id, 6)
                    ELSE 56 + below('minutes', v.id, 4) END AS lasts_s
            FROM w_visit v
            WHERE status = 'kept' AND NOT is_group AND u('held', v.id) >= {s.kept_without_session}
        )
        SELECT id * 4 AS id, id AS visit, c, is_second, e, week, day, base_s, record, client_id, is_couple, role,
            location_n, unit, service_line, is_first AND role NOT IN ('prescriber', 'tester') AS is_intake,
            CASE WHEN duration_source = 'scheduled' THEN start_s
                WHEN session_status = 'partial' THEN start_s + 1200 ELSE begins_s END AS start_s,
            CASE WHEN duration_source = 'scheduled' THEN end_s
                WHEN session_status = 'partial' THEN start_s + 1200 + lasts_s // 2
                WHEN duration_source = 'cpt_nominal' THEN begins_s + 60 * CASE unit WHEN 30 THEN 20 WHEN 120 THEN 60
                    ELSE 53 END
                ELSE begins_s + lasts_s END AS end_s,
            CASE WHEN role = 'prescriber' THEN 'medication' WHEN role = 'tester' THEN 'testing'
                WHEN is_couple THEN if(u('family', e) < {s.family_episode} / {s.couple_episode + s.family_episode},
                    'family', 'couple')
                WHEN is_first THEN 'intake' WHEN u('consult', v.id) < 0.005 THEN 'consult' ELSE 'individual' END
                AS session_type,
            modality, session_status AS status, duration_source, NULL::BIGINT AS group_n,
            u('acute', v.id) < 0.01 AS is_acute
        FROM held v
    """,
    )


def _hold_groups(canvas: Canvas) -> None:
    """One session of a group, however many of its seats came."""
    canvas.run(f"""
        INSERT INTO w_session BY NAME
        SELECT (c * 1024 + week) * 4 + 1 AS id, c, false AS is_second, week, day, base_s, 'therapist' AS role,
            location_n, {GROUP_MINUTES} AS unit, 'group' AS service_line, false AS is_couple, false AS is_intake,
            start_s, start_s + 60 * (86 + below('group minutes', c * 1024 + week, 8)) AS end_s,
            'group' AS session_type, 'in_person' AS modality, 'completed' AS status, 'actual' AS duration_source,
            c * 1024 + week AS group_n, false AS is_acute
        FROM w_visit WHERE is_group AND status = 'kept'
        GROUP BY c, week, day, base_s, location_n, start_s
    """)


def _hold_crises(canvas: Canvas) -> None:
    """On call: at 23:30 over midnight, at 21:00, or at 01:00; and calls taken within another session."""
    s = canvas.shares
    canvas.table(
        "w_crisis",
        f"""
        WITH reached AS (
            SELECT c, week, arg_min(id, (u('crisis', id), id)) AS visit, arg_max(id, (u('crisis', id), id))
                AS last_visit
            FROM w_visit WHERE status = 'kept' AND NOT is_group GROUP BY ALL
        )
        SELECT r.c * 1024 + r.week AS n, visit, 2 AS kind FROM reached r JOIN w_clinician c ON c.n = r.c
        WHERE c.is_on_call AND u('on call', r.c * 1024 + r.week) < {s.on_call_week}
        UNION ALL
        SELECT c * 1024 + week, last_visit, 3 FROM reached
        WHERE u('overlap', c * 1024 + week) < {s.overlapping_week}
    """,
    )
    canvas.run("""
        INSERT INTO w_session BY NAME
        WITH timed AS (
            SELECT v.*, x.n, x.kind, CASE WHEN x.kind = 3 THEN v.minute + 20
                ELSE pick('crisis minute', x.n, [1410, 1410, 1260, 1500]) END AS at_minute
            FROM w_crisis x JOIN w_visit v ON v.id = x.visit
        )
        SELECT n * 4 + kind AS id, c, false AS is_second, e, week, day, base_s, record, client_id, false AS is_couple,
            role, location_n, 60 AS unit, service_line, false AS is_intake, base_s + at_minute * 60 AS start_s,
            base_s + (at_minute + 20 + below('crisis minutes', n, 50)) * 60 AS end_s, 'crisis' AS session_type,
            'audio' AS modality, 'completed' AS status, 'clinician_entered' AS duration_source, true AS is_acute
        FROM timed
    """)
    canvas.run(f"DELETE FROM w_session WHERE end_s >= {canvas.as_of_s}")


def _list_clients(canvas: Canvas) -> None:
    """`w_attendance`: n is the number of a session's client. In couples and families the second may stay away."""
    canvas.table(
        "w_attendance",
        """
        SELECT s.id * 16 AS n, s.id, s.e, s.e * 2 AS episode, s.record, s.client_id, s.visit, true AS attended,
            true AS is_billed FROM w_session s WHERE s.e IS NOT NULL
        UNION ALL
        SELECT s.id * 16 + 1, s.id, s.e, s.e * 2 + 1, s.e * 4 + 1, s.e * 4 + 1, s.visit,
            u('partner came', s.id) < 0.9, false FROM w_session s WHERE s.is_couple
        UNION ALL
        SELECT s.id * 16 + row_number() OVER (PARTITION BY s.id ORDER BY v.id), s.id, v.e, v.e * 2, v.record,
            v.client_id, v.id, true, true
        FROM w_session s JOIN w_visit v ON v.is_group AND v.status = 'kept' AND v.c = s.c AND v.week = s.week
        WHERE s.group_n IS NOT NULL
    """,
    )


def _write_sessions(canvas: Canvas) -> None:
    canvas.write(
        "session",
        EHR,
        """
        SELECT k('session', id) AS session_key, CASE WHEN visit IS NOT NULL THEN k('appointment', visit) END
                AS appointment_key, ehr_clinician(c, is_second) AS clinician_key, moment(start_s) AS started_at,
            moment(end_s) AS ended_at, duration_source, session_type, modality, status,
            CASE WHEN is_acute OR u('says acuity', id) < 0.6 THEN is_acute END AS is_acuity_event, is_intake,
            CASE WHEN group_n IS NOT NULL THEN k('group', group_n) END AS group_key,
            k('location', location_n) AS location_key,
            CASE WHEN u('line known', id) < 0.9 THEN service_line END AS service_line
        FROM w_session
    """,
    )
    canvas.write(
        "session_clinician",
        EHR,
        """
        SELECT k('session', id) AS session_key, ehr_clinician(c, is_second) AS clinician_key, 'primary' AS role,
            true AS counts_direct FROM w_session WHERE u('listed', id) < 0.9 OR group_n IS NOT NULL
        UNION ALL
        SELECT k('session', s.id), ehr_clinician(l.co_leader, false), 'co_therapist', true
        FROM w_session s JOIN w_co_leader l ON l.leader = s.c WHERE s.group_n IS NOT NULL
        UNION ALL
        SELECT k('session', s.id), ehr_clinician(v.supervisor, false), 'supervisor', false
        FROM w_session s JOIN w_supervised v ON v.n = s.c
        WHERE s.role = 'intern' AND s.group_n IS NULL AND u('observed', s.id) < 0.05
    """,
    )
    canvas.write(
        "session_participant",
        EHR,
        """
        SELECT k('session', id) AS session_key, k('client', record) AS client_key,
            CASE WHEN u('episode known', n) < 0.98 THEN k('episode', episode) END AS episode_key, attended
        FROM w_attendance
    """,
    )
