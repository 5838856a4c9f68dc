"""Staff surveys by team, reports handed over, and experiments."""

from __future__ import annotations

from datetime import timedelta

from pacekeeper.testing.canonical_practice.canvas import HR, SURVEY, Canvas

_WAVE_WEEKS = 13
#: Items of each instrument, what an answer may be, and the part of the sheets that has it. A pulse is the practice's
#: own and makes no scale.
_PULSE = ("exhausted", "detached", "notes_at_home", "supported", "fair_load", "intends_to_leave")
_INSTRUMENTS: tuple[tuple[str, tuple[str, ...], str, float], ...] = (
    ("pulse", _PULSE, "1 + below('pulse', id * 16 + place, 5)", 1),
    ("cbi", tuple(str(n) for n in range(7, 20)), "25 * below('cbi', id * 16 + place, 5)", 0.8),
    ("mini_z", ("1",), "1 + below('mini_z', id * 16 + place, 5)", 0.9),
)


def make_surveys(canvas: Canvas) -> None:
    """Waves in every quarter, answer sheets without a person, and items."""
    canvas.table(
        "w_wave",
        f"""
        SELECT wave, day(wave * {_WAVE_WEEKS} + 5, 0) AS opens_on, day(wave * {_WAVE_WEEKS} + 6, 6) AS closes_on
        FROM range({canvas.weeks} // {_WAVE_WEEKS} + 1) AS w(wave)
        WHERE wave * {_WAVE_WEEKS} + 7 <= {canvas.weeks} OR wave = 0
    """,
    )
    canvas.table(
        "w_invited",
        """
        SELECT wave, opens_on, closes_on, team_n, c.n FROM w_wave, w_clinician c
        WHERE c.hired <= opens_on AND (c.left_on IS NULL OR c.left_on >= closes_on)
    """,
    )
    canvas.write(
        "survey_wave",
        SURVEY,
        "SELECT k('wave', wave) AS wave_key, k('team', team_n) AS team_key, count(*) AS invited_n, opens_on, closes_on "
        "FROM w_invited GROUP BY wave, team_n, opens_on, closes_on",
    )
    values = ", ".join(
        f"({part}, '{name}', {list(items)}, {share})" for part, (name, items, _, share) in enumerate(_INSTRUMENTS)
    )
    canvas.table(
        "w_sheet",
        f"""
        SELECT (wave * 65536 + n) * 4 + part AS id, wave, team_n, instrument, part, items,
            CASE WHEN u('answers late', wave * 65536 + n) < 0.4 THEN opens_on + 7 ELSE opens_on END AS submitted_week
        FROM w_invited CROSS JOIN (VALUES {values}) AS p(part, instrument, items, share)
            WHERE u('answers', wave * 65536 + n) < {canvas.shares.survey_answered}
          AND u('answers more', (wave * 65536 + n) * 4 + part) < share
    """,
    )
    canvas.write(
        "staff_survey_response",
        SURVEY,
        "SELECT k('sheet', id) AS response_token, k('wave', wave) AS wave_key, k('team', team_n) AS team_key, "
        "instrument, submitted_week FROM w_sheet",
    )
    answers = " ".join(f"WHEN {part} THEN {answer}" for part, (_, _, answer, _) in enumerate(_INSTRUMENTS))
    canvas.write(
        "staff_survey_item",
        SURVEY,
        f"""
        WITH asked AS (
            SELECT id, part, unnest(items) AS item, unnest(range(len(items))) AS place FROM w_sheet
        )
        SELECT k('sheet', id) AS response_token, item, CASE part {answers} END::DOUBLE AS value
        FROM asked WHERE u('skipped', id * 16 + place) >= 0.02
    """,
    )
    _write_reports(canvas)
    _write_experiments(canvas)


def _write_reports(canvas: Canvas) -> None:
    """Own data to everybody in the month after, late at times; a summary of the practice by month."""
    canvas.write(
        "report_delivery",
        HR,
        f"""
        WITH month AS (
            SELECT m::DATE AS first_on, (m + INTERVAL 1 MONTH)::DATE AS next_on, year(m) * 12 + month(m) AS month_no
            FROM generate_series(date_trunc('month', day(0, 0))::TIMESTAMP, day({canvas.weeks}, 0)::TIMESTAMP,
                INTERVAL 1 MONTH) AS t(m)
        ), handed AS (
            SELECT n * 65536 + month_no AS id, n AS c, 'own_data' AS kind, first_on,
                next_on + (2 + below('report', n * 65536 + month_no, 14))::INTEGER AS on_day
            FROM w_clinician, month WHERE first_on >= hired AND (left_on IS NULL OR next_on <= left_on)
              AND u('reported', n * 65536 + month_no) < {canvas.shares.report_delivered}
            UNION ALL
            SELECT -month_no * 2 - part, NULL, ['practice_summary', 'wellbeing'][part + 1], first_on, next_on + 5
            FROM month CROSS JOIN range(2) AS p(part)
        )
        SELECT k('report', id) AS delivery_key, CASE WHEN c IS NOT NULL THEN hr_clinician(c) END AS clinician_key, kind,
            first_on AS period_month, moment(epoch(on_day) + 15 * 3600) AS delivered_at
        FROM handed WHERE on_day < day({canvas.weeks}, 0)
    """,
    )


def _write_experiments(canvas: Canvas) -> None:
    """Windows around a change: some long enough to tell chance apart, one declared late, one not by week."""
    third, half = max(canvas.weeks // 3, 1), max(canvas.weeks // 2, 1)
    quarter = max(canvas.weeks // 4, 1)
    tried = (
        # metric, where it is measured, week of the change, weeks of each window, decision, declared before it began
        ("NO_SHOW", "attendance_week.no_show_ratio", max(third, quarter), quarter, "keep", True),
        ("NOTES_24H", None, max(2 * third, quarter), quarter, None, True),
        ("UTILIZATION", "clinician_week.utilization_ratio", half, half, "change", True),
        ("AFTER_HOURS", "ehr_time_week.after_hours_min", half, half, None, False),
        ("CASELOAD", "caseload_snapshot.active_clients", half, quarter, "stop", True),
        ("TURNOVER", "workforce_month.turnover_12m", half, quarter, None, True),
        ("AHEAD", "clinician_week.direct_h", canvas.weeks, quarter, None, True),
    )
    rows = []
    for number, (metric, column, week, length, decision, is_early) in enumerate(tried):
        change = canvas.first_week + timedelta(weeks=week)
        before, after = change - timedelta(weeks=length), change + timedelta(days=7 * length - 1)
        declared = before - timedelta(days=10) if is_early else change + timedelta(days=3)
        rows.append(
            f"SELECT k('experiment', {number}) AS experiment_key, '{metric}' AS metric, "
            f"{'NULL' if column is None else repr(column)} AS mart_column, DATE '{before}' AS before_from, "
            f"DATE '{change - timedelta(days=1)}' AS before_to, DATE '{change}' AS after_from, "
            f"DATE '{after}' AS after_to, DATE '{declared}' AS declared_on, "
            f"{'NULL' if decision is None else repr(decision)} AS decision, "
            f"{'true' if number == 0 else 'NULL'}::BOOLEAN AS is_opt_in"
        )
    canvas.write("experiment", HR, " UNION ALL ".join(rows))
