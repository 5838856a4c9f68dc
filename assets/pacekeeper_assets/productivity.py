"""`clinician_week`: the spine of weeks with hours, availability and utilization."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import holds, number
from pacekeeper.measures.instant import hours, seconds
from pacekeeper.measures.mart import Mart, Step
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
from pacekeeper_assets.week_columns import WEEK_COLUMNS
from pacekeeper_assets.work_columns import BILLED_COLUMNS, WORK_COLUMNS
from pacekeeper_assets.worktime import (
    debrief_days,
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
WEEK_SWEEP = Step("week_sweep", week_sweep, (PERSON_DAY, PERSON_SESSION, PERSON_BLOCK), is_weekly=True)
PERSON_ENTRY = Step(
    "person_entry", lambda tables, policy: entry_pieces(tables, tables.person_day), (PERSON_DAY,), is_weekly=True
)
WORK_SWEEP = Step("work_sweep", work_sweep, (PERSON_DAY, PERSON_SESSION, PERSON_BLOCK, PERSON_ENTRY), is_weekly=True)
WORK_DAY = Step("work_day", lambda tables, policy: work_day(tables), (PERSON_DAY, WORK_SWEEP), is_weekly=True)


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
        has_unclear_sessions=(rows.unknown_status_sessions_n.fill_null(0) > 0)
        | (rows.unknown_type_sessions_n.fill_null(0) > 0),
        has_unreviewed_sessions=rows.unreviewed_sessions_n.fill_null(0) > 0,
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
    columns=(*WEEK_COLUMNS, *WORK_COLUMNS, *BILLED_COLUMNS),
    steps=(PERSON_SOURCE, PERSON_WEEK, WEEK_SWEEP, WORK_DAY),
    build=clinician_week,
    weekly_reach=debrief_days,
)
