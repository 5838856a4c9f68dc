"""Charges for sessions and missed appointments, contracts and costs."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import BILLING, EHR, Canvas
from pacekeeper.testing.canonical_practice.clients import CONTRACTS

#: Price in cents by procedure code.
PRICES = {
    "90791": 22_000,
    "90834": 15_000,
    "90837": 18_000,
    "90839": 24_000,
    "90847": 19_000,
    "90853": 6_000,
    "96130": 30_000,
    "99213": 16_000,
    "90833": 8_000,
    "90785": 1_500,
}
#: Part of the price that a payer allows, percent.
ALLOWED = {"commercial": 72, "medicaid": 50, "medicare": 62, "tricare": 60, "workers_comp": 70, "other": 65}
_NO_SHOW_FEE = 7_500


def make_charges(canvas: Canvas) -> None:
    """`w_charge`: one per session and billed client, and a prescriber's add-on codes on the same claim."""
    price = "CASE code " + " ".join(f"WHEN '{code}' THEN {cents}" for code, cents in PRICES.items()) + " END"
    canvas.table(
        "w_charge",
        f"""
        WITH billed AS (
            SELECT a.n, a.id AS session, a.visit, a.record, a.client_id, s.c, s.is_second, s.role, s.day, s.modality,
                s.service_line, p.payer, p.contract_code, p.has_secondary, CASE s.session_type WHEN 'intake'
                THEN '90791'
                    WHEN 'couple' THEN '90847' WHEN 'family' THEN '90847' WHEN 'group' THEN '90853'
                    WHEN 'crisis' THEN '90839' WHEN 'testing' THEN '96130' WHEN 'medication' THEN '99213'
                    ELSE if(s.end_s - s.start_s >= 53 * 60, '90837', '90834') END AS main_code
            FROM w_attendance a JOIN w_session s ON s.id = a.id JOIN w_client p ON p.id = a.client_id
            WHERE a.is_billed AND a.attended AND s.status IN ('completed', 'partial') AND u('billed', a.n) < 0.99
        ), coded AS (
            SELECT *, 0 AS line, main_code AS code FROM billed
            UNION ALL
            SELECT *, 1, if(u('add-on', n) < 0.3, '90833', '90785') FROM billed
            WHERE role = 'prescriber' AND u('add-on', n) < 0.38
        )
        SELECT *, n * 2 + line AS id, {price} AS cents, u('voided', n) < 0.008 AS is_voided,
            CASE WHEN payer <> 'self_pay' AND u('voided', n) >= 0.008 AND day + lag_days < day({canvas.weeks}, 0)
                THEN day + lag_days END AS submitted_on
        FROM (SELECT *, (1 + below('submitted', n, 9) + if(u('late claim', n) < {canvas.shares.late_claim}, 100,
            0))::INTEGER
            AS lag_days FROM coded)
    """,
    )
    _write_charges(canvas)
    _write_rates(canvas)


