-- reminder_month as somebody would write it for DuckDB alone, with the shipped policy's values in it.
WITH home AS (
    SELECT min(home_tz) AS zone FROM canonical.practice
), first AS (
    SELECT min(week_start_at) AS from_at FROM marts.clinician_week
), month AS (
    SELECT month_id, month_id::TIMESTAMP AT TIME ZONE zone AS month_start_at,
        (month_id + INTERVAL 1 MONTH)::TIMESTAMP AT TIME ZONE zone AS month_end_at
    FROM home, first, (SELECT DISTINCT date_trunc('month', local_date)::DATE AS month_id FROM canonical.calendar_day)
    WHERE month_end_at <= getvariable('as_of') AND month_end_at > from_at
), sent AS (
    SELECT date_trunc('month', due_at AT TIME ZONE zone)::DATE AS month_id, offset_h, channel, count(*) AS reminders_n,
        count(*) FILTER (abs(epoch_us(sent_at) // 1000000 - epoch_us(due_at) // 1000000) <= 1800) AS in_time_n,
        count(*) FILTER (is_delivered) AS delivered_n, count(is_delivered) AS delivery_known_n,
        count(*) FILTER (is_confirmed) AS confirmed_n
    FROM canonical.reminder, home WHERE due_at IS NOT NULL GROUP BY ALL
)
SELECT month_id, month_start_at, month_end_at, offset_h, channel, reminders_n, in_time_n, delivered_n, delivery_known_n,
    confirmed_n, in_time_n / reminders_n AS in_time_ratio, delivered_n / nullif(delivery_known_n, 0) AS delivered_ratio
FROM sent JOIN month USING (month_id) ORDER BY month_id, offset_h, channel
