"""Columns of `clinician_week` on hours, availability and utilization."""

from __future__ import annotations

from pacekeeper.measures.mart import MartColumn

_NO_SESSIONS = "Null: no source of sessions knows the person."
_NO_OPEN = "Null: neither calendar nor weekly template offers client time in the week."

WEEK_COLUMNS = (
    MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
    MartColumn("week_id", "date", "", "First local day of the practice week."),
    MartColumn("week_start_at", "instant", "UTC", "First moment of the week in `zone`."),
    MartColumn("week_end_at", "instant", "UTC", "First moment of the next week in `zone`."),
    MartColumn("zone", "text", "IANA zone", "Zone of the home location, else of the practice (decision 1.2)."),
    MartColumn("is_client_facing", "flag", "", "Whether any source says the clinician sees clients. Null: none says."),
    MartColumn(
        "evaluability",
        "text",
        "",
        "full, partial or not_evaluated (decision 1.5): what is left of template_h after leave, closures and "
        "protected time, against policy evaluability and min_available_h.",
        rules=("U16",),
    ),
    MartColumn(
        "evaluability_reason",
        "text",
        "",
        "outside_employment, no_source, leave or low_denominator. Null: the week is evaluated.",
    ),
    MartColumn("fte", "number", "fte", "Mean over the employed days of the week (decision 1.6). Null: not known."),
    MartColumn(
        "tenure_month",
        "count",
        "months",
        "Completed months of the current continuous employment at week start, plus 1 (decision 1.12). "
        "Null: not employed in the week, or no employment known.",
    ),
    MartColumn(
        "template_h",
        "number",
        "hours",
        f"Union of client_available time, nothing taken off. {_NO_OPEN}",
    ),
    MartColumn(
        "available_h",
        "number",
        "hours",
        "template_h less leave, holiday, closure, protected blocks and leave in the PTO ledger, plus unblocked_h "
        f"(decision 1.4). {_NO_OPEN}",
    ),
    MartColumn("unblocked_h", "number", "hours", f"Direct time outside what remains available. {_NO_OPEN}"),
    MartColumn(
        "scheduled_h",
        "number",
        "hours",
        "Union of planned appointment times, those entered in error, rescheduled or without an end left out. "
        "Null: no source of appointments knows the person.",
    ),
    MartColumn(
        "direct_h",
        "number",
        "hours",
        "Union of the intervals of completed and partial sessions of countable types that start in the week "
        f"(decision 1.3); a group counts once, each co-therapist in full. {_NO_SESSIONS}",
        rules=("U06", "W01", "W02"),
    ),
    MartColumn("direct_h_in_person", "number", "hours", f"direct_h of sessions in person. {_NO_SESSIONS}"),
    MartColumn("direct_h_video", "number", "hours", f"direct_h of sessions by video. {_NO_SESSIONS}"),
    MartColumn("direct_h_audio", "number", "hours", f"direct_h of sessions by telephone. {_NO_SESSIONS}"),
    MartColumn(
        "direct_h_other",
        "number",
        "hours",
        f"direct_h of sessions at home, in the community or of unknown modality. {_NO_SESSIONS}",
    ),
    MartColumn("sessions_n", "count", "sessions", f"Sessions behind direct_h. {_NO_SESSIONS}", rules=("U07",)),
    MartColumn(
        "distinct_clients_n",
        "count",
        "clients",
        f"Clients who attended one of those sessions. {_NO_SESSIONS}",
        rules=("W03", "W19"),
    ),
    MartColumn("groups_n", "count", "sessions", f"Group occurrences among those sessions. {_NO_SESSIONS}"),
    MartColumn(
        "share_fallback",
        "number",
        "ratio",
        "Sessions whose duration is not an actual one / sessions_n. Null: no sessions.",
    ),
    MartColumn(
        "unknown_status_sessions_n",
        "count",
        "sessions",
        f"Sessions of unknown status; above 0 the week's verdicts are unknown (decision 1.11). {_NO_SESSIONS}",
    ),
    MartColumn(
        "unreviewed_sessions_n",
        "count",
        "sessions",
        "Sessions that are over and that nobody confirmed; above 0 the week's verdicts are unknown (decision 5). "
        f"{_NO_SESSIONS}",
    ),
    MartColumn(
        "unknown_type_sessions_n",
        "count",
        "sessions",
        f"Held sessions of unknown type where the policy does not count that type. {_NO_SESSIONS}",
    ),
    MartColumn(
        "utilization_ratio",
        "number",
        "ratio",
        "direct_h / available_h (decision 1.8). Null: one of them is null, or available_h is 0.",
        rules=("U01", "U02"),
    ),
    MartColumn(
        "paid_productivity_ratio",
        "number",
        "ratio",
        "direct_h / (contract hours of the employed days - paid_leave_h). "
        "Null: contract hours not known, or nothing paid remains.",
        rules=("U05",),
    ),
    MartColumn("leave_h", "number", "hours", f"Available time that leave blocks or the ledger took. {_NO_OPEN}"),
    MartColumn("paid_leave_h", "number", "hours", "Ledger entries of paid kinds (policy leave.paid_kinds)."),
    MartColumn(
        "admin_protected_h",
        "number",
        "hours",
        "Protected admin and documentation blocks less overlap with sessions and team meetings; a block half "
        "taken or more counts 0 (policy protected_admin.encroached_from). Null: no source of schedule blocks knows "
        "the person.",
    ),
    MartColumn("has_unclear_sessions", "flag", "", "Whether sessions of unknown status or type began."),
    MartColumn(
        "has_unreviewed_sessions", "flag", "", "Whether sessions began that are over and that nobody confirmed."
    ),
)
