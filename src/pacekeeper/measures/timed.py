"""When rows begin to matter to a practice's weeks, and until when: what of a history a few weeks have to look at."""

from __future__ import annotations

from dataclasses import dataclass

from pacekeeper.measures.tables import step_table

#: What a row is of that has a week: its first local day.
WEEK = "week_id"


@dataclass(frozen=True)
class Timed:
    """first: earliest day on which a row may matter, in SQL over the row `t`.

    still: condition under which it may matter on `{day}` or later; null: it always may.
    joined: what `first` needs beside the row. ends: column that, where it alone changes, matters from its day on.
    """

    first: str
    still: str | None = None
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
_RECENT_SESSION = "t.session_key IN (SELECT session_key FROM canonical.session WHERE started_at >= {day})"
_RECENT_SEAT = "t.appointment_key IN (SELECT appointment_key FROM canonical.appointment WHERE start_at >= {day})"
_MESSAGE_AT = "(t.sent_at, t.received_at, t.read_at, t.replied_at)"
_ENTRY_DAYS = "CAST(coalesce(t.minutes, 0) / 1440 AS INTEGER)"
TIMED = {
    "appointment": Timed("t.start_at", "greatest(t.start_at, t.end_at) >= {day}"),
    "calendar_day": Timed("t.local_date", "t.local_date >= {day}"),
    "charge": Timed(
        "least(t.service_date, CAST(s.started_at AS DATE), CAST(a.start_at AS DATE))",
        f"t.service_date >= {{day}} OR {_RECENT_SESSION} OR {_RECENT_SEAT}",
        joined=f"{_SESSION_DAY} LEFT JOIN canonical.appointment a ON a.appointment_key = t.appointment_key",
    ),
    "client_match": Timed("d.day", joined=_CLIENT_DAYS),
    "ehr_interval": Timed("t.started_at", "t.ended_at >= {day}"),
    "employment": Timed("t.start_date", ends="end_date"),
    "message": Timed(f"least{_MESSAGE_AT}", f"greatest{_MESSAGE_AT} >= {{day}}"),
    "practice_closure": Timed("t.from_date"),
    "pto_ledger": Timed("t.entry_date", "t.entry_date >= {day}"),
    "session_participant": Timed("s.started_at", _RECENT_SESSION, joined=_SESSION_DAY),
    "supervision_link": Timed("t.valid_from", ends="valid_to"),
    "time_entry": Timed(
        "least(t.entry_date, CAST(t.started_at AS DATE))",
        f"greatest(t.entry_date, CAST(t.started_at AS DATE)) + {_ENTRY_DAYS} >= {{day}}",
    ),
}
#: Entities of which a weekly item sees only what may reach into its weeks.
CUT = frozenset(name for name, timed in TIMED.items() if timed.still is not None)


def recent_table(name: str) -> str:
    """Name of the view of what weekly items read of an entity or a step."""
    return f"_recent_{name}"


def behind(table: str) -> str:
    """The entity, or the step's table, that a view of recent rows shows; other tables as they are."""
    name = table.removeprefix(recent_table(""))
    if name == table:
        return table
    return name if name in CUT else step_table(name)
