-- attendance_week as somebody would write it for DuckDB alone, with the shipped policy's values in it.
WITH person AS (
    SELECT c.clinician_key, coalesce(m.person_key, c.clinician_key) AS person_key
    FROM canonical.clinician c LEFT JOIN canonical.person_match m USING (clinician_key)
), zone AS (
    SELECT clinician_key AS person_key, any_value(zone) AS zone FROM marts.clinician_week GROUP BY 1
), known AS (
    SELECT DISTINCT person_key FROM person JOIN canonical.clinician USING (clinician_key)
    WHERE source IN (SELECT DISTINCT source FROM canonical.appointment)
), seat AS (
    SELECT person_key, date_trunc('week', local_at)::DATE AS week_id, local_at::DATE AS day, appointment_key, group_key,
        capacity, status, start_at, end_at, booked_at, cancelled_at,
        coalesce(is_billable_cancel, false) AND status IN ('cancelled', 'no_show') AS is_charged,
        CASE
            WHEN status <> 'cancelled' THEN status
            WHEN cancelled_by = 'client' AND cancelled_at IS NULL THEN 'unknown_cancel'
            WHEN cancelled_by = 'client' AND cancelled_at >= start_at THEN 'no_show'
            WHEN cancelled_by = 'client' AND start_at - cancelled_at < INTERVAL 24 HOURS THEN 'late_cancel'
            WHEN cancelled_by = 'client' THEN 'advance_cancel'
            WHEN cancelled_by IN ('clinician', 'practice', 'system') THEN 'clinician_cancel'
            ELSE 'unknown_cancel'
        END AS fate
    FROM (
        SELECT a.*, person_key, a.start_at AT TIME ZONE zone AS local_at
        FROM canonical.appointment a JOIN person USING (clinician_key) JOIN zone USING (person_key)
        WHERE client_key IS NOT NULL AND status NOT IN ('entered_in_error', 'rescheduled')
    )
), refill AS (
    SELECT person_key, week_id, count(*) AS refill_n FROM seat s
    WHERE fate IN ('late_cancel', 'advance_cancel') AND group_key IS NULL AND EXISTS (
        SELECT 1 FROM seat t
        WHERE t.person_key = s.person_key AND t.day = s.day AND t.status IN ('kept', 'no_show')
            AND t.start_at < s.end_at AND t.end_at > s.start_at AND t.booked_at >= s.cancelled_at)
    GROUP BY ALL
), fill AS (
    SELECT person_key, week_id, sum(capacity) AS group_seats_n, sum(kept_n) AS group_kept_n
    FROM (
        SELECT person_key, week_id, max(capacity) AS capacity, count(*) FILTER (status = 'kept') AS kept_n
        FROM seat WHERE group_key IS NOT NULL GROUP BY person_key, week_id, group_key, start_at
        HAVING max(capacity) IS NOT NULL AND count(*) FILTER (status = 'kept') > 0
            AND count(*) FILTER (status IN ('unknown', 'unreviewed', 'booked')) = 0
    ) GROUP BY ALL
), counted AS (
    SELECT person_key, week_id, count(*) AS scheduled_n,
        count(*) FILTER (fate = 'kept') AS kept_n, count(*) FILTER (fate = 'no_show') AS no_show_n,
        count(*) FILTER (fate = 'late_cancel') AS late_cancel_n,
        count(*) FILTER (fate = 'advance_cancel') AS advance_cancel_n,
        count(*) FILTER (fate = 'clinician_cancel') AS clinician_cancel_n,
        count(*) FILTER (fate = 'unknown_cancel') AS unknown_cancel_n,
        count(*) FILTER (fate = 'unknown') AS unknown_status_n,
        count(*) FILTER (fate = 'unreviewed') AS unreviewed_n,
        count(*) FILTER (fate = 'booked') AS still_booked_n, count(*) FILTER (is_charged) AS billable_cancel_n
    FROM seat GROUP BY ALL
), every AS (
    SELECT w.clinician_key, w.week_id, k.person_key IS NOT NULL AS is_known,
        if(is_known, coalesce(COLUMNS(c.* EXCLUDE (person_key, week_id)), 0), NULL),
        if(is_known, coalesce(r.refill_n, 0), NULL) AS refill_n,
        if(is_known, coalesce(f.group_seats_n, 0), NULL) AS group_seats_n,
        if(is_known, coalesce(f.group_kept_n, 0), NULL) AS group_kept_n
    FROM marts.clinician_week w
    LEFT JOIN known k ON k.person_key = w.clinician_key
    LEFT JOIN counted c ON c.person_key = w.clinician_key AND c.week_id = w.week_id
    LEFT JOIN refill r ON r.person_key = w.clinician_key AND r.week_id = w.week_id
    LEFT JOIN fill f ON f.person_key = w.clinician_key AND f.week_id = w.week_id
), rolled AS (
    SELECT *, sum(kept_n) OVER four AS kept_4w, sum(no_show_n) OVER four AS no_show_4w,
        sum(unknown_status_n) OVER four AS unknown_status_4w, sum(unreviewed_n) OVER four AS unreviewed_4w,
        no_show_4w / nullif(kept_4w + no_show_4w, 0)::DOUBLE AS p, nullif(kept_4w + no_show_4w, 0)::DOUBLE AS n,
        1.959963984540054 AS z, z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) AS half,
        (p + z * z / (2 * n) - half) / (1 + z * z / n) AS lo, (p + z * z / (2 * n) + half) / (1 + z * z / n) AS hi,
        scheduled_n - advance_cancel_n - clinician_cancel_n AS due_n,
        unknown_cancel_n + unknown_status_n + unreviewed_n > 0 AS is_unclear
    FROM every
    WINDOW four AS (PARTITION BY clinician_key ORDER BY week_id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)
)
SELECT clinician_key, week_id, scheduled_n, kept_n, no_show_n, late_cancel_n, advance_cancel_n, clinician_cancel_n,
    unknown_cancel_n, unknown_status_n, unreviewed_n, still_booked_n,
    no_show_n / nullif(kept_n + no_show_n, 0)::DOUBLE AS no_show_ratio, 'A' AS definition,
    if(is_unclear, NULL, (no_show_n + late_cancel_n) / nullif(due_n, 0)::DOUBLE) AS combined_ratio,
    if(is_unclear, NULL, no_show_n / nullif(due_n, 0)::DOUBLE) AS no_show_due_ratio,
    billable_cancel_n, refill_n, group_seats_n, group_kept_n,
    group_kept_n / nullif(group_seats_n, 0)::DOUBLE AS group_fill_ratio,
    kept_4w, no_show_4w, unknown_status_4w, unreviewed_4w, p AS no_show_ratio_4w,
    CASE WHEN lo < 0 THEN 0 ELSE round(lo, 9) END AS wilson_lo, CASE WHEN hi > 1 THEN 1 ELSE round(hi, 9) END AS wilson_hi
FROM rolled ORDER BY clinician_key, week_id
