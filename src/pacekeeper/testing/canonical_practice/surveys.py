"""Staff surveys by team, reports handed over, and experiments."""

from __future__ import annotations

from datetime import timedelta

from pacekeeper.testing.canonical_practice.canvas import HR, SURVEY, Canvas

_WAVE_WEEKS = 13
#: Items of each instrument, with the highest answer; the lowest is 1 for the pulse and 0 for the burnout scale.
_PULSE = ("exhausted", "detached", "notes_at_home", "supported", "fair_load", "intends_to_leave")
_CBI = tuple(f"work_{n}" for n in range(1, 8))


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
    canvas.table(
        "w_sheet",
        f"""
        SELECT (wave * 65536 + n) * 2 + part AS id, wave, team_n, ['pulse', 'cbi'][part + 1] AS instrument, part,
            CASE WHEN u('answers late', wave * 65536 + n) < 0.4 THEN opens_on + 7 ELSE opens_on END AS submitted_week
        FROM w_invited CROSS JOIN range(2) AS p(part)
            WHERE u('answers', wave * 65536 + n) < {canvas.shares.survey_answered}
          AND (part = 0 OR u('answers more', wave * 65536 + n) < 0.8)
    """,
    )
    canvas.write(
        "staff_survey_response",
        SURVEY,
        "SELECT k('sheet', id) AS response_token, k('wave', wave) AS wave_key, k('team', team_n) AS team_key, "
        "instrument, submitted_week FROM w_sheet",
    )
    pulse, cbi = (", ".join(f"'{item}'" for item in items) for items in (_PULSE, _CBI))
    canvas.write(
        "staff_survey_item",
        SURVEY,
        f"""
        WITH asked AS (
            SELECT id, part, unnest(if(part = 0, [{pulse}], [{cbi}])) AS item,
                unnest(range(if(part = 0, {len(_PULSE)}, {len(_CBI)}))) AS place FROM w_sheet
        )
        SELECT k('sheet', id) AS response_token, item, CASE part WHEN 0 THEN 1 + below('pulse', id * 16 + place, 5)
            ELSE 25 * below('cbi', id * 16 + place, 5) END::DOUBLE AS value
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
    """Two with windows of the same length around a change; the later one is undecided yet."""
    rows = []
    for number, (metric, column, decision) in enumerate(
        (("NO_SHOW", "attendance_week.no_show_ratio", "'keep'"), ("NOTES_24H", None, "NULL"))
    ):
        length = max(canvas.weeks // 4, 1)
        change = canvas.first_week + timedelta(weeks=max((number + 1) * canvas.weeks // 3, length))
        before, after = change - timedelta(weeks=length), change + timedelta(days=7 * length - 1)
        rows.append(
            f"SELECT k('experiment', {number}) AS experiment_key, '{metric}' AS metric, "
            f"{'NULL' if column is None else repr(column)} AS mart_column, DATE '{before}' AS before_from, "
            f"DATE '{change - timedelta(days=1)}' AS before_to, DATE '{change}' AS after_from, "
            f"DATE '{after}' AS after_to, DATE '{before - timedelta(days=10)}' AS declared_on, {decision} AS decision, "
            f"{'true' if number == 0 else 'NULL'}::BOOLEAN AS is_opt_in"
        )
    canvas.write("experiment", HR, " UNION ALL ".join(rows))
