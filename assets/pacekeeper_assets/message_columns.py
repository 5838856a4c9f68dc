"""Columns of `message_load`, and what they and the guardrails on messages need from sources."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pacekeeper.measures.mart import MartColumn
from pacekeeper.measures.needs import Input, Needs

_SUBJECTS = (Input("clinician", ("clinician_key",)),)
_WHEN = (Input("message", ("received_at",)), Input("message", ("sent_at",)))
_CALENDAR = Input(
    "schedule_block",
    ("clinician_key", "start_at", "end_at", "kind"),
    without="the policy's working hours stand in for a schedule",
)
_CASELOAD = (
    Input("case_assignment", ("clinician_key", "client_key", "from_date")),
    Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)}),
)
_HANDLER = Input("message", ("handled_by_role", "category"))
_MINUTES = Input("message", ("minutes",))
_BILLED = Input("message", ("minutes", "is_billed"))
_ANSWER = tuple(Input("message", (column,)) for column in ("replied_at", "in_reply_to_key", "thread_key"))
_URGENCY = Input("message", (), {"urgency": ("urgent",)})


def _goes(direction: str, *more: str) -> Input:
    return Input("message", ("clinician_key", *more), {"direction": (direction,)})


def _of(*required: Input | tuple[Input, ...], supporting: tuple[Input, ...] = ()) -> Needs:
    groups = tuple(group if isinstance(group, tuple) else (group,) for group in required)
    return Needs(subjects=_SUBJECTS, required=groups, supporting=supporting)


_IN, _OUT = _of(_goes("in"), _WHEN), _of(_goes("out", "sent_at"))
_NONCLINICAL = _of(_goes("in"), _WHEN, _HANDLER)
#: What a guardrail of this subject needs, by its id.
NEEDS: Mapping[str, Needs] = MappingProxyType({"message_reply_episodes": _OUT, "nonclinical_messages": _NONCLINICAL})

_NONE = "Null: no source of messages knows the person."


def _count(name: str, description: str, needs: Needs, *rules: str, unit: str = "messages") -> MartColumn:
    return MartColumn(name, "count", unit, f"{description} {_NONE}", needs=needs, rules=rules)


def _response(name: str, description: str, needs: Needs) -> MartColumn:
    return MartColumn(name, "number", "hours", f"{description} Null: none answered.", needs=needs, rules=("D15",))


COLUMNS: tuple[MartColumn, ...] = (
    MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
    MartColumn("week_id", "date", "", "First local day of the practice week."),
    _count(
        "in_n",
        "Messages into the practice for the person, by when they were received; drafts and those that were stopped or "
        "entered in error never count.",
        _IN,
        "D12",
    ),
    _count("out_n", "Messages out of the practice by the person, by when they were sent.", _OUT, "D12"),
    _count("internal_n", "Messages within the practice, by when they were sent.", _of(_goes("internal"), _WHEN)),
    MartColumn(
        "per_client",
        "number",
        "messages per client",
        "(in_n + out_n) / active_clients of caseload_snapshot. Null: one of them is null, or no active clients.",
        needs=_of(_goes("in"), _goes("out"), _WHEN, *_CASELOAD),
        rules=("D12",),
    ),
    MartColumn(
        "handling_min",
        "number",
        "minutes",
        "Measured minutes of messages in and out; 0 where there were none. Null: none of them was measured, or "
        "no source of messages knows the person.",
        needs=_of(_goes("in"), _goes("out"), _WHEN, _MINUTES),
        rules=("D12",),
    ),
    _count("measured_n", "Messages in and out with measured minutes.", _of(_goes("in"), _goes("out"), _WHEN, _MINUTES)),
    MartColumn(
        "handling_min_per_client",
        "number",
        "minutes per client",
        "handling_min / active_clients. Null: as per_client and handling_min.",
        needs=_of(_goes("in"), _goes("out"), _WHEN, _MINUTES, *_CASELOAD),
        rules=("D12",),
    ),
    MartColumn(
        "unbilled_min",
        "number",
        "minutes",
        "Measured minutes of messages in and out that were not billed; 0 where there were no messages. Null: of none "
        "it is known, or no source of messages knows the person.",
        needs=_of(_goes("in"), _goes("out"), _WHEN, _BILLED),
        rules=("D12",),
    ),
    MartColumn(
        "unbilled_ratio",
        "number",
        "ratio",
        "unbilled_min / measured minutes of which it is known whether they were billed. Null: none.",
        needs=_of(_goes("in"), _goes("out"), _WHEN, _BILLED),
        rules=("D12",),
    ),
    _count("nonclinical_n", "Of in_n, of a category of policy messages.nonclinical.", _NONCLINICAL, "D14"),
    _count("nonclinical_told_n", "Of nonclinical_n, those of which the handler's role is known.", _NONCLINICAL, "D14"),
    _count(
        "nonclinical_licensed_n", "Of these, handled in a role of policy messages.licensed_roles.", _NONCLINICAL, "D14"
    ),
    MartColumn(
        "nonclinical_share",
        "number",
        "ratio",
        "nonclinical_licensed_n / nonclinical_told_n. Null: of none the handler's role is known.",
        needs=_NONCLINICAL,
        rules=("D14",),
    ),
    _count(
        "after_hours_reply_n",
        "Of out_n, sent outside working time (as after_hours_min of ehr_time_week).",
        _of(_goes("out", "sent_at"), supporting=(_CALENDAR,)),
        "D01",
        "D13",
    ),
    MartColumn(
        "reply_episodes_day",
        "number",
        "times per day",
        "Runs of messages out with no longer pause than policy messages.episode_gap / local days with any; 0 where "
        f"there were none. {_NONE}",
        needs=_OUT,
        rules=("D13",),
    ),
    _count("reply_episodes_max", "The most such runs on one local day.", _OUT, "D13", unit="times"),
    MartColumn(
        "replies_in_block_ratio",
        "number",
        "ratio",
        "Messages out sent within a reply_block / out_n. Null: no such block in the week, or nothing sent.",
        needs=_of(
            _goes("out", "sent_at"),
            Input("schedule_block", ("clinician_key", "start_at", "end_at"), {"kind": ("reply_block",)}),
        ),
        rules=("D13",),
    ),
    _response(
        "p50_first_response_h",
        "Median, over answered messages received in the week, of the hours until the first answer: the time the source "
        "states, the message that names it, or the next one out in its thread.",
        _of(_goes("in"), _WHEN, _ANSWER),
    ),
    _response("p90_first_response_h", "The same, 90th percentile.", _of(_goes("in"), _WHEN, _ANSWER)),
    _response(
        "p90_urgent_response_h",
        "The same for urgencies of policy messages.urgent.",
        _of(_goes("in"), _WHEN, _ANSWER, _URGENCY),
    ),
    _count(
        "unanswered_n",
        "Of in_n, without an answer by the run's instant; not every message wants one.",
        _of(_goes("in"), _WHEN, _ANSWER),
        "D15",
    ),
    MartColumn(
        "manager_after_hours_n",
        "count",
        "messages",
        "Messages within the practice that somebody who supervises sent outside policy working_time, whatever their "
        "own schedule. Null: supervises nobody in the week, or no source of messages knows the person.",
        needs=_of(
            _goes("internal", "sent_at"),
            (
                Input("supervision_link", ("supervisor_key", "valid_from")),
                Input("clinician", (), {"role": ("supervisor",)}),
            ),
        ),
        rules=("D17",),
    ),
    MartColumn(
        "reads_in_session_n",
        "count",
        "messages",
        "Messages first read within a held session of the person. Null: no time of reading is known in the week, or no "
        "source of sessions knows the person.",
        needs=_of(
            Input("message", ("clinician_key", "read_at")),
            Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)}),
        ),
        rules=("W14",),
    ),
)
