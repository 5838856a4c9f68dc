"""Employment, pay, leave, time entries and capacity flags, as HR and the time clock know them."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import EHR, HR, Canvas

_PAY_DAYS = 14


def make_workforce(canvas: Canvas) -> None:
    """The tables of employment, pay, leave and working time."""
    _write_plans(canvas)
    _write_employments(canvas)
    _write_pay(canvas)
    _write_leave(canvas)
    _write_time(canvas)
    _write_flags(canvas)


def _write_plans(canvas: Canvas) -> None:
    plans = (
        ("salary", "fixed", None, "team_goals"),
        ("tiered", "collections", None, "none"),
        ("commission", "collections", 0.6, "none"),
        ("hourly", "hours", None, "individual_outcomes"),
        ("base_plus", "sessions", 0.3, "collections"),
    )
    rows = ", ".join(
        f"({n}, '{kind}', '{basis}', {'NULL' if share is None else share}, '{bonus}')"
        for n, (kind, basis, share, bonus) in enumerate(plans)
    )
    canvas.write(
        "comp_plan",
        HR,
        f"""
        SELECT k('plan', n) AS comp_plan_key, kind, basis, share::DOUBLE AS share, bonus AS bonus_basis,
            day(-200, 0) AS effective_from, NULL::DATE AS effective_to
        FROM (VALUES {rows}) AS p(n, kind, basis, share, bonus)
    """,
    )
    canvas.write(
        "comp_plan_tier",
        HR,
        "SELECT k('plan', 1) AS comp_plan_key, * FROM (VALUES (1, 15, 0.5), (16, 22, 0.55), (23, NULL, 0.6)) "
        "AS t(from_sessions, to_sessions, share)",
    )


def _write_employments(canvas: Canvas) -> None:
    """A change of FTE on a Wednesday is a second row; who was rehired has an earlier one, some months before."""
    plan = "CASE WHEN is_contractor THEN 2 WHEN role = 'intern' THEN 3 ELSE pick('plan', n, [0, 0, 1, 4]) END"
    staff = f"range({canvas.clinicians}, {canvas.clinicians + canvas.clinicians_of(canvas.shares.other_staff)})"
    canvas.write(
        "employment",
        HR,
        f"""
        WITH spans AS (
            SELECT n, 0 AS part, hired AS since, coalesce(changed_on - 1, left_on) AS until, fte AS now_fte,
                changed_on IS NULL AS is_last FROM w_clinician
            UNION ALL
            SELECT n, 1, changed_on, left_on, fte_after, true FROM w_clinician WHERE changed_on IS NOT NULL
            UNION ALL
            SELECT n, 2, hired - 500, hired - 90, 1.0, false FROM w_clinician WHERE is_rehired
        )
        SELECT k('employment', n * 4 + part) AS employment_key, hr_clinician(n) AS clinician_key, since AS start_date,
            until AS end_date, CASE WHEN until IS NULL THEN NULL WHEN part = 2 THEN 'contract_end'
                WHEN is_last THEN pick('left', n, ['voluntary', 'voluntary', 'involuntary', 'retire', 'other'])
                ELSE 'contract_end' END AS end_reason,
            CASE WHEN is_contractor THEN '1099' WHEN role = 'intern' THEN 'student' ELSE 'w2' END AS employment_type,
            CASE WHEN NOT is_contractor THEN now_fte::DOUBLE END AS fte,
            CASE WHEN NOT is_contractor THEN (now_fte * 40)::DOUBLE END AS contract_h_week,
            k('plan', {plan}) AS comp_plan_key,
            pick('week shape', n, ['half_day_blocks', 'four_client_days', 'four_by_ten', 'other']) AS schedule_template,
            CASE WHEN role = 'supervisor' THEN 14.0 END AS target_override,
            CASE WHEN role = 'supervisor' THEN 'hours' END AS target_override_unit,
            CASE WHEN role = 'supervisor' THEN 'SUPERVISION' END AS target_override_reason,
            CASE WHEN role = 'supervisor' THEN day({canvas.weeks} + 26, 0) END AS target_override_until
        FROM spans JOIN w_clinician USING (n)
        UNION ALL
        SELECT k('employment', n * 4), hr_clinician(n), day(-60, 0), NULL, NULL, 'w2', 1.0, 40.0, k('plan', 0),
            NULL, NULL,
            NULL, NULL, NULL FROM {staff} AS t(n)
    """,
    )


def _write_pay(canvas: Canvas) -> None:
    periods = -(-canvas.weeks * 7 // _PAY_DAYS)
    canvas.write(
        "pay_period",
        HR,
        f"""
        WITH paid AS (
            SELECT n, p, c.role, fte, is_contractor, day(0, 0) + (p * {_PAY_DAYS})::INTEGER AS first_on
            FROM w_clinician c CROSS JOIN range({periods}) AS p(p)
            WHERE day(0, 0) + (p * {_PAY_DAYS} + {_PAY_DAYS - 1})::INTEGER >= hired
              AND (left_on IS NULL OR day(0, 0) + (p * {_PAY_DAYS})::INTEGER <= left_on)
              AND day(0, 0) + (p * {_PAY_DAYS} + {_PAY_DAYS - 1})::INTEGER < day({canvas.weeks}, 0)
        )
        SELECT k('pay', n * 1024 + p) AS pay_key, hr_clinician(n) AS clinician_key, first_on AS period_start,
            first_on + {_PAY_DAYS - 1} AS period_end,
            (fte * (if(role = 'prescriber', 600000, 280000) + below('pay', n * 1024 + p, 60000)))::BIGINT AS pay_cents,
            'USD' AS currency, CASE WHEN u('plan known', n) < 0.9 THEN k('plan', if(is_contractor, 2,
                if(role = 'intern', 3, pick('plan', n, [0, 0, 1, 4])))) END AS comp_plan_key
        FROM paid
    """,
    )


def _write_leave(canvas: Canvas) -> None:
    """Hours are counted up at each month's beginning and taken on days off that the ledger knows of."""
    canvas.write(
        "pto_ledger",
        HR,
        f"""
        WITH month AS (
            SELECT m::DATE AS first_on, row_number() OVER (ORDER BY m) AS month_no
            FROM generate_series(date_trunc('month', day(0, 0))::TIMESTAMP, day({canvas.weeks}, 0)::TIMESTAMP,
                INTERVAL 1 MONTH) AS t(m) WHERE m::DATE < day({canvas.weeks}, 0)
        ), entry AS (
            SELECT 'accrual' AS what, c.n * 1024 + month_no AS id, c.n AS c, first_on AS entry_date, 'accrue' AS kind,
                13.5 * fte AS hours, true AS is_approved
            FROM w_clinician c, month WHERE first_on >= hired AND (left_on IS NULL OR first_on <= left_on)
                AND NOT is_contractor
            UNION ALL
            SELECT 'grant', n, n, hired, 'grant', 16.0, true FROM w_clinician WHERE NOT is_contractor
            UNION ALL
            SELECT 'end', n, n, make_date(year(day(0, 0)), 12, 31), pick('year end', n, ['carry', 'forfeit']), 8.0, NULL
            FROM w_clinician WHERE make_date(year(day(0, 0)), 12, 31) BETWEEN greatest(hired, day(0, 0))
                AND coalesce(left_on, day({canvas.weeks}, 0)) AND NOT is_contractor
            UNION ALL
            SELECT 'off', o.c * 16384 + (o.day - day(0, 0)), o.c, o.day,
                CASE WHEN o.kind = 'pto' THEN if(p.is_contractor, 'unpaid', 'take') ELSE o.kind END,
                if(o.is_half, 4.0, 8.0), CASE WHEN u('approved', o.c * 16384 + (o.day - day(0, 0))) < 0.95 THEN true
                    WHEN u('approved', o.c * 16384 + (o.day - day(0, 0))) < 0.97 THEN false END
            FROM w_off o JOIN w_clinician p ON p.n = o.c WHERE o.told IN ('ledger', 'both')
        )
        SELECT k('pto/' || what, id) AS pto_entry_key, hr_clinician(c) AS clinician_key, entry_date, kind,
            hours::DOUBLE AS hours, is_approved FROM entry
    """,
    )


