"""Measuring instruments: series of totals with their items, and the alerts that follow from them."""

from __future__ import annotations

from pacekeeper.contract.instruments import instruments
from pacekeeper.testing.canonical_practice.canvas import EHR, Canvas, choose

_HOUR = 3600
_DAY = 86400
#: Item of the PHQ-9 that asks about safety.
_SAFETY_ITEM = 9


def make_outcomes(canvas: Canvas) -> None:
    """`w_response`; responses, items, alerts and what was done about them."""
    _answer(canvas)
    _write_responses(canvas)
    _make_alerts(canvas)
    _write_alerts(canvas)


def _answer(canvas: Canvas) -> None:
    """Every fourth kept visit of a client in therapy, the first included; a caregiver of a minor answers as well.

    place: the number of the response in its series, from 0. nine: the answer about safety, of the PHQ-9 only.
    """
    s = canvas.shares
    sizes = "CASE instrument WHEN 'phq9' THEN 8 WHEN 'gad7' THEN 7 ELSE 10 END"
    canvas.table(
        "w_response",
        f"""
        WITH visits AS (
            SELECT v.id, v.e, v.c, v.is_second, v.client_id, v.record, v.start_s,
                row_number() OVER (PARTITION BY v.e ORDER BY v.start_s, v.id) - 1 AS visit_no
            FROM w_visit v WHERE v.status = 'kept' AND NOT v.is_group AND v.role IN ('therapist', 'supervisor',
                'intern')
        ), due AS (
            SELECT v.*, p.course, p.says_item_nine, visit_no // 4 AS place, unnest(list_filter([
                'phq9', if(p.client_id_u < 0.5, 'gad7', NULL), if(p.is_perinatal, 'epds', NULL)], x -> x IS NOT NULL))
                AS instrument, unnest_respondent
            FROM visits v JOIN (
                SELECT *, u('anxious', id) AS client_id_u,
                    unnest(if(is_minor, ['self', 'caregiver'], ['self'])) AS unnest_respondent FROM w_client
            ) p ON p.id = v.client_id
            WHERE visit_no % 4 = 0 AND u('measured', v.id) < {s.measured_visit}
        ), numbered AS (
            SELECT * EXCLUDE (unnest_respondent), CASE WHEN unnest_respondent = 'self' AND u('by clinician', id) < 0.01
                    THEN 'clinician' ELSE unnest_respondent END AS respondent,
                id * 8 + list_position(['phq9', 'gad7', 'epds'], instrument) - 1
                    + if(unnest_respondent = 'self', 0, 4) AS n FROM due
        ), scored AS (
            SELECT *, CASE WHEN instrument = 'phq9' AND says_item_nine AND u('nine', n) < 0.7
                THEN 1 + below('nine', n, 3)
                    ELSE 0 END AS nine,
                greatest(0, least(22, 8 + below('begins at', client_id, 12) + below('wobble', n, 5) - 2 + place
                    * CASE course WHEN 'improving' THEN -3 WHEN 'worsening' THEN 2 WHEN 'late' THEN if(place > 2, -3, 0)
                        WHEN 'remitted' THEN -5 ELSE 0 END)) AS raw,
                u('form', n) AS form
            FROM numbered
        )
        SELECT *, {sizes} AS spread, least(raw, 3 * {sizes}) + nine AS total,
            CASE WHEN form < {s.refused_response} THEN 'refused'
                WHEN form < {s.refused_response} + {s.missing_item_response} THEN 'item_missing'
                WHEN form > 0.95 THEN 'total_only' ELSE 'complete' END AS filled,
            1 + below('missing item', n, {sizes} + (instrument = 'phq9')::INTEGER) AS missing_item
        FROM scored
    """,
    )


def _write_responses(canvas: Canvas) -> None:
    scoring = " ".join(f"WHEN '{code}' THEN '{found.scoring_version}'" for code, found in instruments().items())
    canvas.write(
        "measure_response",
        EHR,
        f"""
        SELECT k('response', n) AS response_key, k('client', record) AS client_key,
            CASE WHEN u('response episode', n) < 0.95 THEN k('episode', e * 2) END AS episode_key,
            CASE WHEN s.id IS NOT NULL AND u('response session', n) < 0.9 THEN k('session', s.id) END AS session_key,
            instrument,
            CASE WHEN u('version known', n) < 0.9 THEN if(client_id % 97 = 0 AND place > 1, '2', '1') END AS version,
            moment(start_s - 600) AS administered_at,
            CASE WHEN filled <> 'refused' AND u('finish known', n) < 0.9 THEN
                moment(start_s - 600 + 60 + below('takes', n, 300)) END AS completed_at,
            respondent, CASE WHEN filled IN ('complete', 'total_only') THEN total END AS total,
            CASE WHEN filled = 'total_only' OR filled = 'complete' AND u('says total', n) < 0.5 THEN total END
                AS source_total,
            CASE filled WHEN 'complete' THEN 0 WHEN 'item_missing' THEN 1 END AS items_missing,
            CASE filled WHEN 'refused' THEN 'invalid' WHEN 'item_missing' THEN 'partial' ELSE 'complete' END AS status,
            CASE instrument {scoring} END AS scoring_version,
            CASE WHEN u('language known', client_id) < 0.9 THEN if(u('language', client_id) < 0.1, 'es', 'en') END
                AS language,
            CASE WHEN filled <> 'refused' AND u('finish known', n) < 0.5 THEN (60 + below('takes', n, 300))::DOUBLE END
                AS completion_sec,
            CASE WHEN filled = 'refused' THEN pick('refused', n, ['refused', 'not_offered', 'language', 'technical'])
                END AS missing_reason
        FROM w_response r LEFT JOIN (SELECT id FROM w_session) s ON s.id = r.id * 4
    """,
    )
    # The total is dealt out evenly, the rest from an item of its own on, and the answer about safety comes last.
    canvas.write(
        "measure_item",
        EHR,
        f"""
        WITH item AS (
            SELECT n, instrument, nine, spread, filled, missing_item, total - nine AS others,
                below('first item', n, spread) AS shift,
                unnest(range(1, spread + 1 + (instrument = 'phq9')::INTEGER)) AS item_no
            FROM w_response WHERE filled IN ('complete', 'item_missing')
        )
        SELECT k('response', n) AS response_key, item_no, CASE WHEN filled = 'item_missing' AND item_no = missing_item
                THEN NULL WHEN instrument = 'phq9' AND item_no = {_SAFETY_ITEM} THEN nine
                ELSE others // spread + ((item_no + shift) % spread < others % spread)::INTEGER END AS value
        FROM item
    """,
    )


