-- note_timeliness as somebody would write it for DuckDB alone, with the shipped policy's values in it.
WITH person AS (
    SELECT c.clinician_key, coalesce(m.person_key, c.clinician_key) AS person_key
    FROM canonical.clinician c LEFT JOIN canonical.person_match m USING (clinician_key)
), zone AS (
    SELECT clinician_key AS person_key, any_value(zone) AS zone, min(week_start_at) AS from_at, max(week_end_at) AS to_at
    FROM marts.clinician_week GROUP BY 1
), client AS (
    SELECT client_key AS record, person_key AS client_person FROM canonical.client_match
), held AS (
    SELECT session_key, appointment_key, ended_at, clinician_key FROM canonical.session WHERE status <> 'voided'
), kept AS (
    SELECT appointment_key, max(ended_at) AS ended_at, min(clinician_key) AS clinician_key
    FROM held WHERE appointment_key IS NOT NULL GROUP BY 1
), service AS (
    SELECT n.* EXCLUDE (client_key, clinician_key), coalesce(client_person, n.client_key) AS client_key,
        coalesce(n.clinician_key, h.clinician_key, k.clinician_key, a.clinician_key) AS clinician_key,
        coalesce(h.ended_at, k.ended_at, a.end_at, n.service_at) AS service_end_at,
        CASE WHEN coalesce(h.ended_at, k.ended_at) IS NOT NULL THEN 'session' WHEN a.end_at IS NOT NULL
            THEN 'appointment' WHEN n.service_at IS NOT NULL THEN 'service' END AS clock_from
    FROM canonical.note n
    LEFT JOIN held h ON h.session_key = n.session_key
    LEFT JOIN kept k ON k.appointment_key = n.appointment_key
    LEFT JOIN canonical.appointment a ON a.appointment_key = n.appointment_key
    LEFT JOIN client ON client.record = n.client_key
    WHERE n.status <> 'entered_in_error' AND n.created_at <= getvariable('as_of')
), clock AS (
    SELECT s.*, p.person_key, zone, from_at, to_at,
        if(signed_at <= getvariable('as_of'), signed_at, NULL) AS told_at,
        CASE WHEN told_at IS NOT NULL THEN 'signed' WHEN signed_at IS NOT NULL OR status IN ('draft', 'preliminary')
            THEN 'open' WHEN status IN ('final', 'amended') THEN 'signed_undated' ELSE 'unknown' END AS state,
        (epoch_us(told_at) // 1000000 - epoch_us(service_end_at) // 1000000) / 3600 AS lag_h,
        if(state = 'open', greatest((epoch_us(getvariable('as_of')) // 1000000 - epoch_us(service_end_at) // 1000000)
            / 3600, CASE WHEN service_end_at IS NOT NULL THEN 0 END), NULL) AS open_h
    FROM service s JOIN person p USING (clinician_key) LEFT JOIN zone USING (person_key)
), signature AS (
    SELECT person_key, note_key, coalesce(session_key, appointment_key, note_key) AS about, told_at,
        sum(CASE WHEN epoch_us(told_at) // 1000000 - epoch_us(before_at) // 1000000 <= 300 THEN 0 ELSE 1 END) OVER (
            PARTITION BY person_key ORDER BY epoch_us(told_at) // 1000000, note_key) AS sitting
    FROM (
        SELECT *, lag(told_at) OVER (PARTITION BY person_key ORDER BY epoch_us(told_at) // 1000000, note_key)
            AS before_at
        FROM clock WHERE told_at IS NOT NULL
    )
), sitting AS (
    SELECT person_key, sitting, count(DISTINCT about) >= 5 AS is_bulk FROM signature GROUP BY ALL
), begun AS (
    SELECT DISTINCT ON (person_key, client_key, begun_s) person_key, client_key, note_key,
        epoch_us(created_at) // 1000000 AS begun_s, epoch_us(told_at) // 1000000 AS told_s
    FROM clock WHERE client_key IS NOT NULL ORDER BY person_key, client_key, begun_s, note_key
), entry AS (
    SELECT person_key, coalesce(client_person, client_key) AS client_key, epoch_us("at") // 1000000 AS at_s, action_count
    FROM canonical.ehr_event JOIN person USING (clinician_key) LEFT JOIN client ON record = client_key
    WHERE task_type = 'note' AND client_key IS NOT NULL
), action AS (
    SELECT note_key, sum(action_count) AS actions_n
    FROM entry ASOF JOIN begun ON entry.person_key = begun.person_key AND entry.client_key = begun.client_key
        AND entry.at_s >= begun.begun_s
    WHERE told_s IS NULL OR at_s <= told_s GROUP BY 1
), shown AS (
    SELECT c.*,
        if(told_at IS NOT NULL AND service_end_at >= from_at AND service_end_at < to_at,
            told_at < to_at AND told_at >= from_at
            AND (told_at AT TIME ZONE zone)::DATE = (service_end_at AT TIME ZONE zone)::DATE, NULL) AS is_same_day
    FROM clock c
)
SELECT c.note_key, c.person_key AS clinician_key, client_key, note_type, template_id, authoring_mode, clock_from,
    service_end_at, created_at, signed_at, state, lag_h, open_h,
    CASE WHEN state = 'open' THEN 'open' WHEN lag_h IS NULL THEN 'unknown' WHEN lag_h < 0 THEN 'before_end'
        WHEN is_same_day THEN 'same_day' WHEN lag_h <= 24 THEN 'le_24h' WHEN lag_h <= 48 THEN 'le_48h'
        WHEN lag_h <= 72 THEN 'le_72h' ELSE 'gt_72h' END AS band,
    is_same_day, lag_h < 0 AS is_prewritten,
    CASE WHEN state = 'unknown' THEN NULL WHEN state = 'open' THEN open_h > 72 ELSE false END AS is_overdue,
    (epoch_us(cosigned_at) // 1000000 - epoch_us(c.told_at) // 1000000) / 3600 AS cosign_lag_h, amended_count, is_bulk,
    actions_n
FROM shown c
LEFT JOIN signature s ON s.note_key = c.note_key
LEFT JOIN sitting t ON t.person_key = s.person_key AND t.sitting = s.sitting
LEFT JOIN action a ON a.note_key = c.note_key
ORDER BY c.note_key
