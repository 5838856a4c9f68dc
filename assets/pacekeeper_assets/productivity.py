"""`clinician_week`: the spine of weeks with hours, availability and utilization."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import holds, number
from pacekeeper.measures.instant import hours, seconds
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.state import Reason
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.availability import (
    MODALITIES,
    availability_week,
    block_pieces,
    ledger_day,
    protected_admin_week,
    week_segments,
)
from pacekeeper_assets.billed import billed_measures, billed_week, booked_week
from pacekeeper_assets.completeness import person_source, with_known
from pacekeeper_assets.employment import fte_week, tenure_week
from pacekeeper_assets.people import on_local_day, session_clinician_person, spine, spine_day, with_client_person
from pacekeeper_assets.work_columns import BILLED_COLUMNS, WORK_COLUMNS
from pacekeeper_assets.worktime import (
    debrief_week,
    entry_pieces,
    supervision_week,
    work_day,
    work_measures,
    work_sweep,
    work_week,
)

# 12.6 / 31.5 is 0.4, not a hair less.
_DIGITS = 9
HELD = ("completed", "partial")


def sessions_by_person(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per person and session of any status, in the local week it starts, with `is_direct` (decision 1.3)."""
    rows = _sessions_of(tables, tables.person_day)
    return rows.mutate(is_direct=rows.status.isin(HELD) & _is_countable(rows, policy))


def week_sweep(tables: CanonicalTables, policy: Policy) -> Table:
    sessions = tables.person_session
    return week_segments(
        tables, tables.person_day, direct=sessions.filter(sessions.is_direct), blocks=tables.person_block
    )


PERSON_SOURCE = Step("person_source", lambda tables, policy: person_source(tables))
PERSON_WEEK = Step("person_week", lambda tables, policy: spine(tables))
PERSON_DAY = Step("person_day", lambda tables, policy: spine_day(tables.person_week, tables), (PERSON_WEEK,))
PERSON_SESSION = Step("person_session", sessions_by_person, (PERSON_DAY,))
PERSON_BLOCK = Step("person_block", lambda tables, policy: block_pieces(tables, tables.person_day), (PERSON_DAY,))
WEEK_SWEEP = Step("week_sweep", week_sweep, (PERSON_DAY, PERSON_SESSION, PERSON_BLOCK))
PERSON_ENTRY = Step("person_entry", lambda tables, policy: entry_pieces(tables, tables.person_day), (PERSON_DAY,))
WORK_SWEEP = Step("work_sweep", work_sweep, (PERSON_DAY, PERSON_SESSION, PERSON_BLOCK, PERSON_ENTRY))
WORK_DAY = Step("work_day", lambda tables, policy: work_day(tables), (PERSON_DAY, WORK_SWEEP))


def clinician_week(tables: CanonicalTables, policy: Policy) -> Table:
    weeks, days, swept = tables.person_week, tables.person_day, tables.week_sweep
    sessions = tables.person_session
    parts = [
        availability_week(swept, ledger_day(tables, days, policy)),
        protected_admin_week(tables.person_block, swept, policy),
        _counts(tables, sessions.filter(sessions.is_direct)),
        _unknown(sessions),
        fte_week(tables, days, policy),
        tenure_week(weeks, tables),
        work_week(tables),
        supervision_week(tables, policy),
        debrief_week(tables, policy),
        billed_week(tables),
        booked_week(tables, policy),
    ]
    rows = weeks
    for part in parts:
        rows = rows.left_join(part, ["person_key", "week_id"]).drop("person_key_right", "week_id_right")
    rows = with_known(
        rows, tables, "session", "appointment", "schedule_block", "time_entry", "ehr_event", "message", "charge"
    )
    return billed_measures(work_measures(_judged(_measured(rows), policy)))


