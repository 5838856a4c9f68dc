"""Work in the EHR: log entries of a clinician, joined to intervals of one task each.

An entry with an end is an interval itself. Between entries, a gap up to the idle timeout is work on what the earlier
entry was about; a longer one is a break, and the last entry before it adds nothing. Time that several entries cover
counts once, for the one that began last; recorded time outranks gaps. Intervals are cut at the practice's midnight. A
login's end says when a session on the computer ended, not that somebody worked, and is not used.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pyarrow as pa

from pacekeeper.contract.ehr_interval import EhrInterval
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.derived import write_derived

_US = 1_000_000
_BUCKET_US = 3600 * _US


@dataclass(frozen=True)
class EhrConvention:
    """A number the intervals are made with, its unit and where it comes from."""

    value: int
    unit: str
    provenance: str


@cache
def ehr_conventions() -> dict[str, EhrConvention]:
    """The conventions by name: idle_timeout, longest_interval."""
    text = files("pacekeeper.mapping").joinpath("ehr_interval.toml").read_text(encoding="utf-8")
    return {name: EhrConvention(**found) for name, found in tomllib.loads(text).items()}


def build_ehr_intervals(connection: Connection, *, home_tz: str, idle_timeout_s: int | None = None) -> int:
    """Rebuild `canonical.ehr_interval` from `ehr_event`; returns its rows. Reads `calendar_day`, so it comes after it.

    home_tz: the practice's zone, whose midnight cuts intervals. idle_timeout_s: null = the convention's.
    Entries that differ in nothing but their key count once. The sum of `events_n` is the number of the others.
    """
    raw = connection.raw
    limits = ehr_conventions()
    timeout = limits["idle_timeout"].value if idle_timeout_s is None else idle_timeout_s
    _take_entries(connection, longest_s=limits["longest_interval"].value)
    _cut(connection, timeout_s=timeout)
    _join(connection, home_tz=home_tz)
    intervals = raw.execute(_INTERVALS).to_arrow_table()
    return write_derived(connection, EhrInterval, intervals)


def ehr_coverage(connection: Connection, *, home_tz: str) -> pa.Table:
    """How much of each clinician's working days the EHR's log knows about.

    One row per clinician_key and week_id (first local day of the practice week): session_days_n, local days on which
    sessions of theirs began that were not voided; logged_days_n, those among them with a log entry of theirs;
    coverage_ratio, the second over the first, 0 to 1. A week without sessions has no row: nothing is known about it.
    """
    return connection.raw.execute(_COVERAGE, {"zone": home_tz}).to_arrow_table()


def _take_entries(connection: Connection, *, longest_s: int) -> None:
    """`entry`: distinct log entries. Moments end when they begin."""
    connection.raw.execute(f"""
        CREATE OR REPLACE TEMP TABLE entry AS
        SELECT DISTINCT clinician_key, "at" AS began, event_type, client_key, task_type AS task,
            CASE WHEN event_type NOT IN ('login', 'logout') AND ended_at > "at"
                  AND epoch_us(ended_at) - epoch_us("at") <= {longest_s * _US} THEN ended_at ELSE "at" END AS until
        FROM canonical.ehr_event
    """)


def _cut(connection: Connection, *, timeout_s: int) -> None:
    """`active`: time without a break in it and of one task, between two neighbouring starts or ends of entries."""
    connection.raw.execute(f"""
        CREATE OR REPLACE TEMP TABLE piece AS
        SELECT clinician_key, edge AS begins, lead(edge) OVER (PARTITION BY clinician_key ORDER BY edge) AS ends
        FROM (SELECT clinician_key, began AS edge FROM entry UNION SELECT clinician_key, until FROM entry);
        -- Entries meet pieces by the hour, so that a long log does not meet itself.
        CREATE OR REPLACE TEMP TABLE covered AS
        WITH spans AS (
            SELECT *, unnest(range(epoch_us(began) // {_BUCKET_US}, epoch_us(until) // {_BUCKET_US} + 1)) AS hour
            FROM entry WHERE until > began
        )
        SELECT p.clinician_key, p.begins, arg_max(s.task, (s.began, s.until, s.task)) AS task
        FROM piece p JOIN spans s
            ON s.clinician_key = p.clinician_key AND s.hour = epoch_us(p.begins) // {_BUCKET_US}
            AND s.began <= p.begins AND s.until > p.begins
        WHERE p.ends IS NOT NULL GROUP BY ALL;
        CREATE OR REPLACE TEMP TABLE active AS
        WITH before AS (
            SELECT clinician_key, until AS begins, arg_max(task, (began, task)) AS task FROM entry GROUP BY ALL
        )
        SELECT p.clinician_key, p.begins, p.ends, coalesce(c.task, b.task) AS task
        FROM piece p LEFT JOIN covered c USING (clinician_key, begins) LEFT JOIN before b USING (clinician_key, begins)
        WHERE p.ends IS NOT NULL
          AND (c.task IS NOT NULL OR epoch_us(p.ends) - epoch_us(p.begins) <= {timeout_s * _US})
    """)


def _join(connection: Connection, *, home_tz: str) -> None:
    """`stretch`: active time joined where it goes on with the same task, cut at midnight; `placed`: entries in it."""
    connection.raw.execute(
        """
        CREATE OR REPLACE TEMP TABLE stretch AS
        WITH marked AS (
            SELECT *, lag(ends) OVER ordered IS DISTINCT FROM begins OR lag(task) OVER ordered <> task AS is_new
            FROM active WINDOW ordered AS (PARTITION BY clinician_key ORDER BY begins)
        ), numbered AS (
            SELECT *, count(*) FILTER (is_new) OVER (PARTITION BY clinician_key ORDER BY begins) AS place FROM marked
        ), whole AS (
            SELECT clinician_key, task, min(begins) AS begins, max(ends) AS ends FROM numbered
            GROUP BY clinician_key, task, place
        ), day AS (
            SELECT starts_at, ends_at AS midnight FROM canonical.calendar_day WHERE zone = $zone
        ), dated AS (
            SELECT w.*, coalesce(d.midnight > w.begins AND d.midnight < w.ends, false) AS is_over_midnight
            FROM whole w ASOF LEFT JOIN day d ON d.starts_at <= w.begins
        )
        SELECT clinician_key, task, begins, ends FROM dated WHERE NOT is_over_midnight
        UNION ALL
        SELECT w.clinician_key, w.task, greatest(w.begins, d.starts_at), least(w.ends, d.midnight)
        FROM dated w JOIN day d ON d.starts_at < w.ends AND d.midnight > w.begins WHERE w.is_over_midnight
    """,
        {"zone": home_tz},
    )
    connection.raw.execute("""
        CREATE OR REPLACE TEMP TABLE placed AS
        SELECT e.clinician_key, e.task, e.began, CASE WHEN s.ends >= e.began THEN s.begins END AS begins
        FROM entry e ASOF LEFT JOIN stretch s
            ON s.clinician_key = e.clinician_key AND s.task = e.task AND s.begins <= e.began
    """)


#: An entry in no stretch is a row of its own, of no time.
_INTERVALS = """
    SELECT clinician_key, begins AS started_at, ends AS ended_at, task AS task_type,
        (epoch_us(ends) - epoch_us(begins)) / 60e6 AS active_min, coalesce(n, 0)::BIGINT AS events_n
    FROM stretch LEFT JOIN (
        SELECT clinician_key, task, begins, count(*) AS n FROM placed WHERE begins IS NOT NULL GROUP BY ALL
    ) USING (clinician_key, task, begins)
    UNION ALL
    SELECT clinician_key, began, began, task, 0.0, count(*)::BIGINT FROM placed WHERE begins IS NULL GROUP BY ALL
    ORDER BY 1, 2, 4
"""
_COVERAGE = """
    WITH worked AS (
        SELECT DISTINCT s.clinician_key, d.week_id, d.local_date
        FROM canonical.session s JOIN canonical.calendar_day d
            ON d.zone = $zone AND s.started_at >= d.starts_at AND s.started_at < d.ends_at
        WHERE s.status <> 'voided'
    ), logged AS (
        SELECT DISTINCT e.clinician_key, d.local_date
        FROM canonical.ehr_event e JOIN canonical.calendar_day d
            ON d.zone = $zone AND e."at" >= d.starts_at AND e."at" < d.ends_at
    )
    SELECT w.clinician_key, w.week_id, count(*) AS session_days_n, count(l.local_date) AS logged_days_n,
        count(l.local_date) / count(*) AS coverage_ratio
    FROM worked w LEFT JOIN logged l USING (clinician_key, local_date) GROUP BY ALL ORDER BY 1, 2
"""