def _make_alerts(canvas: Canvas) -> None:
    """`w_alert`: raised some hours after what it is about."""
    canvas.table(
        "w_alert",
        f"""
        WITH series AS (
            SELECT *, lag(total) OVER (PARTITION BY client_id, instrument, respondent ORDER BY start_s, n) AS before
            FROM w_response WHERE filled IN ('complete', 'total_only')
        ), kept AS (
            SELECT *, lag(status) OVER (PARTITION BY e ORDER BY start_s, id) AS before FROM w_visit
            WHERE start_s < {canvas.as_of_s} AND status IN ('kept', 'no_show')
        ), raised AS (
            SELECT n AS about, 'safety_item' AS kind, 0 AS kind_no, c, record, start_s, n AS response FROM w_response
            WHERE nine > 0 AND filled = 'complete'
            UNION ALL
            SELECT n, 'off_track', 1, c, record, start_s, n FROM series WHERE course = 'worsening' AND place >= 2
            UNION ALL
            SELECT n, 'reliable_drop', 2, c, record, start_s, n FROM series
            WHERE instrument = 'phq9' AND total - before >= {instruments()["phq9"].reliable_change}
            UNION ALL
            SELECT id, 'no_show_run', 3, c, record, start_s, NULL FROM kept WHERE status = 'no_show'
                AND before = 'no_show'
            UNION ALL
            SELECT id, 'overdue_measure', 4, c, record, start_s, NULL FROM kept WHERE u('overdue', id) < 0.004
            UNION ALL
            SELECT id, 'alliance_low', 5, c, record, start_s, NULL FROM kept WHERE u('alliance', id) < 0.003
        )
        SELECT *, about * 8 + kind_no AS n, start_s + {_HOUR} * 2 + below('alert', about, 10 * {_HOUR}) AS made_s
        FROM raised WHERE start_s + 12 * {_HOUR} < {canvas.as_of_s}
    """,
    )


def _write_alerts(canvas: Canvas) -> None:
    now = canvas.as_of_s
    canvas.table(
        "w_told",
        f"""
        SELECT *, u('acted', n) < {canvas.shares.alert_with_action} AND acted_s < {now} AS is_acted
        FROM (SELECT *, made_s + 1800 + below('acted', n, 6 * {_DAY}) AS acted_s FROM w_alert)
    """,
    )
    done = choose("u('alert state', n)", {"acknowledged": 0.15, "reviewed": 0.4, "false_positive": 0.05}, "resolved")
    canvas.write(
        "clinical_alert",
        EHR,
        f"""
        SELECT k('alert', n) AS alert_key, k('client', record) AS client_key, ehr_clinician(c, false) AS clinician_key,
            kind, moment(made_s) AS created_at, CASE WHEN response IS NOT NULL THEN k('response', response) END
                AS trigger_response_key,
            CASE WHEN u('told therapist', n) < 0.92 THEN moment(made_s + 60 * below('tells', n, 600)) END
                AS therapist_notified_at,
            CASE WHEN u('told supervisor', n) < 0.8 THEN moment(made_s + 60 * below('tells too', n, 900)) END
                AS supervisor_notified_at,
            CASE WHEN is_acted THEN {done} WHEN made_s < {now} - 30 * {_DAY} AND u('expired', n) < 0.5 THEN 'expired'
                ELSE 'open' END AS state
        FROM w_told
    """,
    )
    role = choose(
        "u('actor', n)", {"therapist": 0.6, "supervisor": 0.25, "clinical_lead": 0.05, "null": 0.03}, "support"
    )
    canvas.write(
        "alert_action",
        EHR,
        f"""
        SELECT k('action', n * 2 + step) AS action_key, k('alert', n) AS alert_key,
            moment(acted_s + step * 5400) AS acted_at,
            {role} AS actor_role, CASE WHEN kind = 'safety_item' AND step = 0 THEN 'safety_plan' ELSE
                pick('action', n * 2 + step, ['reviewed', 'discussed_with_client', 'plan_changed', 'referred',
                'outreach',
                    'none_needed']) END AS action,
            CASE WHEN u('action session', n) < 0.3 THEN k('session', v.id) END AS session_key
        FROM w_told CROSS JOIN range(2) AS s(step)
        LEFT JOIN (SELECT id FROM w_session) v ON v.id = response // 8 * 4
        WHERE is_acted AND (step = 0 OR u('second action', n) < 0.2)
          AND acted_s + step * 5400 < {now}
    """,
    )
