"""Episodes of care one after the other in every seat, who the clients are, and who carries their cases."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import EHR, Canvas, choose

#: Weeks before the window in which the first episodes of a seat began at the earliest.
_WEEKS_BEFORE = 30
_CLOSED = {
    "planned_complete": 0.34,
    "mutual": 0.14,
    "client_unilateral": 0.22,
    "referred_out": 0.06,
    "admin": 0.05,
    "moved": 0.05,
    "transferred": 0.04,
    "unknown": 0.02,
}


def make_episodes(canvas: Canvas) -> None:
    """`w_episode`, and the tables of episodes, their carriers and weights. Clients are made by `make_clients`."""
    _make_tracks(canvas)
    _make_raw_episodes(canvas)
    _settle_endings(canvas)
    _settle_clients(canvas)


def _make_tracks(canvas: Canvas) -> None:
    """`w_track`: a seat holds one client every week, or two, or four, in turn."""
    canvas.table(
        "w_track",
        f"""
        WITH periods AS (
            SELECT s.*, c.role, c.is_hired, CASE WHEN s.is_group OR c.role = 'tester' THEN 1
                WHEN c.role = 'prescriber' THEN 4
                WHEN u('weekly', s.c * 128 + s.seat) < {canvas.shares.weekly_client} THEN 1 ELSE 2 END AS period
            FROM w_seat s JOIN w_clinician c ON c.n = s.c
        )
        SELECT *, (c * 128 + seat) * 4 + turn AS track FROM periods CROSS JOIN range(4) AS t(turn) WHERE turn < period
    """,
    )


def _make_raw_episodes(canvas: Canvas) -> None:
    """`w_drawn_episode`: weeks from_week to to_week of each; the first ones began before the window."""
    weeks, s = canvas.weeks, canvas.shares
    canvas.table(
        "w_drawn_episode",
        f"""
        WITH turns AS (
            SELECT *, unnest(range(({weeks} + 2 * {_WEEKS_BEFORE}) // if(role = 'tester', 4, 8) + 1)) AS o FROM w_track
        ), lengths AS (
            SELECT *, track * 128 + o AS id, CASE WHEN role = 'tester' THEN 3 + below('length', track * 128 + o, 3)
                ELSE 6 + floor(34 * pow(u('length', track * 128 + o), 1.4))::BIGINT END AS length
            FROM turns
        ), placed AS (
            SELECT *, length + below('gap', id, 2) AS taken,
                -below('begin', track, {_WEEKS_BEFORE}) AS begins FROM lengths
        ), dated AS (
            SELECT *, greatest(begins, week_of(opens) + 1 - if(opens < day(0, 0), 400, 0)) + coalesce(sum(taken) OVER
                (PARTITION BY track ORDER BY o ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT
                AS from_week
            FROM placed
        )
        SELECT row_number() OVER (ORDER BY track, o) AS e, * EXCLUDE (id, taken, begins, length),
            from_week + length - 1 AS to_week,
            role IN ('therapist', 'supervisor', 'intern') AND NOT is_group
                AND u('couple', id) < {s.couple_episode} + {s.family_episode} AS is_couple
        FROM dated
        WHERE from_week < {weeks} + 2 AND from_week + length > 0 AND day(greatest(from_week, 0), weekday) <= closes
    """,
    )


def _settle_endings(canvas: Canvas) -> None:
    """`w_ending`: how and when each ends, and to whom it is handed over. A leaver's cases go to colleagues."""
    weeks, s = canvas.weeks, canvas.shares
    closed = choose("u('closure', e)", _CLOSED, "planned_complete")
    canvas.table(
        "w_carrier",
        """
        SELECT n, row_number() OVER (ORDER BY n) - 1 AS place FROM w_clinician
        WHERE role IN ('therapist', 'supervisor') AND NOT is_hired AND NOT is_leaving AND NOT is_parental
    """,
    )
    canvas.table(
        "w_ending",
        f"""
        WITH handed AS (
            SELECT e.e, e.c, CASE WHEN day(e.to_week, e.weekday) > e.closes THEN e.closes
                WHEN u('transfer', e.e) < {s.transferred_episode} AND e.to_week - e.from_week >= 8
                THEN day((e.from_week + e.to_week) // 2, e.weekday) END AS handed_on,
                day(e.to_week, e.weekday) > e.closes AS is_leaving
            FROM w_drawn_episode e
            WHERE NOT e.is_group AND e.role IN ('therapist', 'supervisor', 'intern')
        ), asked AS (
            SELECT e.*, h.handed_on, h.is_leaving,
                CASE WHEN h.handed_on IS NOT NULL THEN below('receiver', e.e, carriers) END AS place
            FROM w_drawn_episode e CROSS JOIN (SELECT count(*) AS carriers FROM w_carrier)
            LEFT JOIN handed h ON h.e = e.e AND h.handed_on IS NOT NULL
        )
        SELECT e.e, CASE WHEN r.n IS NOT NULL THEN e.handed_on END AS handed_on, r.n AS receiver, e.is_leaving,
            CASE WHEN e.to_week >= {weeks} THEN 'open' WHEN u('deceased', e.e) < {s.deceased_episode} THEN 'deceased'
                WHEN u('never closed', e.e) < {s.never_closed_episode} THEN 'inferred'
                WHEN e.is_leaving AND r.n IS NULL THEN 'referred_out' ELSE {closed} END AS closure
        FROM asked e LEFT JOIN w_carrier r ON r.place = e.place AND r.n <> e.c
    """,
    )


def _settle_clients(canvas: Canvas) -> None:
    """`w_episode`: with the number of its client. Some clients return, some of a prescriber's have a therapist."""
    weeks, s = canvas.weeks, canvas.shares
    is_returning = f"o > 0 AND NOT is_group AND u('returning', e) < {s.returning_episode}"
    canvas.table(
        "w_episode",
        f"""
        WITH known AS (
            SELECT d.*, n.handed_on, n.receiver, coalesce(n.is_leaving, false) AS is_leaving, n.closure,
                lag(e) OVER own AS earlier, lag(n.closure) OVER own AS earlier_closure,
                coalesce(lag({is_returning}) OVER own, false) AS earlier_returned
            FROM w_drawn_episode d JOIN w_ending n USING (e) WINDOW own AS (PARTITION BY track ORDER BY o)
        ), treated AS (
            SELECT e AS client, row_number() OVER (ORDER BY e) - 1 AS place FROM w_drawn_episode
            WHERE role IN ('therapist', 'supervisor') AND NOT is_couple
        ), dated AS (
            SELECT k.*, CASE WHEN {is_returning} AND earlier IS NOT NULL AND NOT earlier_returned
                    AND earlier_closure NOT IN ('deceased', 'inferred') THEN earlier
                WHEN role = 'prescriber' AND u('shared', e) < {s.shared_prescriber_client} THEN t.client
                ELSE e END AS client,
                CASE WHEN from_week >= {weeks} THEN day({weeks}, 0) - 3
                    ELSE day(from_week, weekday) - below('intake days', e, 12)::INTEGER END AS opened_on,
                CASE WHEN closure IN ('open', 'inferred') THEN NULL
                    WHEN is_leaving AND receiver IS NULL THEN closes
                    ELSE least(day(to_week, weekday) + below('closing', e, 14)::INTEGER, day({weeks}, 0) - 1)
                    END AS closed_on
            FROM known k CROSS JOIN (SELECT count(*) AS size FROM treated)
            LEFT JOIN treated t ON t.place = below('shares', e, size)
        )
        SELECT *, client * 4 AS client_id, CASE role WHEN 'prescriber' THEN 'medication' WHEN 'tester' THEN 'testing'
                ELSE if(is_group, 'group', if(is_couple, 'couple', 'therapy')) END AS service_line,
            closure IN ('planned_complete', 'mutual', 'admin') AND u('bulk', e) < {s.bulk_cancel_episode}
                AND closed_on < day({weeks}, 0) AS is_bulk_cancelled
        FROM dated
    """,
    )


def write_episodes(canvas: Canvas) -> None:
    """Episodes, the assignments that carry them, and their weights. A partner in a couple has an episode too."""
    weeks = canvas.weeks
    canvas.table(
        "w_case",
        """
        SELECT k('episode', e * 2) AS episode_key, client_id, e.* EXCLUDE (client_id), false AS is_partner
        FROM w_episode e
        UNION ALL
        SELECT k('episode', e * 2 + 1), e * 4 + 1, e.* EXCLUDE (client_id), true FROM w_episode e WHERE is_couple
    """,
    )
    canvas.write(
        "episode",
        EHR,
        f"""
        SELECT episode_key, k('client', client_id) AS client_key, service_line, opened_on, closed_on,
            CASE WHEN from_week >= {weeks} THEN if(u('planned', e) < 0.7, 'planned', 'waitlist')
                WHEN u('entered in error', e) < 0.003 THEN 'entered_in_error'
                WHEN closed_on IS NOT NULL THEN if(closure = 'unknown', 'unknown', 'finished')
                WHEN u('on hold', e) < 0.02 THEN 'onhold' ELSE 'active' END AS status,
            ehr_clinician(coalesce(receiver, c), false) AS primary_clinician_key,
            CASE WHEN closed_on IS NOT NULL THEN closure WHEN u('says open', e) < 0.5 THEN 'open' END AS closure_type,
            CASE WHEN u('planned end', e) < 0.4 THEN day(from_week + 16, weekday) END AS planned_end_on
        FROM w_case
    """,
    )
    ended = "CASE closure WHEN 'client_unilateral' THEN 'dropout' WHEN 'planned_complete' THEN 'completed' "
    ended += "WHEN 'mutual' THEN 'completed' WHEN 'unknown' THEN 'unknown' ELSE 'other' END"
    canvas.write(
        "case_assignment",
        EHR,
        f"""
        WITH spans AS (
            SELECT e * 4 + is_partner::INTEGER AS id, episode_key, client_id, c AS clinician, opened_on AS from_date,
                coalesce(handed_on, closed_on) AS to_date,
                CASE WHEN handed_on IS NOT NULL THEN CASE WHEN is_leaving THEN 'clinician_left'
                        WHEN u('fit', e) < 0.5 THEN 'transfer_fit' ELSE 'transfer_capacity' END
                    WHEN closed_on IS NOT NULL THEN if(is_leaving, 'clinician_left', {ended}) END AS end_reason,
                if(is_group AND s.co_leader IS NOT NULL, 0.5, 1.0) AS share
            FROM w_case LEFT JOIN w_co_leader s ON s.leader = c
            UNION ALL
            SELECT e * 4 + 2 + is_partner::INTEGER, episode_key, client_id, receiver, handed_on + 1, closed_on,
                CASE WHEN closed_on IS NOT NULL THEN {ended} END, 1.0
            FROM w_case WHERE receiver IS NOT NULL AND (closed_on IS NULL OR closed_on > handed_on)
            UNION ALL
            SELECT e * 4 + 3, episode_key, client_id, s.co_leader, opened_on, closed_on,
                CASE WHEN closed_on IS NOT NULL THEN 'completed' END, 0.5
            FROM w_case JOIN w_co_leader s ON s.leader = c WHERE is_group
        )
        SELECT k('assignment', id) AS assignment_key, episode_key, k('client', client_id) AS client_key,
            ehr_clinician(clinician, false) AS clinician_key, from_date, to_date, share, end_reason
        FROM spans
    """,
    )
    _write_weights(canvas)


def make_co_leaders(canvas: Canvas) -> None:
    """`w_co_leader`: every other group has a co-therapist, who has no part in the group's hours otherwise."""
    canvas.table(
        "w_co_leader",
        """
        SELECT l.n AS leader, c.n AS co_leader
        FROM (SELECT n, row_number() OVER (ORDER BY n) - 1 AS place FROM w_clinician WHERE leads_group) l
        JOIN (SELECT n, row_number() OVER (ORDER BY n) - 1 AS place FROM w_clinician WHERE NOT leads_group
              AND role IN ('therapist', 'intern') AND NOT is_hired AND left_on IS NULL) c USING (place)
        WHERE place % 2 = 0
    """,
    )


def _write_weights(canvas: Canvas) -> None:
    """First weights at the opening, some changed later; raters differ, and some weight everything with 3."""
    rater = choose("u('rater', id)", {"therapist": 0.6, "supervisor": 0.2, "intake": 0.1, "null": 0.05}, "system")
    canvas.table(
        "w_weight",
        f"""
        WITH rated AS (
            SELECT e * 2 AS id, * FROM w_episode WHERE u('weighted', e) < {canvas.shares.weighted_episode}
            UNION ALL
            SELECT e * 2 + 1, * REPLACE (opened_on + 60 AS opened_on) FROM w_episode
            WHERE u('weighted', e) < {canvas.shares.weighted_episode} / 4
              AND opened_on + 60 < least(coalesce(closed_on, day({canvas.weeks}, 0)), day({canvas.weeks}, 0))
        )
        SELECT id, e, client_id, c, opened_on AS effective_from, CASE WHEN c % 11 = 5 THEN 3
            ELSE 1 + floor(3 * pow(u('weight', id), 1.3))::INTEGER END AS weight, {rater} AS rated_by_role FROM rated
    """,
    )
    canvas.write(
        "case_weight",
        EHR,
        """
        SELECT k('case weight', id) AS case_weight_key, k('episode', e * 2) AS episode_key,
            k('client', client_id) AS client_key, ehr_clinician(c, false) AS clinician_key, effective_from, weight,
            CASE rated_by_role WHEN 'system' THEN 'rule' WHEN 'supervisor' THEN 'supervisor'
                WHEN 'therapist' THEN 'clinician' ELSE 'unknown' END AS method, rated_by_role
        FROM w_weight
    """,
    )
    flags = "['trauma', 'recent_loss', 'psychosis', 'si_risk', 'legal', 'perinatal_loss', 'other']"
    canvas.write(
        "case_weight_flag",
        EHR,
        f"""
        SELECT k('case weight', id) AS case_weight_key, unnest(list_distinct([pick('flag', id, {flags}),
            pick('second flag', id, {flags})])) AS flag
        FROM w_weight WHERE weight = 3
    """,
    )
