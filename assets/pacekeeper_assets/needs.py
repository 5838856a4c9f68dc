"""What the measures of hours, attendance, caseload and scores need from sources, and the guardrails on them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pacekeeper.measures.needs import Input, Needs

_SUBJECTS = (Input("clinician", ("clinician_key",)),)

_HELD = Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)})
_SESSION_TYPE = Input("session", ("session_type",), without="every kind of session counts as one whose type is unknown")
_CO_THERAPISTS = Input(
    "session_clinician",
    ("session_key", "clinician_key", "counts_direct"),
    without="a session counts for the clinician in charge only",
)
_ATTENDED = Input("session_participant", ("session_key", "client_key", "attended"))
_CALENDAR = Input("schedule_block", ("clinician_key", "start_at", "end_at"), {"kind": ("client_available",)})
_TEMPLATE = Input("availability_template", ("clinician_key", "weekday", "start_minute", "end_minute"))
_OPEN_TIME = (_CALENDAR, _TEMPLATE)
_FTE = Input("employment", ("clinician_key", "start_date", "fte"), without="ceilings are not scaled by FTE")
_TENURE = Input("employment", ("clinician_key", "start_date"), without="nobody is exempt while ramping up")
_LEAVE = Input(
    "pto_ledger",
    ("clinician_key", "entry_date", "hours", "kind"),
    without="leave that stands in no calendar is not taken off available time",
)
_CLOSURE = Input(
    "practice_closure",
    ("from_date", "to_date"),
    without="closures that stand in no calendar are not taken off available time",
)
_LEAVE_BLOCK = Input("schedule_block", ("clinician_key", "start_at", "end_at"), {"kind": ("pto",)})
_CASE = Input("case_assignment", ("clinician_key", "client_key", "from_date"))
_SEAT = Input("appointment", ("clinician_key", "client_key", "start_at", "status"))
_KEPT_OR_NOT = Input("appointment", ("clinician_key", "client_key", "start_at"), {"status": ("kept", "no_show")})
# A cancellation by the client after the start is a no-show (decision 1.10).
_CANCELLED_AFTER_START = Input(
    "appointment",
    ("clinician_key", "client_key", "start_at", "cancelled_at"),
    {"status": ("kept", "cancelled"), "cancelled_by": ("client",)},
)
_BOOKED = Input("appointment", ("booked_at",), without="an appointment counts as ahead from the first day on")
_SCORE = Input("measure_response", ("client_key", "instrument", "administered_at", "total"))

#: What a guardrail needs, by its id. A source that maps an entity and leaves a column out cannot be judged by it.
GUARDRAIL_NEEDS: Mapping[str, Needs] = MappingProxyType(
    {
        "direct_hours": Needs(
            subjects=_SUBJECTS, required=((_HELD,),), supporting=(_CO_THERAPISTS, _FTE, _SESSION_TYPE)
        ),
        "utilization": Needs(
            subjects=_SUBJECTS,
            required=((_HELD,), _OPEN_TIME),
            supporting=(_CO_THERAPISTS, _TENURE, _LEAVE, _CLOSURE, _SESSION_TYPE),
        ),
        "active_caseload": Needs(
            subjects=_SUBJECTS,
            required=((_CASE,), (_HELD,), (_ATTENDED,), (_SEAT,)),
            supporting=(_CO_THERAPISTS, _FTE, _SESSION_TYPE, _BOOKED),
        ),
        "no_show": Needs(subjects=_SUBJECTS, required=((_KEPT_OR_NOT, _CANCELLED_AFTER_START),)),
    }
)


def _measures(mart: str, *groups: tuple[tuple[str, ...], Needs]) -> dict[str, Needs]:
    return {f"{mart}.{column}": needs for columns, needs in groups for column in columns}


def _of(*required: Input | tuple[Input, ...]) -> Needs:
    groups = tuple(group if isinstance(group, tuple) else (group,) for group in required)
    return Needs(subjects=_SUBJECTS, required=groups)


def _kinds(*kinds: str) -> tuple[Input, ...]:
    columns = ("clinician_key", "start_at", "end_at")
    return tuple(Input("schedule_block", columns, {"kind": (kind,)}) for kind in kinds)


_CANCELLED = Input(
    "appointment", ("clinician_key", "client_key", "start_at"), {"status": ("cancelled",), "cancelled_by": ("client",)}
)
_CANCELLED_WHEN = Input("appointment", ("cancelled_at",))
_MODALITIES = {
    "direct_h_in_person": "in_person",
    "direct_h_video": "video",
    "direct_h_audio": "audio",
}

#: What a measure needs, by `mart.column`.
COLUMN_NEEDS: Mapping[str, Needs] = MappingProxyType(
    {
        **_measures(
            "clinician_week",
            (
                (
                    "direct_h",
                    "sessions_n",
                    "unknown_status_sessions_n",
                    "unreviewed_sessions_n",
                    "unknown_type_sessions_n",
                ),
                _of(_HELD),
            ),
            (("share_fallback",), _of(_HELD, Input("session", ("duration_source",)))),
            *(
                ((column,), _of(_HELD, Input("session", (), {"modality": (modality,)})))
                for column, modality in _MODALITIES.items()
            ),
            (("direct_h_other",), _of(_HELD, Input("session", ("modality",)))),
            (("distinct_clients_n",), _of(_HELD, _ATTENDED)),
            (("groups_n",), _of(_HELD, Input("session", (), {"session_type": ("group",)}))),
            (("template_h", "available_h"), _of(_OPEN_TIME)),
            (("unblocked_h", "utilization_ratio"), _of(_HELD, _OPEN_TIME)),
            (("scheduled_h",), _of(Input("appointment", ("clinician_key", "start_at", "end_at", "status")))),
            (("fte",), _of(_FTE)),
            (("tenure_month",), _of(_TENURE)),
            (("paid_productivity_ratio",), _of(_HELD, Input("employment", ("start_date", "contract_h_week")))),
            (("leave_h",), _of(_OPEN_TIME, (_LEAVE_BLOCK, _LEAVE))),
            (("paid_leave_h",), _of(_LEAVE)),
            (("admin_protected_h",), _of(_kinds("admin", "documentation"), Input("schedule_block", ("is_protected",)))),
        ),
        **_measures(
            "attendance_week",
            (
                (
                    "scheduled_n",
                    "kept_n",
                    "unknown_status_n",
                    "unreviewed_n",
                    "still_booked_n",
                    "kept_4w",
                    "unknown_status_4w",
                    "unreviewed_4w",
                ),
                _of(_SEAT),
            ),
            (("no_show_n", "no_show_4w"), _of((_KEPT_OR_NOT, _CANCELLED_AFTER_START))),
            (("late_cancel_n", "advance_cancel_n"), _of(_CANCELLED, _CANCELLED_WHEN)),
            (
                ("clinician_cancel_n",),
                _of(tuple(Input("appointment", (), {"cancelled_by": (by,)}) for by in ("clinician", "practice"))),
            ),
            (("unknown_cancel_n",), _of(Input("appointment", (), {"status": ("cancelled",)}))),
            (
                ("no_show_ratio", "no_show_ratio_4w", "wilson_lo", "wilson_hi"),
                _of((_KEPT_OR_NOT, _CANCELLED_AFTER_START)),
            ),
            (("combined_ratio",), _of(_KEPT_OR_NOT, _CANCELLED, _CANCELLED_WHEN)),
        ),
        **_measures(
            "caseload_snapshot",
            (
                (
                    "active_clients",
                    "uncertain_clients",
                    "unknown_status_clients",
                    "sessions_per_active_client",
                    "new_share",
                ),
                _of(_CASE, _HELD, _ATTENDED, _SEAT),
            ),
            (
                ("group_only_clients",),
                _of(_CASE, _HELD, _ATTENDED, _SEAT, Input("session", (), {"session_type": ("group",)})),
            ),
        ),
        **_measures(
            "measure_trajectory",
            (("sequence_no", "score", "delta_prev", "delta_base", "delta_best"), Needs(required=((_SCORE,),))),
            (
                ("safety_flag",),
                Needs(required=((_SCORE,), (Input("measure_item", ("response_key", "item_no", "value")),))),
            ),
        ),
    }
)