def _sessions_of(tables: CanonicalTables, days: Table) -> Table:
    held = tables.session
    held = held.select(
        "session_key",
        "session_type",
        "modality",
        "status",
        "duration_source",
        "group_key",
        "is_acuity_event",
        "appointment_key",
        from_s=seconds(held.started_at),
        to_s=seconds(held.ended_at),
    )
    return on_local_day(held.inner_join(session_clinician_person(tables), "session_key"), days, at="from_s")


def _is_countable(rows: Table, policy: Policy) -> Value:
    return holds(
        policy,
        rows.week_id,
        lambda rev: rows.session_type.isin(rev.guardrail("direct_hours").settings.words("countable")),
    )


def _counts(tables: CanonicalTables, direct: Table) -> Table:
    """Counts per person and week; clients from attended places only."""
    occurrence = ifelse(
        direct.session_type == "group", ibis.coalesce(direct.group_key, direct.session_key), ibis.null("string")
    )
    # The same group key comes back every week; within a week each start is its own occurrence.
    occurrence = occurrence.concat("@").concat(direct.from_s.cast("string"))
    held = direct.group_by("person_key", "week_id").aggregate(
        sessions_n=direct.session_key.nunique(),
        groups_n=occurrence.nunique(),
        acuity_told_n=direct.session_key.nunique(where=direct.is_acuity_event.notnull()),
        fallback_n=direct.session_key.nunique(where=direct.duration_source != "actual"),
    )
    places = with_client_person(tables.session_participant.filter(tables.session_participant.attended), tables)
    seen = direct.select("person_key", "week_id", "session_key").inner_join(
        places.select("session_key", "client_key"), "session_key"
    )
    clients = seen.group_by("person_key", "week_id").aggregate(distinct_clients_n=seen.client_key.nunique())
    return held.left_join(clients, ["person_key", "week_id"]).drop("person_key_right", "week_id_right")


def _unknown(rows: Table) -> Table:
    is_unknown_type = rows.status.isin(HELD) & (rows.session_type == "unknown") & ~rows.is_direct
    flagged = rows.mutate(is_unknown_type=is_unknown_type)
    return flagged.group_by("person_key", "week_id").aggregate(
        unknown_status_sessions_n=flagged.session_key.nunique(where=flagged.status == "unknown"),
        unreviewed_sessions_n=flagged.session_key.nunique(where=flagged.status == "unreviewed"),
        unknown_type_sessions_n=flagged.session_key.nunique(where=flagged.is_unknown_type),
    )


def _measured(rows: Table) -> Table:
    """Seconds into hours; null where no source that could tell knows the person."""
    no_number, no_count = ibis.null("float64"), ibis.null("int64")

    def of_sessions(duration_s: Value) -> Value:
        return ifelse(rows.knows_session, hours(duration_s.fill_null(0)), no_number)

    def counted(count: Value) -> Value:
        return ifelse(rows.knows_session, count.fill_null(0), no_count)

    has_open = rows.open_s.fill_null(0) > 0
    return rows.mutate(
        direct_h=of_sessions(rows.direct_s),
        **{f"direct_h_{modality}": of_sessions(rows[f"{modality}_s"]) for modality in MODALITIES},
        sessions_n=counted(rows.sessions_n),
        distinct_clients_n=counted(rows.distinct_clients_n),
        groups_n=counted(rows.groups_n),
        unknown_status_sessions_n=counted(rows.unknown_status_sessions_n),
        unreviewed_sessions_n=counted(rows.unreviewed_sessions_n),
        unknown_type_sessions_n=counted(rows.unknown_type_sessions_n),
        share_fallback=rows.fallback_n / rows.sessions_n.nullif(0),
        template_h=ifelse(has_open, hours(rows.open_s), no_number),
        available_h=ifelse(has_open, hours(rows.kept_open_s + rows.unblocked_s), no_number),
        kept_h=ifelse(has_open, hours(rows.kept_open_s), no_number),
        unblocked_h=ifelse(has_open, hours(rows.unblocked_s), no_number),
        leave_h=ifelse(has_open, hours(rows.leave_s), no_number),
        paid_leave_h=hours(rows.paid_leave_s.fill_null(0)),
        scheduled_h=ifelse(rows.knows_appointment, hours(rows.scheduled_s.fill_null(0)), no_number),
        admin_protected_h=ifelse(rows.knows_schedule_block, hours(rows.admin_protected_s.fill_null(0)), no_number),
        has_unclear_sessions=(
            rows.unknown_status_sessions_n.fill_null(0)
            + rows.unknown_type_sessions_n.fill_null(0)
            + rows.unreviewed_sessions_n.fill_null(0)
        )
        > 0,
    )


