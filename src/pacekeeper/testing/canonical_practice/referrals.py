"""Inquiries and referrals, in and out, with steps that nobody recorded."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import EHR, Canvas, choose

_DAY = 86400


def make_referrals(canvas: Canvas) -> None:
    """Most episodes of the window began with a referral; other inquiries came to nothing; some went out."""
    now = canvas.as_of_s
    channel = choose(
        "u('channel', n)", {"self": 0.3, "provider": 0.25, "payer": 0.15, "website": 0.15, "school": 0.03}, "phone"
    )
    lost = choose(
        "u('lost', n)",
        {"waitlist": 0.25, "declined": 0.25, "unreachable": 0.25, "refer_out": 0.15, "unknown": 0.03},
        "open",
    )
    canvas.table(
        "w_referral",
        f"""
        WITH visit AS (
            SELECT e, min(start_s) AS offered_s, min(start_s) FILTER (status = 'kept') AS attended_s
                FROM w_visit GROUP BY e
        )
        SELECT e * 4 AS n, e, client_id, c, service_line, 'in' AS direction, 'accepted' AS outcome, v.offered_s,
            v.attended_s, v.offered_s - {_DAY} * (3 + floor(25 * pow(u('waits', e), 2))::BIGINT) AS inquiry_s, closed_on
        FROM w_episode JOIN visit v USING (e) WHERE from_week > 0 AND u('referred', e) < 0.9
        UNION ALL
        SELECT e * 4 + 1, e, NULL, c, service_line, 'in', NULL, NULL, NULL, epoch(day(from_week, weekday))::BIGINT
            + below('asks', e, {_DAY}), NULL FROM w_episode WHERE from_week > 0 AND u('lost too', e) < 0.6
        UNION ALL
        SELECT e * 4 + 2, e, client_id, c, service_line, 'out', CASE WHEN u('out', e) < 0.6 THEN 'accepted'
            ELSE 'open' END,
            NULL, NULL, epoch(closed_on)::BIGINT + 50000, closed_on FROM w_episode
        WHERE closed_on IS NOT NULL AND (closure = 'referred_out' OR u('goes out', e) < 0.02)
    """,
    )
    result = "CASE outcome WHEN 'accepted' THEN 'fit' WHEN 'open' THEN NULL ELSE outcome END"
    canvas.write(
        "referral",
        EHR,
        f"""
        WITH judged AS (SELECT * REPLACE (coalesce(outcome, {lost}) AS outcome) FROM w_referral
            WHERE inquiry_s < {now}),
        timed AS (
            SELECT *, inquiry_s + 1800 + below('responds', n, 36 * 3600) AS responded_s,
                inquiry_s + 38 * 3600 + below('screens', n, {_DAY}) AS screened_s FROM judged
        )
        SELECT k('referral', n) AS referral_key, CASE WHEN client_id IS NOT NULL THEN k('client', client_id) END
                AS client_key, CASE WHEN u('asks for', n) < 0.3 OR direction = 'out' THEN ehr_clinician(c, false) END
                AS clinician_key,
            direction, {channel} AS channel, CASE WHEN u('inquiry known', n) < 0.95 THEN moment(inquiry_s) END
                AS inquiry_at,
            CASE WHEN u('responded', n) < 0.9 AND responded_s < {now} THEN moment(responded_s) END AS responded_at,
            CASE WHEN u('screened', n) < 0.85 AND direction = 'in' AND screened_s < {now} THEN moment(screened_s) END
                AS screened_at,
            CASE WHEN outcome = 'accepted' AND u('accepted known', n) < 0.85 AND screened_s + 3600 < {now}
                THEN moment(screened_s + 3600) END AS accepted_at,
            CASE WHEN u('offer known', n) < 0.85 THEN moment(offered_s) END AS first_offered_at,
            CASE WHEN u('referral error', n) < 0.005 THEN 'entered_in_error' ELSE outcome END AS outcome, service_line,
            CASE WHEN u('screened', n) < 0.85 AND direction = 'in' THEN {result} END AS screen_result,
            CASE WHEN u('attendance linked', n) < 0.8 THEN moment(attended_s) END AS first_attended_at,
            CASE WHEN outcome IN ('declined', 'unreachable', 'refer_out') AND u('closed known', n) < 0.8
                AND screened_s + {_DAY} < {now} THEN moment(screened_s + {_DAY}) END AS closed_at,
            CASE WHEN u('wants', n) < 0.4 THEN pick('wants what', n, ['trauma', 'couples', 'perinatal', 'child']) END
                AS requested_specialty,
            CASE WHEN u('acuity known', n) < 0.6 THEN u('acuity', n) < 0.15 END AS needs_high_acuity
        FROM timed
    """,
    )
