"""Active time in the EHR beside working, scheduled and session time, and the days on which the log tells something."""

from __future__ import annotations

import ibis

from pacekeeper.contract.work_vocabulary import EhrTask
from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import whole
from pacekeeper.measures.instant import seconds
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.availability import wall_clock
from pacekeeper_assets.coverage import segments
from pacekeeper_assets.people import on_local_day, with_person
from pacekeeper_assets.productivity import PERSON_DAY, PERSON_SESSION
from pacekeeper_assets.working_time import WORK_TIME, clock_minute, day_marks

TASKS = tuple(task.value for task in EhrTask)
#: `early` and `late` are the two parts of the night that a local day holds.
LAYERS = (*TASKS, "working", "patient", "session", "early", "late")
#: Local midnights of every zone fall on quarters of an hour.
_QUARTER_S = 900
# An appointment that was taken away is no time that a client is scheduled for.
_NOT_SCHEDULED = ("entered_in_error", "rescheduled", "cancelled")


def ehr_sweep(tables: CanonicalTables, policy: Policy) -> Table:
    """Stretches of active, scheduled or session time per person and local day, cut wherever anything changes.

    One column `<layer>_n` per layer, `ehr_n` over all tasks, and `length_s`. Accounts of one person and records on
    several devices cover a stretch together: it is one stretch.
    """
    days = tables.person_day
    work = with_person(tables.ehr_interval, tables)
    sessions = tables.person_session
    layers = [
        work.select("person_key", from_s=seconds(work.started_at), to_s=seconds(work.ended_at), layer=work.task_type),
        _layer(tables.work_time, "working"),
        _layer(_scheduled(tables), "patient"),
        _layer(sessions.filter(sessions.is_direct), "session"),
        *_night_pieces(days, policy),
    ]
    pieces = ibis.union(*layers)
    pieces = pieces.filter(pieces.to_s > pieces.from_s)
    swept = segments(pieces, by=["person_key"], layers=LAYERS, marks=day_marks(days))
    ehr_n = swept[f"{TASKS[0]}_n"]
    for task in TASKS[1:]:
        ehr_n = ehr_n + swept[f"{task}_n"]
    swept = swept.mutate(ehr_n=ehr_n, length_s=swept.to_s - swept.from_s).rename(day_no="mark")
    told = swept.filter((swept.ehr_n > 0) | (swept.patient_n > 0) | (swept.session_n > 0))
    return told.inner_join(days.select("person_key", "week_id", "day_no"), ["person_key", "day_no"])


def ehr_day(tables: CanonicalTables) -> Table:
    """Seconds per person and local day of what the sweep tells: in all, by task, after hours and beside sessions.

    Of the night, which is after hours: `early_s`, of the night that ends on this day, and `late_s`, of the next.
    """
    swept = tables.ehr_sweep
    is_active = swept.ehr_n > 0
    is_after = is_active & (swept.working_n == 0)

    def total(condition: Value) -> Value:
        return ifelse(condition, swept.length_s, 0).sum()

    return swept.group_by("person_key", "week_id", "day_no").aggregate(
        ehr_s=total(is_active),
        after_hours_s=total(is_after),
        after_hours_note_s=total(is_after & (swept.note_n > 0)),
        early_s=total(is_after & (swept.early_n > 0)),
        late_s=total(is_after & (swept.early_n == 0) & (swept.late_n > 0)),
        wow_s=total(is_active & (swept.patient_n == 0)),
        note_s=total(swept.note_n > 0),
        inbox_s=total(swept.inbox_n > 0),
        orders_s=total(swept.orders_n > 0),
        patient_s=total(swept.patient_n > 0),
        session_s=total(swept.session_n > 0),
        in_session_s=total(is_active & (swept.session_n > 0)),
        inbox_in_session_s=total((swept.inbox_n > 0) & (swept.session_n > 0)),
        observed_s=total(is_active | (swept.session_n > 0)),
    )


def log_day(tables: CanonicalTables) -> Table:
    """One row per person and local day with a log entry: `entries_n`, and `note_actions_n` about notes."""
    entries = with_person(tables.ehr_event, tables)
    entries = entries.mutate(from_s=seconds(entries.at) // _QUARTER_S * _QUARTER_S)
    by_quarter = entries.group_by("person_key", "from_s").aggregate(
        entries_n=entries.count(),
        note_actions_n=ifelse(entries.task_type == EhrTask.NOTE.value, entries.action_count, 0).sum(),
    )
    dated = on_local_day(by_quarter, tables.person_day, at="from_s")
    return dated.group_by("person_key", "week_id", "day_no").aggregate(
        entries_n=dated.entries_n.sum(), note_actions_n=dated.note_actions_n.sum()
    )


def log_coverage(tables: CanonicalTables) -> Table:
    """Per person and week: `expected_days_n`, days that the log should tell of, and `logged_days_n` of them.

    Expected are days on which the person held a session, and days on which somebody did and nobody is in the log.
    """
    sessions, logged = tables.person_session, tables.ehr_log_day
    held = sessions.filter(sessions.status != "voided").select("person_key", "week_id", "day_no").distinct()
    dark = held.select("day_no").distinct().anti_join(logged.select("day_no").distinct(), "day_no")
    lacking = tables.person_day.select("person_key", "week_id", "day_no").semi_join(dark, "day_no")
    expected = ibis.union(held, lacking, distinct=True)
    joined = expected.left_join(logged.select("person_key", "day_no", "entries_n"), ["person_key", "day_no"])
    return joined.group_by("person_key", "week_id").aggregate(
        expected_days_n=joined.count(), logged_days_n=joined.entries_n.count()
    )


def _scheduled(tables: CanonicalTables) -> Table:
    seats = tables.appointment
    seats = seats.filter(seats.client_key.notnull() & seats.end_at.notnull() & seats.status.notin(_NOT_SCHEDULED))
    planned = with_person(seats, tables)
    return planned.select("person_key", from_s=seconds(planned.start_at), to_s=seconds(planned.end_at))


def _night_pieces(days: Table, policy: Policy) -> list[Table]:
    placed = days.rename(day_from_s="from_s", day_to_s="to_s")
    ends_s = wall_clock(placed, whole(policy, placed.week_id, lambda rev: clock_minute(rev, "night_to")))
    begins_s = wall_clock(placed, whole(policy, placed.week_id, lambda rev: clock_minute(rev, "night_from")))
    early = placed.select("person_key", from_s=placed.day_from_s, to_s=ends_s)
    late = placed.select("person_key", from_s=begins_s, to_s=placed.day_to_s)
    return [_layer(early, "early"), _layer(late, "late")]


def _layer(pieces: Table, layer: str) -> Table:
    return pieces.select("person_key", "from_s", "to_s", layer=literal(layer))


EHR_SWEEP = Step("ehr_sweep", ehr_sweep, (PERSON_DAY, PERSON_SESSION, WORK_TIME), in_parts="person_key", is_weekly=True)
EHR_DAY = Step("ehr_day", lambda tables, policy: ehr_day(tables), (EHR_SWEEP,), is_weekly=True)
EHR_LOG_DAY = Step("ehr_log_day", lambda tables, policy: log_day(tables), (PERSON_DAY,))
EHR_COVERAGE = Step(
    "ehr_coverage",
    lambda tables, policy: log_coverage(tables),
    (PERSON_DAY, PERSON_SESSION, EHR_LOG_DAY),
    is_weekly=True,
)
