"""Columns of `clinician_week` on work beside sessions, on what was booked, and on what was billed."""

from __future__ import annotations

from pacekeeper.measures.mart import MartColumn
from pacekeeper.measures.needs import Input, Needs

_SUBJECTS = (Input("clinician", ("clinician_key",)),)
_HELD = Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)})
_ENTRY_COLUMNS = ("clinician_key", "entry_date", "minutes")
_ENTRY = Input("time_entry", (*_ENTRY_COLUMNS, "kind"))
_EHR = Input("ehr_event", ("clinician_key",))
_ACUITY = Input("session", ("is_acuity_event",))
_BLOCK = ("clinician_key", "start_at", "end_at")
_SEAT = Input("appointment", ("clinician_key", "start_at", "end_at", "status"))
_CHARGE = Input("charge", ("clinician_key", "service_date", "status"))
_CONTRACT = Input("employment", ("start_date", "contract_h_week"))
_OPEN_TIME = (
    Input("schedule_block", _BLOCK, {"kind": ("client_available",)}),
    Input("availability_template", ("clinician_key", "weekday", "start_minute", "end_minute")),
)


def _needs(*groups: Input | tuple[Input, ...], supporting: tuple[Input, ...] = ()) -> Needs:
    required = tuple(group if isinstance(group, tuple) else (group,) for group in groups)
    return Needs(subjects=_SUBJECTS, required=required, supporting=supporting)


def _entries(*kinds: str) -> tuple[Input, ...]:
    return tuple(Input("time_entry", _ENTRY_COLUMNS, {"kind": (kind,)}) for kind in kinds)


_RECORDED = (_ENTRY, _EHR)
_DOCUMENTATION = (*_entries("admin", "documentation"), _EHR)
_SUPERVISION = _entries("supervision_ind", "supervision_grp")
_HUDDLE = (*_entries("huddle"), Input("schedule_block", _BLOCK, {"kind": ("huddle",)}))
_BLOCKS = Input(
    "schedule_block", (*_BLOCK, "kind"), without="meetings and training that stand in a calendar alone are not counted"
)
_MESSAGES = Input(
    "message", ("clinician_key", "sent_at", "minutes"), without="minutes of messages outside the EHR are not counted"
)
_NO_ENTRIES = "Null: no source of time entries knows the person."

#: What the guardrails on these columns need.
TOTAL_WORK_NEEDS = _needs(_HELD, _RECORDED, supporting=(_BLOCKS, _MESSAGES))
DOCUMENTATION_NEEDS = _needs(_DOCUMENTATION)
SUPERVISION_NEEDS = _needs(_SUPERVISION, Input("time_entry", ("is_paid",)))
DEBRIEF_NEEDS = _needs(_HELD, _ACUITY, _HUDDLE)
BOOKED_NEEDS = _needs(_SEAT, _OPEN_TIME)

