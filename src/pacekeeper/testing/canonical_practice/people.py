"""Locations, clinicians with their accounts in several sources, specialties and supervision."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import BILLING, EHR, HR, ZONES, Canvas, choose

TEAM_SIZE = 9
#: The last team is small, so that its survey results must be hidden.
SMALL_TEAM = 3
_CLINICIANS_OF_A_CLINIC = 120


def make_people(canvas: Canvas, practice_key: str) -> None:
    """`w_location` and `w_clinician`, and the tables that describe people."""
    _make_locations(canvas, practice_key)
    _make_clinicians(canvas)
    _write_records(canvas, practice_key)
    _write_supervision(canvas)


def _make_locations(canvas: Canvas, practice_key: str) -> None:
    clinics = len(ZONES) * -(-canvas.clinicians // (_CLINICIANS_OF_A_CLINIC * len(ZONES)))
    zones = "[" + ", ".join(f"'{zone}'" for zone in ZONES) + "]"
    canvas.table(
        "w_location",
        f"""
        SELECT n, (n % {len(ZONES)})::INTEGER AS zone_no, {zones}[1 + n % {len(ZONES)}] AS tz, 'clinic' AS kind
        FROM range({clinics}) AS t(n)
        UNION ALL SELECT {clinics}, 0, '{ZONES[0]}', 'telehealth'
        UNION ALL SELECT {clinics} + 1, 1, '{ZONES[1]}', 'community'
    """,
    )
    canvas.write(
        "location",
        EHR,
        f"SELECT k('location', n) AS location_key, '{practice_key}' AS practice_key, tz, "
        "if(kind = 'telehealth', 'default', 'record') AS tz_source, kind FROM w_location",
    )


def _make_clinicians(canvas: Canvas) -> None:
    s, size = canvas.shares, canvas.clinicians
    shares = {"prescriber": s.prescriber, "intern": s.intern, "supervisor": s.supervisor, "tester": s.tester}
    edges, total = [], 1
    for role, share in shares.items():
        total += canvas.clinicians_of(share)
        edges.append(f"WHEN place <= {total} THEN '{role}'")
    small = f"n >= {size} - {SMALL_TEAM}" if size > TEAM_SIZE else "false"
    canvas.table(
        "w_drawn",
        f"""
        WITH placed AS (
            SELECT n, row_number() OVER (ORDER BY u('role', n), n) AS place FROM range({size}) AS t(n)
        )
        SELECT n, place, CASE WHEN place = 1 THEN 'therapist' {" ".join(edges)} ELSE 'therapist' END AS role,
            (row_number() OVER (ORDER BY u('zone', n), n) - 1) % (SELECT count(*) FROM w_location WHERE kind = 'clinic')
                AS location_n,
            CASE WHEN {small} THEN {size} // {TEAM_SIZE} + 1 ELSE n // {TEAM_SIZE} END AS team_n,
            {canvas.chosen("owner", s.owner_clinician)} AS is_owner,
            {canvas.chosen("second account", s.second_account_clinician)} AS has_second,
            {canvas.chosen("part time", s.part_time_clinician)} AS is_part_time,
            {canvas.chosen("rehired", s.rehired_clinician)} AS is_rehired,
            {canvas.chosen("parental", s.parental_clinician)} AS is_parental,
            {canvas.chosen("on call", s.on_call_clinician)} AS is_on_call,
            {canvas.chosen("overloaded", s.overloaded_clinician)} AS is_overloaded,
            {canvas.chosen("underbooked", s.underbooked_clinician)} AS is_underbooked,
            {canvas.chosen("template", s.template_clinician)} AS has_template,
            {canvas.chosen("no availability", s.no_availability_clinician)} AS is_silent
        FROM placed
    """,
    )
    # One feature a person where two would hide each other.
    hired = canvas.chosen("hired", s.hired_clinician, rather_not="is_parental")
    leaving = canvas.chosen("leaving", s.leaving_clinician, rather_not="is_parental OR is_hired")
    contractor = canvas.chosen("contractor", s.contractor_clinician, rather_not="role = 'intern'")
    short = "role IN ('intern', 'supervisor') OR is_part_time OR is_contractor"
    changes = canvas.chosen("fte change", s.fte_change_clinician, rather_not=short)
    canvas.table(
        "w_clinician",
        f"""
        WITH begun AS (
            SELECT *, {contractor} AND role <> 'intern' AS is_contractor, {hired} AND NOT is_parental AS is_hired
            FROM w_drawn
        ), settled AS (
            SELECT *, {leaving} AND NOT is_parental AND NOT is_hired AS is_leaving,
                {changes} AND NOT ({short}) AS changes_fte FROM begun
        ), dated AS (
            SELECT *, l.zone_no,
                CASE role WHEN 'prescriber' THEN 30 WHEN 'tester' THEN 120 ELSE 60 END AS unit,
                CASE WHEN is_hired
                    THEN day({canvas.weeks} * (10 + below('hired week', c.n, 40)) // 100, below('hired day', c.n, 4))
                    ELSE day(0, 0) - (200 + below('tenure', c.n, 900))::INTEGER END AS hired,
                CASE WHEN is_leaving
                    THEN day({canvas.weeks} * (40 + below('left week', c.n, 50)) // 100, below('left day', c.n, 5))
                    END AS left_on,
                CASE WHEN role = 'intern' OR is_part_time THEN 0.5 WHEN role = 'supervisor' THEN 0.8
                    ELSE 1.0 END AS fte,
                CASE WHEN changes_fte THEN day({canvas.weeks} // 2, 2) END AS changed_on,
                CASE WHEN is_parental THEN {canvas.weeks} * 3 // 10 END AS parental_week
            FROM settled c JOIN (SELECT n AS location_n, zone_no FROM w_location) l USING (location_n)
        )
        SELECT *, 0.6 AS fte_after,
            CASE WHEN is_owner THEN 12 WHEN is_overloaded AND NOT is_part_time AND role = 'therapist' THEN 46
                WHEN role = 'supervisor' THEN 16 ELSE round(28 * fte)::INTEGER + below('offered', n, 4) END AS hours,
            CASE WHEN role <> 'prescriber' AND role <> 'tester' THEN
                row_number() OVER (ORDER BY role IN ('prescriber', 'tester', 'intern'), u('group', n), n)
                <= {canvas.clinicians_of(s.group_clinician)} ELSE false END AS leads_group
        FROM dated
    """,
    )
    # Whoever supervises is a supervisor, or the first therapist of a practice that has none.
    canvas.table(
        "w_supervisor",
        """
        SELECT n, row_number() OVER (ORDER BY n) - 1 AS place FROM w_clinician
        WHERE role = 'supervisor' OR NOT EXISTS (FROM w_clinician WHERE role = 'supervisor') AND place = 1
    """,
    )
    canvas.table(
        "w_supervised",
        """
        SELECT c.n, s.n AS supervisor FROM w_clinician c
        JOIN w_supervisor s ON s.place = c.n % (SELECT count(*) FROM w_supervisor) AND s.n <> c.n
        WHERE c.role IN ('intern', 'therapist', 'tester', 'prescriber')
    """,
    )


def _write_records(canvas: Canvas, practice_key: str) -> None:
    level = "CASE role WHEN 'intern' THEN 'trainee' ELSE " + choose("u('level', n)", {"associate": 0.2}, "licensed")
    canvas.table(
        "w_record",
        f"""
        SELECT '{EHR}' AS of_source, n, ehr_clinician(n, false) AS record_key, true AS is_described FROM w_clinician
        UNION ALL SELECT '{EHR}', n, ehr_clinician(n, true), true FROM w_clinician WHERE has_second
        UNION ALL SELECT '{HR}', n, hr_clinician(n), true FROM w_clinician
        UNION ALL SELECT '{BILLING}', n, billing_clinician(n), false FROM w_clinician
    """,
    )
    for source in (EHR, HR):
        place = "k('location', location_n)" if source == EHR else "NULL"
        canvas.write(
            "clinician",
            source,
            f"""
            SELECT record_key AS clinician_key, '{practice_key}' AS practice_key, role, {level} END AS license_level,
                true AS is_client_facing, {place} AS home_location_key, hired AS first_seen
            FROM w_record JOIN w_clinician USING (n) WHERE is_described AND of_source = '{source}'
        """,
        )
    staff = f"range({canvas.clinicians}, {canvas.clinicians + canvas.clinicians_of(canvas.shares.other_staff)})"
    canvas.write(
        "clinician",
        HR,
        f"SELECT hr_clinician(n) AS clinician_key, '{practice_key}' AS practice_key, 'other' AS role, "
        f"'FRONT' AS role_source_code, 'none' AS license_level, false AS is_client_facing FROM {staff} AS t(n)",
    )
    for source in (EHR, HR, BILLING):
        canvas.write(
            "clinician_identifier",
            source,
            f"SELECT record_key AS clinician_key, 'npi' AS domain, k('npi', n) AS match_key FROM w_record "
            f"WHERE of_source = '{source}' UNION ALL SELECT record_key, 'email', k('clinician email', n) FROM w_record "
            f"WHERE of_source = '{source}' AND u('email', n) < 0.5 AND of_source <> '{BILLING}'",
        )
    canvas.write(
        "clinician_specialty",
        EHR,
        "SELECT ehr_clinician(n, false) AS clinician_key, specialty FROM (SELECT n, unnest(list_distinct(["
        "pick('specialty', n, ['trauma', 'couples', 'perinatal', 'anxiety', 'addiction', 'child']), "
        "pick('other specialty', n, ['trauma', 'grief', 'anxiety'])])) AS specialty FROM w_clinician)",
    )


def _write_supervision(canvas: Canvas) -> None:
    """A third of those who were there before the window changed their supervisor in it, where there are two."""
    change = f"day({canvas.weeks} // 3, 0)"
    canvas.write(
        "supervision_link",
        HR,
        f"""
        WITH moved AS (
            SELECT s.n, s.supervisor, c.hired, c.left_on, c.team_n, o.n AS earlier
            FROM w_supervised s JOIN w_clinician c USING (n) CROSS JOIN (SELECT count(*) AS supervisors
                FROM w_supervisor)
            LEFT JOIN w_supervisor o ON o.n <> s.supervisor AND o.n <> s.n AND c.hired < day(0, 0)
                AND o.place = (s.n + 1) % supervisors AND u('supervisor change', s.n) < 0.33
        ), spans AS (
            SELECT n, supervisor, 'clinical' AS kind, CASE WHEN earlier IS NULL THEN hired ELSE {change} END AS since,
                left_on AS until, team_n FROM moved
            UNION ALL
            SELECT n, earlier, 'clinical', hired, {change} - 1, team_n FROM moved WHERE earlier IS NOT NULL
            UNION ALL
            SELECT c.n, o.n, 'admin', c.hired, c.left_on, c.team_n FROM w_clinician c
            JOIN (SELECT min(n) AS n FROM w_clinician WHERE is_owner) o ON o.n <> c.n
        )
        SELECT hr_clinician(n) AS clinician_key, hr_clinician(supervisor) AS supervisor_key, kind,
            since AS valid_from, until AS valid_to, k('team', team_n) AS team_key
        FROM spans WHERE until IS NULL OR until >= since
    """,
    )
