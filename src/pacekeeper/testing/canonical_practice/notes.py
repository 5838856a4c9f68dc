"""Clinical notes: when they were begun, signed, countersigned and amended, and the work at the screen they took."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import EHR, Canvas, choose

_HOUR = 3600
_DAY = 86400


def make_notes(canvas: Canvas) -> None:
    """`w_note`, one per client who was in a session; `begun_s` to `begun_end_s` and up to `signed_s` is work on it.

    Most are written right after the session, some in the evening or at night, some days later; a few are never signed,
    a few were begun before the session.
    """
    s, now = canvas.shares, canvas.as_of_s
    when = choose(
        "u('note when', n)",
        {
            "never": f"if(s.c % 3 = 0, 0, 1) * {s.unsigned_note}",
            "late": f"CASE WHEN s.c % 3 = 0 THEN 0.1 WHEN s.c % 7 = 4 THEN 4 ELSE 0.7 END * {s.late_note}",
            "evening": f"if(s.c % 5 = 1, 3, 0.7) * {s.evening_note}",
            "night": s.night_note,
            "early": s.early_note,
            "end_of_day": 0.15,
            "next_day": 0.08,
        },
        "at_once",
    )
    canvas.table(
        "w_note",
        f"""
        WITH timed AS (
            SELECT a.n, a.id AS session, a.visit, a.record, s.c, s.is_second, s.role, s.start_s, s.end_s, s.base_s,
                s.is_intake, s.group_n IS NOT NULL AS is_group, s.e, {when} AS pace,
                60 * (4 + below('note work', n, if(s.is_intake, 25, 12))) AS work_s
            FROM w_attendance a JOIN w_session s ON s.id = a.id
            WHERE a.attended AND s.status IN ('completed', 'partial') AND u('note missing', n) >= {s.missing_note}
        ), begun AS (
            SELECT *, CASE pace WHEN 'early' THEN start_s - 60 * (15 + below('early note', n, 30))
                    ELSE end_s + 60 * below('note gap', n, 4) END AS begun_s,
                CASE pace WHEN 'end_of_day' THEN base_s + 17 * {_HOUR} + below('note second', n, {_HOUR})
                    WHEN 'evening' THEN base_s + 19 * {_HOUR} + 1800 + below('note second', n, 3 * {_HOUR})
                    WHEN 'night' THEN base_s + {_DAY} - 600 + below('note second', n, 2 * {_HOUR})
                    WHEN 'next_day' THEN base_s + {_DAY} + 8 * {_HOUR} + below('note second', n, 4 * {_HOUR})
                    WHEN 'late' THEN base_s + {_DAY} * (4 + below('note days', n, 14)) + 10 * {_HOUR}
                        + below('note second', n, 5 * {_HOUR})
                    END AS finish_s
            FROM timed
        ), worked AS (
            SELECT *, finish_s AS resumed_s, CASE pace WHEN 'never' THEN NULL
                    WHEN 'at_once' THEN begun_s + work_s WHEN 'early' THEN end_s + work_s
                    ELSE greatest(finish_s, begun_s + 300) + work_s END AS sign_s,
                begun_s + if(pace = 'at_once', work_s, 180) AS begun_end_s
            FROM begun
        )
        SELECT * EXCLUDE (sign_s), CASE WHEN sign_s < {now} THEN sign_s END AS signed_s FROM worked
        WHERE begun_s < {now}
    """,
    )
    _write_notes(canvas)


def _write_notes(canvas: Canvas) -> None:
    now = canvas.as_of_s
    mode = choose(
        "u('mode', n)",
        {"typed": 0.4, "template": 0.25, "dictation": 0.08, "ai_assist": 0.1, "ai_ambient": 0.07, "null": 0.07},
        "unknown",
    )
    kind = choose("u('note type', n)", {"plan": 0.03, "discharge": 0.02, "other": 0.02, "unknown": 0.005}, "progress")
    cosigned = f"signed_s + {_HOUR} * (3 + below('cosign', n, 150))"
    canvas.write(
        "note",
        EHR,
        f"""
        WITH signed AS (
            SELECT *, CASE WHEN role = 'intern' AND u('cosigned', n) < 0.9 AND {cosigned} < {now} THEN {cosigned} END
                AS cosigned_s, u('amended', n) < {canvas.shares.amended_note} AND signed_s IS NOT NULL AS is_amended
            FROM w_note
        )
        SELECT k('note', n) AS note_key, CASE WHEN u('note linked', n) < 0.97 THEN k('session', session) END
                AS session_key, CASE WHEN visit IS NOT NULL THEN k('appointment', visit) END AS appointment_key,
            k('client', record) AS client_key, ehr_clinician(c, is_second) AS clinician_key,
            if(is_intake, 'intake', {kind}) AS note_type, moment(start_s) AS service_at, moment(begun_s) AS created_at,
            moment(signed_s) AS signed_at, moment(cosigned_s) AS cosigned_at,
            CASE WHEN u('amendments known', n) < 0.95 THEN if(is_amended, 1 + below('amendments', n, 2), 0) END
                AS amended_count,
            CASE WHEN u('note error', n) < 0.002 THEN 'entered_in_error' WHEN u('note error', n) < 0.004 THEN 'unknown'
                WHEN signed_s IS NULL THEN if(u('draft', n) < 0.7, 'draft', 'preliminary')
                WHEN is_amended THEN 'amended' ELSE 'final' END AS status,
            {mode} AS authoring_mode,
            CASE WHEN u('template used', n) < 0.5 THEN pick('template code', n, ['SOAP', 'DAP', 'BIRP']) END
                AS template_id,
            CASE WHEN u('risk known', n) < 0.7 THEN u('risk', n) < 0.85 END AS is_risk_reviewed
        FROM signed
    """,
    )