WORK_COLUMNS = (
    MartColumn(
        "total_work_h",
        "number",
        "hours",
        "Day by day direct time plus the larger of two: the union of other work with known times (time entries, work "
        "in the EHR, calendar blocks of work outside leave and closures) outside direct time; and the time entries and "
        "minutes of messages of which only the day is known (incoming: when answered, else read, else received; "
        "others: when sent). The least that was worked. Null: no source of sessions knows the person, or none of time "
        "entries or work in the EHR.",
        needs=TOTAL_WORK_NEEDS,
        rules=("W02",),
    ),
    MartColumn(
        "days_worked_n",
        "count",
        "days",
        "Local days with direct time, a time entry, minutes of a message, or a block of work outside leave and "
        "closures. Null: no source of sessions knows the person.",
        needs=_needs(_HELD),
    ),
    MartColumn(
        "intensity_h_per_day",
        "number",
        "hours per day",
        "direct_h / days_worked_n. Null: no days worked, or direct_h is null.",
        needs=_needs(_HELD),
        rules=("W01",),
    ),
    MartColumn(
        "worked_ratio",
        "number",
        "ratio",
        "The part of client-available time and blocks of work that no leave or closure of the calendar covers. "
        "Null: the calendar plans no time in the week.",
        needs=_needs(_OPEN_TIME),
        rules=("U16",),
    ),
    MartColumn(
        "documentation_h",
        "number",
        "hours",
        "Admin and documentation time outside direct time: day by day the larger of the union of time entries with "
        "known times and work in the EHR, and of the entries of which only the day is known. Null: no source of time "
        "entries or of work in the EHR knows the person.",
        needs=DOCUMENTATION_NEEDS,
        rules=("W12",),
    ),
    MartColumn(
        "admin_protected_ratio",
        "number",
        "ratio",
        "admin_protected_h / contract hours of the employed days. Null: one of them is not known.",
        needs=_needs(
            tuple(Input("schedule_block", _BLOCK, {"kind": (kind,)}) for kind in ("admin", "documentation")), _CONTRACT
        ),
        rules=("W11",),
    ),
    MartColumn(
        "supervision_h",
        "number",
        "hours",
        "Supervision, day by day the larger of the union of calendar blocks and time entries with known times, and of "
        "the entries of which only the day is known. Null: no source of schedule blocks or time entries knows the "
        "person.",
        needs=_needs((Input("schedule_block", _BLOCK, {"kind": ("supervision",)}), *_SUPERVISION)),
        rules=("H09",),
    ),
    MartColumn(
        "supervision_individual_h",
        "number",
        "hours",
        f"Time entries of individual supervision that took place, summed. {_NO_ENTRIES}",
        needs=_needs(*_entries("supervision_ind")),
        rules=("H09",),
    ),
    MartColumn(
        "supervision_group_h",
        "number",
        "hours",
        f"Time entries of group supervision that took place, summed. {_NO_ENTRIES}",
        needs=_needs(*_entries("supervision_grp")),
        rules=("H09",),
    ),
    MartColumn(
        "supervision_n",
        "count",
        "times",
        f"Paid supervision that took place and lasted at least the policy's minutes, by time entries. {_NO_ENTRIES}",
        needs=SUPERVISION_NEEDS,
        rules=("H08",),
    ),
    MartColumn(
        "supervision_cancelled_n",
        "count",
        "times",
        f"Supervision that somebody called off. {_NO_ENTRIES}",
        needs=_needs(_SUPERVISION, Input("time_entry", ("cancelled_by",))),
        rules=("H08",),
    ),
    MartColumn(
        "supervision_cancelled_by_supervisor_n",
        "count",
        "times",
        f"Supervision that the other side called off. {_NO_ENTRIES}",
        needs=_needs(_SUPERVISION, Input("time_entry", (), {"cancelled_by": ("counterpart",)})),
        rules=("H08",),
    ),
    MartColumn(
        "is_supervision_unclear",
        "flag",
        "",
        "Whether all that stands between the week and a paid supervision is that no source says whether it was paid.",
    ),
    MartColumn(
        "acuity_sessions_n",
        "count",
        "sessions",
        "Sessions of direct_h that were a crisis or the like. Null: no source of sessions knows the person, or none "
        "of the week's sessions says.",
        needs=_needs(_HELD, _ACUITY),
        rules=("W09", "W10"),
    ),
    MartColumn(
        "debrief_due_n",
        "count",
        "sessions",
        "Those of which the policy's days for a debriefing are over by the last judged week, or that were debriefed. "
        "Null: as acuity_sessions_n, or no source of time entries or schedule blocks knows the person.",
        needs=DEBRIEF_NEEDS,
        rules=("W10",),
    ),
    MartColumn(
        "debriefed_n",
        "count",
        "sessions",
        "Those with a huddle, by time entry or calendar, at or after their end and within the policy's days. "
        "Null: as debrief_due_n.",
        needs=DEBRIEF_NEEDS,
        rules=("W10",),
    ),
    MartColumn(
        "debrief_ratio",
        "number",
        "ratio",
        "debriefed_n / debrief_due_n. Null: one of them is null, or nothing is due.",
        needs=DEBRIEF_NEEDS,
        rules=("W10",),
    ),
    MartColumn("has_acuity", "flag", "", "Whether a debriefing was due in the week, or nobody can tell."),
)

BILLED_COLUMNS = (
    MartColumn(
        "billable_h",
        "number",
        "hours",
        "Union of the held sessions that a standing charge names: by session, else by appointment, else by client, "
        "rendering clinician and day; everybody whose time counts gets the whole. Codes and units of a charge add no "
        "time. Null: no source of sessions, or none of charges, knows the person.",
        needs=_needs(_HELD, _CHARGE),
        rules=("U06",),
    ),
    MartColumn(
        "billable_ratio",
        "number",
        "ratio",
        "billable_h / (contract hours of the employed days - paid_leave_h). "
        "Null: one of them is null, or nothing paid remains.",
        needs=_needs(_HELD, _CHARGE, _CONTRACT),
        rules=("U05", "U06"),
    ),
    MartColumn(
        "billable_cancel_n",
        "count",
        "appointments",
        "Cancellations and no-shows that are charged. Null: no source of appointments knows the person, or none of the "
        "week's says whether it is charged.",
        needs=_needs(_SEAT, Input("appointment", ("is_billable_cancel",))),
        rules=("U06",),
    ),
    MartColumn(
        "completed_ratio",
        "number",
        "ratio",
        "direct_h / scheduled_h. Null: one of them is null, or nothing was scheduled.",
        needs=_needs(_HELD, _SEAT),
        rules=("U07", "U08"),
    ),
    MartColumn(
        "booked_h",
        "number",
        "hours",
        "Sum of planned times that stood when the notice period for cancellations began: not cancelled, or by the "
        "client and late; a group counts once, a slot booked twice counts twice. Null: no source of appointments knows "
        "the person.",
        needs=_needs(_SEAT),
        rules=("W20",),
    ),
    MartColumn(
        "bookable_h",
        "number",
        "hours",
        "available_h less unblocked_h. Null: neither calendar nor weekly template offers client time in the week.",
        needs=_needs(_OPEN_TIME),
        rules=("W20",),
    ),
    MartColumn(
        "booked_ratio",
        "number",
        "ratio",
        "booked_h / bookable_h. Null: one of them is null, or bookable_h is 0.",
        needs=BOOKED_NEEDS,
        rules=("W20",),
    ),
)
