"""Columns of `ehr_time_week`, and what they and the guardrails on EHR time need from sources."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pacekeeper.measures.mart import MartColumn
from pacekeeper.measures.needs import Input, Needs

_SUBJECTS = (Input("clinician", ("clinician_key",)),)
_AT = ("clinician_key", "at")
_LOG = Input("ehr_event", _AT)
_TASKS = Input("ehr_event", (*_AT, "task_type"))
_HELD = Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)})
_DAYS_HELD = Input("session", ("clinician_key", "started_at"), without="a gap in the log is not noticed")
_SEAT = Input("appointment", ("clinician_key", "client_key", "start_at", "end_at", "status"))
_CALENDAR = Input(
    "schedule_block",
    ("clinician_key", "start_at", "end_at", "kind"),
    without="the policy's working hours stand in for a schedule",
)
_TEMPLATE = Input(
    "availability_template",
    ("clinician_key", "weekday", "start_minute", "end_minute"),
    without="the policy's working hours stand in for a schedule",
)


def _of(*required: Input, supporting: tuple[Input, ...] = ()) -> Needs:
    return Needs(subjects=_SUBJECTS, required=tuple((one,) for one in required), supporting=supporting)


def _task(task: str) -> Input:
    return Input("ehr_event", _AT, {"task_type": (task,)})


_AFTER_HOURS = _of(_LOG, supporting=(_CALENDAR, _TEMPLATE, _DAYS_HELD))
#: What a guardrail of this subject needs, by its id.
NEEDS: Mapping[str, Needs] = MappingProxyType(
    {
        "after_hours_ehr": _AFTER_HOURS,
        "night_ehr": _AFTER_HOURS,
        "ehr_overhead": _of(_LOG, _HELD),
        "context_switching": _of(_TASKS, supporting=(_DAYS_HELD,)),
    }
)

_NO_LOG = "Null: no log of the EHR knows the person, or it lacks every day of the week it should tell of."
_SHORT = "Null: as its parts, or less than policy ehr_time.min_scheduled hours were scheduled."


def _minutes(name: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, "number", "minutes", f"{description} {_NO_LOG}", needs=needs, rules=rules)


def _per_eight(name: str, description: str, *inputs: Input) -> MartColumn:
    text = f"8 x {description} / patient_scheduled_h (Sinsky 2020). {_SHORT}"
    return MartColumn(name, "number", "hours", text, needs=_of(*inputs, _SEAT), rules=("D04",))


COLUMNS: tuple[MartColumn, ...] = (
    MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
    MartColumn("week_id", "date", "", "First local day of the practice week."),
    _minutes(
        "ehr_min",
        "Union of active intervals of the log, over all accounts and devices of the person; gaps up to the idle "
        "timeout count, longer ones do not. Work in another tool is not in it.",
        _of(_LOG),
        "D04",
    ),
    _minutes(
        "after_hours_min",
        "ehr_min outside working time: of each local day, from the first working block to the last, policy "
        "working_time.grace on both sides, less leave and closed time; blocks on call or of the person's own choice as "
        "they stand (decision 8).",
        _AFTER_HOURS,
        "D01",
    ),
    _minutes("after_hours_note_min", "after_hours_min on notes.", _of(_task("note")), "D09"),
    MartColumn(
        "window_source",
        "text",
        "",
        "schedule: working time is that of calendar or weekly template; default: the week has neither, and the hours "
        "of policy working_time stand in.",
    ),
    _minutes(
        "night_max_min",
        "after_hours_min of the longest night, from policy working_time.night_from of a local day to night_to of the "
        "next, cut where the week ends.",
        _AFTER_HOURS,
        "D06",
    ),
    MartColumn(
        "nights_ge_180",
        "count",
        "nights",
        f"Nights of policy ehr_time.long_night (180 minutes) or more. {_NO_LOG}",
        needs=_AFTER_HOURS,
        rules=("D06",),
    ),
    MartColumn(
        "patient_scheduled_h",
        "number",
        "hours",
        "Union of the planned times of clients' appointments, those cancelled, rescheduled or entered in error left "
        "out. Null: no source of appointments knows the person.",
        needs=_of(_SEAT),
    ),
    _minutes(
        "wow_min",
        "Work outside work: ehr_min outside patient-scheduled time, paid admin blocks included. Not after-hours time.",
        _of(_LOG, _SEAT),
        "D04",
    ),
    _minutes("note_min", "ehr_min on notes.", _of(_task("note")), "D03", "D09"),
    _minutes("inbox_min", "ehr_min on messages.", _of(_task("inbox")), "D12"),
    _minutes("orders_min", "ehr_min on orders and prescriptions.", _of(_task("orders"))),
    _minutes("in_session_min", "ehr_min within the person's own sessions.", _of(_LOG, _HELD)),
    _minutes("inbox_in_session_min", "ehr_min on messages within those sessions.", _of(_task("inbox"), _HELD), "W14"),
    _per_eight("ehr_time_8", "hours of ehr_min", _LOG),
    _per_eight("wow_8", "hours of wow_min", _LOG),
    _per_eight("note_time_8", "hours of note_min", _task("note")),
    _per_eight("ib_time_8", "hours of inbox_min", _task("inbox")),
    MartColumn(
        "script_time_8",
        "number",
        "hours",
        f"8 x hours of orders_min / patient_scheduled_h, of prescribers. {_SHORT} Null for everybody else.",
        needs=Needs(
            subjects=_SUBJECTS,
            required=((_task("orders"),), (_SEAT,), (Input("clinician", (), {"role": ("prescriber",)}),)),
        ),
    ),
    MartColumn(
        "attention_ratio",
        "number",
        "ratio",
        "1 - in_session_min / minutes of the person's sessions. Null: as in_session_min, or no sessions.",
        needs=_of(_LOG, _HELD),
    ),
    MartColumn(
        "direct_min",
        "number",
        "minutes",
        "direct_h of clinician_week in minutes. Null: no source of sessions knows the person.",
        needs=_of(_HELD),
    ),
    MartColumn(
        "ehr_per_15_care",
        "number",
        "minutes",
        "15 x ehr_min / direct_min: EHR minutes per 15 minutes of care. Null: one of them is null, or no care.",
        needs=_of(_LOG, _HELD),
        rules=("D04",),
    ),
    MartColumn(
        "note_actions_n",
        "count",
        "actions",
        f"Actions of the log about notes. {_NO_LOG}",
        needs=_of(Input("ehr_event", (*_AT, "action_count"), {"task_type": ("note",)})),
        rules=("D08",),
    ),
    MartColumn(
        "switches_n",
        "count",
        "changes",
        "Changes of kind of work within a local day; a session is a kind of its own and outranks what is open on the "
        f"screen; stretches shorter than policy ehr_time.least_dwell and of unknown kind left out. {_NO_LOG}",
        needs=_of(_TASKS),
        rules=("D16",),
    ),
    MartColumn(
        "switches_per_h",
        "number",
        "per hour",
        "switches_n / hours active in the EHR or in a session. Null: as switches_n, or no such hours.",
        needs=_of(_TASKS),
        rules=("D16",),
    ),
    MartColumn(
        "windows_ge5",
        "count",
        "windows",
        "Stretches of work after whose begin policy ehr_time.switch_types (5) kinds or more begin within "
        f"switch_window (90 minutes), their own included; windows may overlap. {_NO_LOG}",
        needs=_of(_TASKS),
        rules=("D16",),
    ),
    MartColumn(
        "coverage_ratio",
        "number",
        "ratio",
        "Days with a log entry of the person / days that the log should tell of: those on which the person held a "
        "session, and those on which somebody did and nobody is in the log. Null: no such days, or no log knows the "
        "person.",
        needs=_of(_LOG, Input("session", ("clinician_key", "started_at"))),
    ),
    MartColumn(
        "is_log_doubtful",
        "flag",
        "",
        "Whether coverage_ratio is below policy ehr_time.min_coverage, or a day has more than max_active_day active "
        "minutes, as an open tab or a shared login makes it; the week's verdicts are unknown then.",
    ),
    MartColumn(
        "is_care_doubtful",
        "flag",
        "",
        "is_log_doubtful, or a session of unknown status or type is in the week; ehr_overhead is unknown then.",
    ),
    MartColumn(
        "has_unreviewed_sessions",
        "flag",
        "",
        "Whether a session that nobody reviewed is in the week; ehr_overhead is unknown then.",
    ),
)
