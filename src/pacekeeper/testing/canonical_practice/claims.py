"""Claims, what payers say and pay, denials, reversals, secondary payers, remittances, and money posted."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import BILLING, Canvas
from pacekeeper.testing.canonical_practice.charges import ALLOWED
from pacekeeper.testing.canonical_practice.clients import CONTRACTS

#: Family of a denial by its claim adjustment reason code.
DENIALS = {
    "197": "authorisation",
    "27": "eligibility",
    "16": "coding",
    "50": "necessity",
    "29": "timeliness",
    "18": "duplicate",
    "96": "other",
}
_CAPITATED = CONTRACTS["other"]


def make_claims(canvas: Canvas) -> None:
    """`w_claim`, `w_processing` (a claim processed once) and its lines; everything a payer says."""
    _process(canvas)
    _remit(canvas)
    _write_claims(canvas)
    _write_payments(canvas)
    _write_remits(canvas)
    _write_postings(canvas)


def _process(canvas: Canvas) -> None:
    """`w_processing`: step 0 the first answer, 1 its reversal, 2 the corrected answer, 3 the answer to the replacement
    of a denied claim, 4 the secondary payer's. `w_line`: the lines of each, with signed amounts.
    """
    s = canvas.shares
    canvas.table(
        "w_claim",
        f"""
        SELECT n, min(submitted_on) AS submitted_on, min(day) AS day, min(record) AS record, min(client_id)
            AS client_id,
            min(c) AS c, min(payer) AS payer, sum(cents)::BIGINT AS cents, bool_or(has_secondary) AS has_secondary,
            min(submitted_on) - min(day) > 90 AS is_late, min(modality) AS modality,
            min(submitted_on) - min(day) > 90 OR u('denied', n) < {s.denied_claim} AS is_denied,
            u('reversed', n) < {s.reversed_claim} AND NOT is_denied AS is_reversed
        FROM w_charge WHERE submitted_on IS NOT NULL GROUP BY n
    """,
    )
    canvas.table(
        "w_processing",
        f"""
        WITH answered AS (
            SELECT *, submitted_on + (12 + below('answered', n, 30))::INTEGER AS first_on FROM w_claim
        ), steps AS (
            SELECT *, unnest([0, 1, 2, 3, 4]) AS step FROM answered
        ), dated AS (
            SELECT *, n * 8 + step AS id, first_on + CASE step WHEN 0 THEN 0 WHEN 1 THEN 20 WHEN 2 THEN 25
                WHEN 3 THEN 45
                ELSE 15 END AS paid_on
            FROM steps
            WHERE step = 0 OR is_reversed AND step IN (1, 2) OR step = 3 AND is_denied AND u('replaced', n) < 0.45
               OR step = 4 AND has_secondary AND NOT is_denied AND NOT is_reversed
        )
        SELECT *, CASE step WHEN 1 THEN -1 ELSE 1 END AS sign, step = 0 AND is_denied AS is_refused
        FROM dated WHERE paid_on < day({canvas.weeks}, 0)
    """,
    )
    allowed = (
        "CASE h.payer " + " ".join(f"WHEN '{payer}' THEN {percent}" for payer, percent in ALLOWED.items()) + " END"
    )
    canvas.table(
        "w_line",
        f"""
        WITH priced AS (
            SELECT p.id AS processing, p.n, p.step, p.sign, p.is_refused, p.is_late, h.id AS charge, h.line,
                h.code, h.day,
                h.cents, h.contract_code = '{_CAPITATED}' AS is_capitated, h.cents * {allowed} // 100 AS allowed
            FROM w_processing p JOIN w_charge h ON h.n = p.n
        ), shared AS (
            SELECT *, CASE WHEN line > 0 THEN 0 WHEN u('deductible', n) < 0.05 THEN allowed
                ELSE least(2500, allowed) END AS client_owes,
                CASE WHEN line = 0 AND u('deductible', n) < 0.05 THEN '1' ELSE '3' END AS owed_for
            FROM priced
        )
        SELECT *, CASE WHEN is_refused OR is_capitated THEN 0 WHEN step = 4 THEN client_owes
            ELSE sign * (allowed - client_owes) END AS paid FROM shared
    """,
    )


def _remit(canvas: Canvas) -> None:
    """`w_remitted`: what each processing paid, and the remittance it came in: one a week and payer."""
    place = "CASE p.payer " + " ".join(f"WHEN '{payer}' THEN {n}" for n, payer in enumerate(CONTRACTS)) + " END"
    canvas.table(
        "w_remitted",
        f"""
        SELECT p.id, week_of(min(p.paid_on)) * 16 + min(if(p.step = 4, 9, {place})) AS remit,
            least(day(week_of(min(p.paid_on)), 4), day({canvas.weeks}, 0) - 1) AS remit_on, sum(l.paid)::BIGINT AS paid,
            sum(if(l.is_capitated OR l.step = 4, 0, l.sign * l.client_owes))::BIGINT AS owed
        FROM w_processing p JOIN w_line l ON l.processing = p.id GROUP BY p.id
    """,
    )


def _write_claims(canvas: Canvas) -> None:
    columns = """
        k('billing/client', client_id) AS client_key, billing_clinician(c) AS clinician_key, payer AS payer_class,
        day AS service_from, day AS service_to, if(modality IN ('video', 'audio'), '10', '11') AS place_of_service,
        cents AS charge_cents, 'USD' AS currency
    """
    canvas.write(
        "claim",
        BILLING,
        f"""
        SELECT k('claim', n * 2) AS claim_key, 'original' AS frequency, NULL AS original_claim_key, submitted_on,
            {columns}
        FROM w_claim
        UNION ALL
        SELECT k('claim', n * 2 + 1), 'replacement', k('claim', n * 2), paid_on - 20, {columns}
        FROM w_processing WHERE step = 3
    """,
    )
    canvas.write(
        "claim_event",
        BILLING,
        f"""
        SELECT k('claim event', n * 4 + step) AS claim_event_key, k('claim', n * 2) AS claim_key,
            submitted_on + [1, 3, 9][step + 1] AS reported_on,
            CASE WHEN step = 1 AND u('rejected', n) < 0.02 THEN 'rejected'
                ELSE ['received', 'accepted', 'pended'][step + 1]
                END AS status, ['20', '19', '3'][step + 1] AS detail_code
        FROM w_claim CROSS JOIN range(3) AS s(step)
        WHERE (step < 2 OR u('pended', n) < 0.1) AND submitted_on + [1, 3, 9][step + 1] < day({canvas.weeks}, 0)
    """,
    )


def _write_payments(canvas: Canvas) -> None:
    """Per line: charge less adjustments is what was paid."""
    canvas.write(
        "claim_payment",
        BILLING,
        """
        SELECT k('processing', p.id) AS claim_payment_key, k('remit', r.remit) AS remit_key,
            k('claim', p.n * 2 + if(p.step = 3, 1, 0)) AS claim_key, k('billing/client', p.client_id) AS client_key,
            billing_clinician(p.c) AS clinician_key, CASE WHEN p.is_refused THEN 'denied' WHEN p.step = 1
                THEN 'reversal'
                WHEN p.step = 4 THEN 'secondary' ELSE 'primary' END AS status,
            if(p.step = 4, 'commercial', p.payer) AS payer_class, p.sign * p.cents AS charge_cents, r.paid
                AS paid_cents,
            CASE WHEN p.is_refused OR p.step = 4 THEN 0 ELSE r.owed END AS patient_responsibility_cents,
            p.day AS service_from, p.day AS service_to
        FROM w_processing p JOIN w_remitted r USING (id)
    """,
    )
    canvas.write(
        "claim_payment_line",
        BILLING,
        """
        SELECT k('line', processing * 4 + line) AS payment_line_key, k('processing', processing) AS claim_payment_key,
            row_number() OVER (PARTITION BY processing ORDER BY if(step IN (2, 3) AND is_numbered, -line, line))
                AS line_no, code AS procedure_code, day AS service_date, sign::DOUBLE AS units,
            sign * cents AS charge_cents, paid AS paid_cents,
            CASE WHEN NOT is_refused AND step <> 4 THEN sign * allowed END AS allowed_cents,
            CASE WHEN is_numbered THEN k('line control', charge) END AS line_control_key
        FROM (SELECT *, u('line numbers', n) < 0.7 AS is_numbered FROM w_line)
    """,
    )
    family = "CASE carc " + " ".join(f"WHEN '{carc}' THEN '{name}'" for carc, name in DENIALS.items()) + " END"
    codes = ", ".join(f"'{code}'" for code in DENIALS)
    canvas.write(
        "remit_adjustment",
        BILLING,
        f"""
        WITH adjusted AS (
            SELECT processing, line, 0 AS part, 'contractual' AS group_code,
                if(is_late, '29', pick('carc', n, [{codes}])) AS carc, cents AS amount, true AS is_denial
            FROM w_line WHERE is_refused
            UNION ALL
            SELECT processing, line, 0, 'contractual', '24', sign * cents, false FROM w_line
            WHERE is_capitated AND NOT is_refused
            UNION ALL
            SELECT processing, line, 0, 'contractual', '45', sign * (cents - allowed), false FROM w_line
            WHERE NOT is_refused AND NOT is_capitated AND step <> 4
            UNION ALL
            SELECT processing, line, 1, 'patient', owed_for, sign * client_owes, false FROM w_line
            WHERE NOT is_refused AND NOT is_capitated AND step <> 4 AND client_owes > 0
            UNION ALL
            SELECT processing, line, 0, 'other', '23', cents - client_owes, false FROM w_line
            WHERE step = 4 AND NOT is_capitated
        )
        SELECT k('adjustment', (processing * 4 + line) * 2 + part) AS adjustment_key,
            k('processing', processing) AS claim_payment_key, k('line', processing * 4 + line) AS payment_line_key,
            'line' AS level, group_code, carc, amount AS amount_cents, CASE WHEN is_denial THEN {family} END
                AS denial_family
        FROM adjusted
    """,
    )


def _write_remits(canvas: Canvas) -> None:
    s = canvas.shares
    canvas.table(
        "w_remit",
        f"""
        WITH paid AS (SELECT remit, min(remit_on) AS paid_on, sum(paid)::BIGINT AS paid FROM w_remitted GROUP BY ALL)
        SELECT *, if(u('remit adjusted', remit) < {s.provider_adjusted_remit}, 5000, 0) AS adjusted,
            u('unbalanced', remit) >= {s.unbalanced_remit} AS is_balanced FROM paid
    """,
    )
    canvas.write(
        "remit",
        BILLING,
        """
        SELECT k('remit', remit) AS remit_key, paid_on, paid - adjusted + if(is_balanced, 0, 100) AS amount_cents,
            'USD' AS currency, pick('method', remit, ['ACH', 'ACH', 'CHK']) AS method_code, adjusted AS adjusted_cents,
            is_balanced FROM w_remit
    """,
    )
    canvas.write(
        "remit_provider_adjustment",
        BILLING,
        """
        SELECT k('provider adjustment', remit) AS provider_adjustment_key, k('remit', remit) AS remit_key,
            pick('plb', remit, ['WO', 'FB', 'L6']) AS reason_code, adjusted AS amount_cents FROM w_remit
                WHERE adjusted <> 0
    """,
    )


def _write_postings(canvas: Canvas) -> None:
    """Payers' money some days after the remittance, the clients' own later; who pays for themselves pays at once."""
    end = f"day({canvas.weeks}, 0)"
    canvas.write(
        "payment",
        BILLING,
        f"""
        WITH posted AS (
            SELECT p.id AS n, 'payer' AS part, r.remit_on + (1 + below('posted', p.id, 4))::INTEGER AS posted_on,
                r.paid AS amount, 'payer' AS payment_source, p.client_id, k('claim', p.n * 2 + if(p.step = 3, 1,
                0)) AS claim,
                NULL AS charge, p.step = 1 AS is_reversal, CASE WHEN p.step = 1 THEN p.id - 1 END AS reversal_of
            FROM w_processing p JOIN w_remitted r USING (id) WHERE r.paid <> 0
            UNION ALL
            SELECT p.id, 'client', r.remit_on + (5 + below('copay', p.id, 40))::INTEGER, r.owed, 'client', p.client_id,
                k('claim', p.n * 2), NULL, false, NULL
            FROM w_processing p JOIN w_remitted r USING (id)
            WHERE p.step = 0 AND NOT p.is_refused AND NOT p.has_secondary AND r.owed > 0
                AND u('copay paid', p.id) < 0.85
            UNION ALL
            SELECT id, 'self', day + if(u('self late', id) < 0.1, 30, 0), cents, 'client', client_id, NULL,
                k('charge', id), false, NULL FROM w_charge
            WHERE payer = 'self_pay' AND NOT is_voided AND u('self paid', id) < 0.95
        )
        SELECT k('payment/' || part, n) AS payment_key, posted_on, amount AS amount_cents, 'USD' AS currency,
            payment_source, k('billing/client', client_id) AS client_key, claim AS claim_key, charge AS charge_key,
            is_reversal, CASE WHEN reversal_of IS NOT NULL THEN k('payment/payer', reversal_of) END AS reversal_of_key
        FROM posted WHERE posted_on < {end}
    """,
    )