def _judged(rows: Table, policy: Policy) -> Table:
    """Evaluability (decision 1.5) and the ratios."""
    least_h = number(policy, rows.week_id, lambda rev: rev.guardrail("utilization").settings.number("min_available_h"))
    lowest = number(policy, rows.week_id, lambda rev: rev.section("evaluability").number("not_evaluated_below"))
    full = number(policy, rows.week_id, lambda rev: rev.section("evaluability").number("full_from"))
    outside = rows.has_employment & (rows.employed_days.fill_null(0) == 0)
    share = (rows.kept_h / rows.template_h).round(_DIGITS)
    is_short = ibis.coalesce((share < lowest) | (rows.available_h < least_h), literal(value=False))
    reason = ibis.cases(
        (outside, literal(Reason.OUTSIDE_EMPLOYMENT.value)),
        (rows.available_h.isnull(), literal(Reason.NO_SOURCE.value)),
        (is_short & (rows.leave_h > 0), literal(Reason.LEAVE.value)),
        (is_short, literal(Reason.LOW_DENOMINATOR.value)),
        else_=ibis.null("string"),
    )
    judged = rows.mutate(evaluability_reason=reason)
    paid_h = judged.contract_h - judged.paid_leave_h
    return judged.mutate(
        clinician_key=judged.person_key,
        evaluability=ibis.cases(
            (judged.evaluability_reason.notnull(), literal("not_evaluated")),
            (share < full, literal("partial")),
            else_=literal("full"),
        ),
        utilization_ratio=judged.direct_h / judged.available_h.nullif(0.0),
        paid_productivity_ratio=ifelse(paid_h > 0, judged.direct_h / paid_h, ibis.null("float64")),
    )


_NO_SESSIONS = "Null: no source of sessions knows the person."
_NO_OPEN = "Null: neither calendar nor weekly template offers client time in the week."

CLINICIAN_WEEK = Mart(
    name="clinician_week",
    description="Hours, availability and utilization of every clinician in every judged practice week.",
    grain="one row per clinician (a person, across sources) and ended practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=(
        "practice",
        "location",
        "clinician",
        "person_match",
        "client_match",
        "employment",
        "appointment",
        "session",
        "session_clinician",
        "session_participant",
        "schedule_block",
        "availability_template",
        "pto_ledger",
        "practice_closure",
        "time_entry",
        "ehr_interval",
        "ehr_event",
        "message",
        "charge",
        "calendar_day",
    ),
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("week_id", "date", "", "First local day of the practice week."),
        MartColumn("week_start_at", "instant", "UTC", "First moment of the week in `zone`."),
        MartColumn("week_end_at", "instant", "UTC", "First moment of the next week in `zone`."),
        MartColumn("zone", "text", "IANA zone", "Zone of the home location, else of the practice (decision 1.2)."),
        MartColumn(
            "is_client_facing", "flag", "", "Whether any source says the clinician sees clients. Null: none says."
        ),
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
        MartColumn(
            "has_unclear_sessions", "flag", "", "Whether sessions of unknown status or type, or unreviewed ones, began."
        ),
        *WORK_COLUMNS,
        *BILLED_COLUMNS,
    ),
    steps=(PERSON_SOURCE, PERSON_WEEK, WEEK_SWEEP, WORK_DAY),
    build=clinician_week,
)
