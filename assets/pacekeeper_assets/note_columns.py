"""Columns of `note_timeliness` and `note_week`, and what they need from sources."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pacekeeper.measures.mart import MartColumn
from pacekeeper.measures.needs import Input, Needs

_SUBJECTS = (Input("clinician", ("clinician_key",)),)
_BEGUN = Input("note", ("clinician_key", "created_at", "status"))
_SIGNED = Input("note", ("clinician_key", "signed_at"))
_ABOUT = tuple(Input("note", (column,)) for column in ("session_key", "appointment_key", "service_at"))
_COSIGNED = Input("note", ("cosigned_at",))
_LOG = Input("ehr_event", ("clinician_key", "at"), {"task_type": ("note",)})
_ACTIONS = Input("ehr_event", ("clinician_key", "at", "client_key", "action_count"), {"task_type": ("note",)})
_HELD = Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)})
_SESSION_END = Input("session", ("ended_at",), without="the clock starts at the planned end, or where service began")
_LINKS = (Input("note", ("session_key",)), Input("note", ("appointment_key",)))


def _of(*required: Input | tuple[Input, ...], supporting: tuple[Input, ...] = ()) -> Needs:
    groups = tuple(group if isinstance(group, tuple) else (group,) for group in required)
    return Needs(subjects=_SUBJECTS, required=groups, supporting=supporting)


_LAG = _of(_SIGNED, _ABOUT, supporting=(_SESSION_END,))
_OPEN = _of(_BEGUN, _SIGNED, _ABOUT, supporting=(_SESSION_END,))
#: What a guardrail of this subject needs, by its id.
NEEDS: Mapping[str, Needs] = MappingProxyType({"overdue_notes": _OPEN})

NOTE_COLUMNS: tuple[MartColumn, ...] = (
    MartColumn("note_key", "text", "", "Key of the note."),
    MartColumn(
        "clinician_key",
        "text",
        "",
        "Key of the author's person; where the note names none, of the session's or appointment's clinician.",
    ),
    MartColumn("client_key", "text", "", "Key of the client's person. Null: not linked."),
    MartColumn("note_type", "text", "", "Kind of note."),
    MartColumn("template_id", "text", "", "The source's own code of the template. Null: none, or not said."),
    MartColumn("authoring_mode", "text", "", "How it was written. Null: the source does not say."),
    MartColumn(
        "clock_from",
        "text",
        "",
        "Where service_end_at comes from: session (its end), appointment (its planned end), service (its begin). "
        "Null: nothing tells.",
    ),
    MartColumn("service_end_at", "instant", "UTC", "When the note's clock starts. Null: nothing tells."),
    MartColumn("created_at", "instant", "UTC", "When it was begun."),
    MartColumn("signed_at", "instant", "UTC", "When its author first signed it. Null: not signed, or not known."),
    MartColumn(
        "state",
        "text",
        "",
        "signed, open (not signed by the run's instant), signed_undated (final, and nothing says when it was signed) "
        "or unknown.",
    ),
    MartColumn(
        "lag_h",
        "number",
        "hours",
        "signed_at - service_end_at, elapsed; later changes and addenda leave it. Below 0: written before the end. "
        "Null: not signed, or one end not known.",
        needs=_LAG,
        rules=("D05",),
    ),
    MartColumn(
        "open_h",
        "number",
        "hours",
        "The run's instant - service_end_at of an open note: its lag is at least this. Null: not open, or that end is "
        "not known.",
        needs=_OPEN,
        rules=("D05", "D18"),
    ),
    MartColumn(
        "band",
        "text",
        "",
        "open, before_end, same_day, le_24h, le_48h, le_72h, gt_72h, or unknown where there is no lag.",
        rules=("D05",),
    ),
    MartColumn(
        "is_same_day",
        "flag",
        "",
        "Whether it was signed on the local day on which the service ended. Null: not signed, or that day lies outside "
        "the judged weeks.",
        rules=("D05",),
    ),
    MartColumn("is_prewritten", "flag", "", "Whether it was signed before the service ended. Null: no lag."),
    MartColumn(
        "is_overdue",
        "flag",
        "",
        "Whether it is open for longer than policy notes.overdue_after. Null: state unknown, or open_h of an open one.",
        rules=("D18",),
    ),
    MartColumn(
        "cosign_lag_h",
        "number",
        "hours",
        "cosigned_at - signed_at: notes of interns and associates need it, and any that is countersigned has it. "
        "Null: not countersigned, or not known.",
        needs=_of(_SIGNED, _COSIGNED),
    ),
    MartColumn(
        "amended_count",
        "count",
        "changes",
        "Changes after signing. Null: the source does not count them.",
        needs=_of(Input("note", ("amended_count",))),
        rules=("D18",),
    ),
    MartColumn(
        "is_bulk",
        "flag",
        "",
        "Whether notes of policy notes.bulk_sessions sessions or more were signed in one sitting with it. Null: not "
        "signed.",
    ),
    MartColumn(
        "actions_n",
        "count",
        "actions",
        "Actions of its author on notes of its client in the EHR's log, from its beginning until it was signed; each "
        "belongs to the note begun last. Null: the log shows none, as where it was written in another tool.",
        needs=_of(_BEGUN, _ACTIONS, Input("note", ("client_key",))),
        rules=("D08",),
    ),
)

_NO_NOTES = "Null: no source of notes knows the person."


def _count(name: str, description: str, needs: Needs, *rules: str, unit: str = "notes") -> MartColumn:
    return MartColumn(name, "count", unit, f"{description} {_NO_NOTES}", needs=needs, rules=rules)


WEEK_COLUMNS: tuple[MartColumn, ...] = (
    MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
    MartColumn("week_id", "date", "", "First local day of the practice week."),
    _count("due_n", "Notes about services that ended in the week, signed or not.", _of(_BEGUN, _ABOUT), "D05"),
    _count("same_day_n", "Of these, signed later on the local day on which the service ended.", _LAG, "D05"),
    MartColumn("same_day_ratio", "number", "ratio", "same_day_n / due_n. Null: none due.", needs=_LAG, rules=("D05",)),
    _count("within_24h_n", "Of due_n, signed within 24 hours.", _LAG, "D05"),
    _count("within_48h_n", "Of due_n, signed within 48 hours.", _LAG, "D05"),
    _count("within_72h_n", "Of due_n, signed within 72 hours.", _LAG, "D05"),
    _count("over_72h_n", "Of due_n, signed later than 72 hours.", _LAG, "D05"),
    _count("undated_n", "Of due_n, signed nobody knows when, or of unknown state.", _OPEN),
    _count("prewritten_n", "Of due_n, signed before the service ended.", _LAG),
    MartColumn(
        "lag_p50_h",
        "number",
        "hours",
        "Least lag by which half of the week's dated notes were signed; an open note waits longer than every signed "
        "one. Null: it falls on an open note, or none due.",
        needs=_LAG,
        rules=("D05",),
    ),
    MartColumn(
        "lag_p90_h",
        "number",
        "hours",
        "The same for nine in ten. Null: as lag_p50_h.",
        needs=_LAG,
        rules=("D05",),
    ),
    _count("signed_n", "Notes signed in the week.", _of(_SIGNED)),
    _count("bulk_signed_n", "Of these, signed in one sitting with notes of many sessions.", _of(_SIGNED)),
    MartColumn(
        "amended_n",
        "count",
        "notes",
        "Of signed_n, changed after signing. Null: the source counts no changes, or no source of notes knows the "
        "person.",
        needs=_of(_SIGNED, Input("note", ("amended_count",))),
        rules=("D18",),
    ),
    MartColumn(
        "cosign_lag_p50_h",
        "number",
        "hours",
        "Median of cosign_lag_h of notes signed in the week. Null: none countersigned.",
        needs=_of(_SIGNED, _COSIGNED),
    ),
    MartColumn(
        "ai_note_share",
        "number",
        "ratio",
        "Notes written with an AI tool / notes signed in the week whose mode is known. Null: none known.",
        needs=_of(_SIGNED, Input("note", ("authoring_mode",))),
        rules=("D09",),
    ),
    _count(
        "open_n", "Unsigned at the week's end, of services that had ended by then, whenever begun.", _OPEN, "D05", "D18"
    ),
    _count("overdue_open_n", "Of open_n, older than policy notes.overdue_after.", _OPEN, "D18"),
    MartColumn(
        "oldest_open_h",
        "number",
        "hours",
        f"Age of the oldest of open_n at the week's end; 0 where none is open. {_NO_NOTES}",
        needs=_OPEN,
        rules=("D05", "D18"),
    ),
    MartColumn(
        "oldest_open_d", "number", "days", f"oldest_open_h / 24. {_NO_NOTES}", needs=_OPEN, rules=("D05", "D18")
    ),
    MartColumn(
        "has_unknown_notes",
        "flag",
        "",
        "Whether a note may be open at the week's end whose status nobody can tell; the verdict is unknown then.",
    ),
    MartColumn(
        "sessions_without_note_n",
        "count",
        "sessions",
        "Held sessions of the week that no note names by now. Null: no note names its session or appointment, or "
        "sessions or notes of the person are not known.",
        needs=_of(_HELD, _LINKS),
        rules=("D18",),
    ),
    MartColumn(
        "doc_min_per_note",
        "number",
        "minutes",
        "note_min of ehr_time_week / signed_n. Null: none signed, or no log. Too low where unlogged_n is above 0: work "
        "in another tool leaves no trace.",
        needs=_of(_LOG, _SIGNED),
        rules=("D03", "D09"),
    ),
    MartColumn(
        "unlogged_n",
        "count",
        "notes",
        "Notes signed on a day on which the log shows no work of the author on notes. Null: no log, or no notes known.",
        needs=_of(_LOG, _SIGNED),
        rules=("D03",),
    ),
    MartColumn(
        "actions_per_note",
        "number",
        "actions",
        "Mean of actions_n of note_timeliness over the notes signed in the week. Null: the log shows none.",
        needs=_of(_SIGNED, _ACTIONS, Input("note", ("client_key",))),
        rules=("D08",),
    ),
)
