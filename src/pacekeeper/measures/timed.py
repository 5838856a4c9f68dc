"""When rows begin to matter to a practice's weeks, and until when: what of a history a few weeks have to look at."""

from __future__ import annotations

from dataclasses import dataclass

from pacekeeper.measures.tables import step_table

#: What a row is of that has a week: its first local day.
WEEK = "week_id"


@dataclass(frozen=True)
class Timed:
    """first: earliest day on which a row may matter, in SQL over the row `t`; until: the last, null: it never ends.

    joined: what `first` needs beside the row. ends: column that, where it alone changes, matters from its day on.
    """

    first: str
    until: str | None = None
    joined: str = ""
    ends: str | None = None


_SESSION_DAY = "LEFT JOIN canonical.session s ON s.session_key = t.session_key"
_CLIENT_DAYS = """LEFT JOIN (
    SELECT client_key, min(day) AS day FROM (
        SELECT p.client_key, CAST(s.started_at AS DATE) AS day
        FROM canonical.session_participant p JOIN canonical.session s ON s.session_key = p.session_key
        UNION ALL SELECT client_key, service_date FROM canonical.charge
    ) GROUP BY client_key
) d ON d.client_key = t.client_key"""
_PERSON_WEEK = f"LEFT JOIN (SELECT person_key, min(week_id) AS day FROM {step_table('person_week')} GROUP BY 1) d"
OF_CLINICIAN = f"LEFT JOIN canonical.person_match m ON m.clinician_key = t.clinician_key {_PERSON_WEEK} " + (
    "ON d.person_key = coalesce(m.person_key, t.clinician_key)"
)
OF_PERSON = f"{_PERSON_WEEK} ON d.person_key = t.person_key"
TIMED = {
    "appointment": Timed("t.start_at", "greatest(t.start_at, t.end_at)"),
    "calendar_day": Timed("t.local_date", "t.local_date"),
    "charge": Timed(
        "least(t.service_date, CAST(s.started_at AS DATE), CAST(a.start_at AS DATE))",
        joined=f"{_SESSION_DAY} LEFT JOIN canonical.appointment a ON a.appointment_key = t.appointment_key",
    ),
    "client_match": Timed("d.day", joined=_CLIENT_DAYS),
    "ehr_interval": Timed("t.started_at", "t.ended_at"),
    "employment": Timed("t.start_date", ends="end_date"),
    "message": Timed(
        "least(t.sent_at, t.received_at, t.read_at, t.replied_at)",
        "greatest(t.sent_at, t.received_at, t.read_at, t.replied_at)",
    ),
    "practice_closure": Timed("t.from_date"),
    "pto_ledger": Timed("t.entry_date", "t.entry_date"),
    "session_participant": Timed("s.started_at", joined=_SESSION_DAY),
    "supervision_link": Timed("t.valid_from", ends="valid_to"),
    "time_entry": Timed(
        "least(t.entry_date, CAST(t.started_at AS DATE))",
        "greatest(t.entry_date, CAST(t.started_at + to_minutes(CAST(coalesce(t.minutes, 0) AS BIGINT)) AS DATE))",
    ),
}
#: Entities of which a weekly item sees only what may reach into its weeks.
CUT = frozenset(name for name, timed in TIMED.items() if timed.until is not None)


def recent_table(name: str) -> str:
    """Name of the view of what weekly items read of an entity or a step."""
    return f"_recent_{name}"


def behind(table: str) -> str:
    """The entity, or the step's table, that a view of recent rows shows; other tables as they are."""
    name = table.removeprefix(recent_table(""))
    if name == table:
        return table
    return name if name in CUT else step_table(name)