def _write_time(canvas: Canvas) -> None:
    """Weekly entries of each kind; supervision has a counterpart and is called off now and then."""
    s = canvas.shares
    kinds = (
        # kind, weekday, minutes from, spread, share of weeks
        ("admin", 3, 90, 120, 0.9),
        ("documentation", 4, 120, 180, 0.5),
        ("huddle", 0, 15, 5, 0.8),
        ("meeting", 2, 45, 30, 0.5),
        ("training", 4, 60, 60, 0.1),
        ("ce", 4, 120, 120, 0.05),
        ("outreach", 1, 15, 30, 0.3),
        ("coordination", 3, 20, 40, 0.3),
        ("supervision_grp", 2, 60, 30, 0.25),
    )
    values = ", ".join(
        f"({n}, '{kind}', {day}, {low}, {more}, {share})" for n, (kind, day, low, more, share) in enumerate(kinds)
    )
    canvas.write(
        "time_entry",
        HR,
        f"""
        WITH worked AS (
            SELECT w.*, w.c * 1024 + w.week AS week_no, v.supervisor FROM w_workday w
            LEFT JOIN w_supervised v ON v.n = w.c WHERE w.off_kind IS NULL AND w.week < {canvas.weeks}
        ), entry AS (
            SELECT week_no * 16 + place AS id, c, day, base_s, kind, low + below('entry', week_no * 16 + place, more)
                AS minutes, NULL::BIGINT AS counterpart
            FROM worked JOIN (VALUES {values}) AS k(place, kind, on_weekday, low, more, share) ON on_weekday = weekday
            WHERE u('has entry', week_no * 16 + place) < share
            UNION ALL
            SELECT week_no * 16 + 15, c, day, base_s, 'supervision_ind', 60, supervisor FROM worked
            WHERE weekday = 1 AND supervisor IS NOT NULL AND u('has entry', week_no * 16 + 15) < 0.7
        )
        SELECT k('entry', id) AS entry_key, hr_clinician(c) AS clinician_key, day AS entry_date,
            CASE WHEN u('entry time', id) < 0.6 THEN moment(base_s + 15 * 3600) END AS started_at,
                minutes::DOUBLE AS minutes,
            kind, CASE WHEN u('paid known', id) < 0.9 THEN u('paid', id) < 0.9 END AS is_paid,
            CASE WHEN u('attested known', id) < 0.9 THEN u('attested', id) < 0.8 END AS is_attested,
            CASE WHEN counterpart IS NOT NULL THEN hr_clinician(counterpart) END AS counterpart_key,
            CASE WHEN counterpart IS NOT NULL AND u('called off', id) < {s.cancelled_supervision}
                THEN pick('called off by', id, ['self', 'counterpart', 'other']) END AS cancelled_by
        FROM entry
    """,
    )


def _write_flags(canvas: Canvas) -> None:
    canvas.write(
        "capacity_flag",
        EHR,
        f"""
        WITH raised AS (
            SELECT c, week, day, base_s, c * 1024 + week AS id FROM w_workday WHERE weekday = 1 AND week % 4 = 1
              AND week < {canvas.weeks} AND u('flag', c * 1024 + week) < {canvas.shares.capacity_flag_month}
        )
        SELECT k('capacity', id) AS flag_key, ehr_clinician(c, false) AS clinician_key,
            moment(base_s + 10 * 3600) AS raised_at,
            CASE WHEN u('flag until', id) < 0.6 THEN day + 28 END AS until_date FROM raised
    """,
    )
