"""clinician_week, column by column."""

from __future__ import annotations

from fractions import Fraction

from tests.oracle.intervals import hours, without
from tests.oracle.marts import hours as h
from tests.oracle.marts import work
from tests.oracle.marts.practice import MartRows, Practice, Row, clip, ratio, stretches
from tests.oracle.weeks import Week

SESSION_COLUMNS = (
    "direct_h",
    "direct_h_in_person",
    "direct_h_video",
    "direct_h_audio",
    "direct_h_other",
    "sessions_n",
    "distinct_clients_n",
    "groups_n",
    "share_fallback",
    "unknown_status_sessions_n",
    "unreviewed_sessions_n",
    "unknown_type_sessions_n",
    "days_worked_n",
    "acuity_sessions_n",
    "debrief_due_n",
    "debriefed_n",
    "debrief_ratio",
)


def clinician_week(practice: Practice) -> MartRows:
    """Every ended week of every clinician."""
    is_billed = work.billed_sessions(practice)
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        sessions = practice.by_week(person, practice.sessions.get(person, []), "started_at")
        appointments = practice.by_week(person, practice.by_person("appointment").get(person, []), "start_at")
        for week in weeks:
            mine = sessions.get(week.monday, [])
            row = _week(practice, person, week, mine)
            held = [s for s in mine if practice.counts(s)]
            row |= work.booked(practice, person, appointments.get(week.monday, []))
            row["billable_h"] = hours(stretches([s for s in held if is_billed(person, s)], "started_at", "ended_at"))
            found[person, week.monday] = _with_ratios(practice, person, week, _unless_unknown(practice, person, row))
    return found


def _week(practice: Practice, person: str, week: Week, sessions: list[Row]) -> Row:
    row = h.spine(practice, person, week) | h.sessions_of(practice, person, sessions)
    held = [s for s in sessions if practice.counts(s)]
    direct = stretches(held, "started_at", "ended_at")
    found = h.offered(practice, person, week)
    available_h = unblocked_h = None
    if found is not None:
        unblocked_h = hours(without(direct, found.left))
        available_h = found.bookable_h + unblocked_h
    paid = h.leave_entries(practice, person, practice.setting("leave", "paid_kinds"))
    all_direct = clip(
        stretches([s for s in practice.sessions.get(person, []) if practice.counts(s)], "started_at", "ended_at"),
        week.stretch,
    )
    return {
        **row,
        **h.evaluability(practice, person, week, found, available_h),
        "template_h": hours(found.template) if found else None,
        "available_h": available_h,
        "unblocked_h": unblocked_h,
        "bookable_h": found.bookable_h if found else None,
        "leave_h": found.leave_h if found else None,
        "paid_leave_h": sum((paid.get(day, Fraction(0)) for day in week.days), Fraction(0)),
        "admin_protected_h": work.protected_admin_h(practice, person, week, all_direct),
        "has_unclear_sessions": row["unknown_status_sessions_n"] + row["unknown_type_sessions_n"] > 0,
        "has_unreviewed_sessions": row["unreviewed_sessions_n"] > 0,
        **work.other_work(practice, person, week, all_direct, direct),
        "worked_ratio": work.worked_ratio(practice, person, week, found.template if found else []),
        **work.supervision(practice, person, week),
        **work.acuity(practice, person, week, held),
    }


def _unless_unknown(practice: Practice, person: str, row: Row) -> Row:
    """Null where no source that knows the person maps what a column rests on."""

    def blank(columns: list[str]) -> None:
        row.update(dict.fromkeys(columns))

    if not practice.knows(person, "session"):
        blank([*SESSION_COLUMNS, "billable_h", "total_work_h"])
    if not practice.knows(person, "time_entry") and not practice.knows(person, "ehr_event"):
        blank(["total_work_h", "documentation_h"])
    if not practice.knows(person, "schedule_block"):
        blank(["admin_protected_h"])
    if not practice.knows(person, "schedule_block", "time_entry"):
        blank(["supervision_h"])
    if not practice.knows(person, "time_entry"):
        counts = "n cancelled_n cancelled_by_supervisor_n individual_h group_h"
        blank([f"supervision_{name}" for name in counts.split()])
    if not practice.knows(person, "appointment"):
        blank(["scheduled_h", "booked_h", "billable_cancel_n"])
    if not practice.knows(person, "charge"):
        blank(["billable_h"])
    return row


def _with_ratios(practice: Practice, person: str, week: Week, row: Row) -> Row:
    contract_h = h.contract_hours(practice, person, week)
    paid_h = None if contract_h is None else contract_h - row["paid_leave_h"]
    due = row["debrief_due_n"]
    return row | {
        "utilization_ratio": ratio(row["direct_h"], row["available_h"]),
        "paid_productivity_ratio": ratio(row["direct_h"], paid_h),
        "billable_ratio": ratio(row["billable_h"], paid_h),
        "intensity_h_per_day": ratio(row["direct_h"], row["days_worked_n"]),
        "admin_protected_ratio": ratio(row["admin_protected_h"], contract_h),
        "completed_ratio": ratio(row["direct_h"], row["scheduled_h"]),
        "booked_ratio": ratio(row["booked_h"], row["bookable_h"]),
        "has_acuity": due is None or due > 0,
    }