def _write_charges(canvas: Canvas) -> None:
    """Interns are billed under their supervisor. A fee for a missed appointment has no session and no claim."""
    canvas.write(
        "charge",
        EHR,
        f"""
        SELECT k('charge', h.id) AS charge_key, CASE WHEN submitted_on IS NOT NULL THEN k('claim', h.n * 2) END
                AS claim_key,
            CASE WHEN u('unlinked', h.n) >= {canvas.shares.unlinked_charge} THEN k('session', session) END
                AS session_key,
            k('client', record) AS client_key, ehr_clinician(c, is_second) AS clinician_key,
            CASE WHEN h.role = 'intern' THEN ehr_clinician(v.supervisor, false) END AS billing_clinician_key,
            day AS service_date, code AS procedure_code,
            CASE modality WHEN 'video' THEN '10' WHEN 'audio' THEN '10' WHEN 'home' THEN '12' ELSE '11' END
                AS place_of_service,
            1.0 AS units, cents AS charge_cents, 'USD' AS currency, payer AS payer_class,
            CASE WHEN is_voided THEN 'voided' WHEN u('charge state', h.n) < 0.002 THEN 'unknown' ELSE 'billed' END
                AS status,
            CASE WHEN visit IS NOT NULL THEN k('appointment', visit) END AS appointment_key,
            CASE WHEN u('charge line', h.n) < 0.8 THEN service_line END AS service_line, contract_code
        FROM w_charge h LEFT JOIN w_supervised v ON v.n = h.c
        UNION ALL
        SELECT k('fee', id), NULL, NULL, k('client', record), ehr_clinician(c, is_second), NULL, day,
            if(u('fee code', id) < 0.1, '90834', 'NOSHOW'), NULL, 1.0, {_NO_SHOW_FEE}, 'USD', 'self_pay', 'billed',
            k('appointment', id), NULL, NULL FROM w_visit
        WHERE outcome IN ('no_show', 'late') AND u('fee', id) < {canvas.shares.no_show_fee} AND NOT is_group
    """,
    )
    canvas.write(
        "charge_modifier",
        EHR,
        """
        SELECT k('charge', id) AS charge_key, 1 AS position, '95' AS modifier FROM w_charge WHERE modality = 'video'
        UNION ALL
        SELECT k('charge', id), if(modality = 'video', 2, 1), 'HO' FROM w_charge WHERE role = 'intern'
    """,
    )


def _write_rates(canvas: Canvas) -> None:
    """Rates rise by 3 % in the middle of the window; a capitated plan pays by member and month."""
    contracts = ", ".join(
        f"('{payer}', '{code}', {ALLOWED[payer]}, {place})" for place, (payer, code) in enumerate(CONTRACTS.items())
    )
    codes = ", ".join(f"('{code}', {cents}, {place})" for place, (code, cents) in enumerate(PRICES.items()))
    change = f"day({canvas.weeks} // 2, 0)"
    canvas.write(
        "payer_contract",
        BILLING,
        f"""
        WITH rate AS (
            SELECT payer, contract, code, cents * percent // 100 AS cents, p * 100 + q AS id
            FROM (VALUES {contracts}) AS c(payer, contract, percent, p), (VALUES {codes}) AS r(code, cents, q)
            WHERE payer <> 'other'
        )
        SELECT k('rate', id * 2 + since) AS rate_key, contract AS contract_code, payer AS payer_class,
            'fee_for_service' AS payment_model, code AS procedure_code, cents * (100 + since * 3) // 100 AS rate_cents,
            'USD' AS currency, if(since = 0, day(-104, 0), {change}) AS effective_from,
            if(since = 0, {change} - 1, NULL) AS effective_to
        FROM rate, range(2) AS s(since)
        UNION ALL
        SELECT k('rate', 'capitation'), '{CONTRACTS["other"]}', 'other', 'capitation', NULL, 4500, 'USD', day(-104,
            0), NULL
    """,
    )
    canvas.write(
        "member_month",
        BILLING,
        f"""
        SELECT k('member month', epoch(month)::BIGINT) AS member_month_key, month, 'other' AS payer_class,
            '{CONTRACTS["other"]}' AS contract_code, members_n, members_n * 4500 AS revenue_cents, 'USD' AS currency
        FROM (SELECT m::DATE AS month, 20 * {canvas.clinicians} + below('members', epoch(m)::BIGINT, 30) AS members_n
            FROM generate_series(date_trunc('month', day(0, 0))::TIMESTAMP, day({canvas.weeks},
                0)::TIMESTAMP - INTERVAL 1 DAY,
                INTERVAL 1 MONTH) AS t(m))
    """,
    )
    canvas.write(
        "cost_rate",
        BILLING,
        """
        SELECT k('cost rate', line) AS cost_rate_key, line AS service_line, if(line IN ('group', 'testing'), NULL, 2500)
                AS session_cost_cents, if(line = 'medication', NULL, 6000) AS hour_cost_cents, 'USD' AS currency,
            day(-104, 0) AS effective_from, NULL::DATE AS effective_to
        FROM (SELECT unnest(['therapy', 'couple', 'group', 'medication', 'testing']) AS line)
    """,
    )
