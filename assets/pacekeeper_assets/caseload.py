"""`caseload_snapshot`: who is an active client of a clinician at the end of each practice week."""

from __future__ import annotations

from datetime import datetime

import ibis

from pacekeeper.expr import Table, ifelse, literal
from pacekeeper.measures.in_force import holds, whole
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import maps, on_local_day, person, session_clinician_person, with_person
from pacekeeper_assets.productivity import HELD

_DAYS_TO_LAST = 6
_GONE = ("cancelled", "rescheduled", "entered_in_error")
# At one instant: what ended or began by then comes before the week's end looks, what begins right then after it.
_BEFORE, _LOOK, _AFTER = 0, 1, 2


def caseload_snapshot(tables: CanonicalTables, policy: Policy, as_of: datetime) -> Table:  # noqa: ARG001 - one signature
    weeks = _week_ends(tables)
    seen = _as_known_at(weeks, tables)
    within = whole(
        policy, seen.week_id, lambda rev: rev.guardrail("active_caseload").settings.whole("seen_within_days")
    )
    recent_from = seen.last_no - within + 1
    is_seen = ibis.coalesce(seen.seen_no >= recent_from, literal(value=False))
    is_seen_alone = ibis.coalesce(seen.seen_alone_no >= recent_from, literal(value=False))
    seen = seen.mutate(
        is_any=is_seen | (seen.future_n > 0),
        is_alone=is_seen_alone | (seen.future_alone_n > 0),
    )
    counts_groups = holds(
        policy, seen.week_id, lambda rev: rev.guardrail("active_caseload").settings.flag("count_group_only")
    )
    new_within = whole(
        policy, seen.week_id, lambda rev: rev.guardrail("active_caseload").settings.whole("new_within_days")
    )
    seen = seen.mutate(
        is_active=seen.is_alone | (counts_groups & seen.is_any),
        is_new=ibis.coalesce(seen.first_seen_no >= seen.last_no - new_within + 1, literal(value=False)),
    )
    counts = seen.group_by("clinician_key", "week_id").aggregate(
        active_n=seen.count(where=seen.is_active),
        group_only_n=seen.count(where=seen.is_any & ~seen.is_alone),
        new_n=seen.count(where=seen.is_active & seen.is_new),
    )
    rows = weeks.left_join(counts, ["clinician_key", "week_id"]).drop("clinician_key_right", "week_id_right")
    rows = rows.cross_join(maps(tables, "case_assignment"))
    none = ibis.null("int64")
    active = ifelse(rows.maps_case_assignment, rows.active_n.fill_null(0), none)
    return rows.mutate(
        active_clients=active,
        group_only_clients=ifelse(rows.maps_case_assignment, rows.group_only_n.fill_null(0), none),
        new_share=rows.new_n / active.nullif(0),
        sessions_per_active_client=rows.sessions_n / active.nullif(0),
    )


def _week_ends(tables: CanonicalTables) -> Table:
    weeks = tables.clinician_week
    return weeks.select(
        "clinician_key",
        "week_id",
        "week_end_at",
        "sessions_n",
        week_end_s=seconds(weeks.week_end_at),
        last_no=day_number(weeks.week_id) + _DAYS_TO_LAST,
    )


def _as_known_at(weeks: Table, tables: CanonicalTables) -> Table:
    """One row per clinician, client with an open assignment and week end, with what was known by then.

    seen_no, seen_alone_no, first_seen_no: local day numbers of the last attended session, the last one that was no
    group, and the first. future_n, future_alone_n: appointments then still ahead, and those that are no group seat.
    """
    looks = _assigned(weeks, tables)
    pairs = looks.select("clinician_key", "client_key").distinct()
    events = ibis.union(
        _looks(looks), _attended(tables, pairs), _ahead(tables, pairs, begins=True), _ahead(tables, pairs, begins=False)
    )
    so_far = ibis.window(group_by=["clinician_key", "client_key"], order_by=["at_s", "rank", "week_id"], rows=(None, 0))
    known = events.mutate(
        seen_no=events.day_no.max().over(so_far),
        first_seen_no=events.day_no.min().over(so_far),
        seen_alone_no=events.alone_day_no.max().over(so_far),
        future_n=events.step.sum().over(so_far),
        future_alone_n=events.alone_step.sum().over(so_far),
    )
    return known.filter(known["rank"] == _LOOK)


def _assigned(weeks: Table, tables: CanonicalTables) -> Table:
    """Open assignments on the week's last local day (decision 1.9), each client once."""
    cases = with_person(tables.case_assignment, tables)
    cases = cases.select(
        "client_key",
        clinician_key="person_key",
        from_no=day_number(cases.from_date),
        to_no=day_number(cases.to_date),
    )
    joined = weeks.select("clinician_key", "week_id", "week_end_s", "last_no").inner_join(cases, "clinician_key")
    is_open = (joined.from_no <= joined.last_no) & (joined.to_no.isnull() | (joined.to_no >= joined.last_no))
    return joined.filter(is_open).select("clinician_key", "client_key", "week_id", "week_end_s", "last_no").distinct()


def _looks(looks: Table) -> Table:
    nothing, zero = ibis.null("int64"), literal(0, "int64")
    return looks.select(
        "clinician_key",
        "client_key",
        at_s=looks.week_end_s,
        rank=literal(_LOOK, "int64"),
        week_id=looks.week_id,
        last_no=looks.last_no,
        day_no=nothing,
        alone_day_no=nothing,
        step=zero,
        alone_step=zero,
    )


def _attended(tables: CanonicalTables, pairs: Table) -> Table:
    """Attended sessions at the instant they start, with the local day number."""
    held = tables.session.filter(tables.session.status.isin(HELD))
    places = tables.session_participant.filter(tables.session_participant.attended)
    joined = held.inner_join(session_clinician_person(tables), "session_key")
    joined = joined.inner_join(places.select("session_key", "client_key"), "session_key")
    joined = joined.select(
        "client_key", "person_key", "session_type", clinician_key="person_key", at_s=seconds(joined.started_at)
    ).semi_join(pairs, ["clinician_key", "client_key"])
    dated = on_local_day(joined, _zone_day(tables), at="at_s")
    nothing, zero = ibis.null("int64"), literal(0, "int64")
    return dated.select(
        "clinician_key",
        "client_key",
        at_s=dated.at_s,
        rank=literal(_AFTER, "int64"),
        week_id=ibis.null("date"),
        last_no=nothing,
        day_no=dated.day_no,
        alone_day_no=ifelse(dated.session_type == "group", nothing, dated.day_no),
        step=zero,
        alone_step=zero,
    )


def _zone_day(tables: CanonicalTables) -> Table:
    """Every local day of each person, also those before the spine."""
    calendar = tables.calendar_day
    days = calendar.select(
        "zone",
        "week_id",
        day_no=day_number(calendar.local_date),
        from_s=seconds(calendar.starts_at),
        to_s=seconds(calendar.ends_at),
    )
    return person(tables).select("person_key", "zone").inner_join(days, "zone")


def _ahead(tables: CanonicalTables, pairs: Table, *, begins: bool) -> Table:
    """Beginning or end of the time in which an appointment is known and still ahead.

    From its booking (always, where that is not known) to its cancellation or, at the latest, its start.
    """
    seats = with_person(tables.appointment.filter(tables.appointment.client_key.notnull()), tables)
    seats = seats.filter(seats.cancelled_at.notnull() | seats.status.notin(_GONE))
    seats = seats.select(
        "client_key",
        "group_key",
        clinician_key="person_key",
        booked_s=seconds(seats.booked_at).fill_null(0),
        start_s=seconds(seats.start_at),
        cancelled_s=seconds(seats.cancelled_at),
    ).semi_join(pairs, ["clinician_key", "client_key"])
    is_cancelled_first = ibis.coalesce(seats.cancelled_s <= seats.start_s, literal(value=False))
    seats = seats.mutate(
        over_s=ifelse(is_cancelled_first, seats.cancelled_s, seats.start_s),
        over_rank=ifelse(is_cancelled_first, _BEFORE, _AFTER),
    )
    # What was cancelled before it was booked, or booked after it began, was never ahead.
    seats = seats.filter(
        (seats.over_s > seats.booked_s) | ((seats.over_s == seats.booked_s) & (seats.over_rank == _AFTER))
    )
    step = literal(1 if begins else -1, "int64")
    nothing = ibis.null("int64")
    return seats.select(
        "clinician_key",
        "client_key",
        at_s=seats.booked_s if begins else seats.over_s,
        rank=literal(_BEFORE, "int64") if begins else seats.over_rank.cast("int64"),
        week_id=ibis.null("date"),
        last_no=nothing,
        day_no=nothing,
        alone_day_no=nothing,
        step=step,
        alone_step=ifelse(seats.group_key.isnull(), step, literal(0, "int64")),
    )


_NO_CASES = "Null: no configured source maps assignments."

CASELOAD_SNAPSHOT = Mart(
    name="caseload_snapshot",
    description="Active clients of every clinician at the end of every judged practice week.",
    grain="one row per clinician (a person, across sources) and end of practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=(
        "clinician_week",
        "case_assignment",
        "session",
        "session_clinician",
        "session_participant",
        "appointment",
        "clinician",
        "person_match",
        "practice",
        "location",
        "calendar_day",
    ),
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("week_id", "date", "", "First local day of the practice week whose last day is the day judged."),
        MartColumn("week_end_at", "instant", "UTC", "First moment of the next week in the clinician's zone."),
        MartColumn(
            "active_clients",
            "count",
            "clients",
            "Clients with an open assignment and an attended session in the policy's days, or an appointment then "
            "ahead (D4.10, W04, decision 1.9); without group-only clients unless the policy counts them. "
            f"{_NO_CASES}",
        ),
        MartColumn(
            "group_only_clients",
            "count",
            "clients",
            "Clients active through groups alone: no other attended session in those days, no other appointment ahead. "
            f"{_NO_CASES}",
        ),
        MartColumn(
            "new_share",
            "number",
            "ratio",
            "Active clients whose first attended session with the clinician lies in the policy's new_within_days / "
            "active_clients (D4.12, W08); a client not seen yet is not new. Null: no active clients.",
        ),
        MartColumn(
            "sessions_per_active_client",
            "number",
            "sessions per client",
            "clinician_week.sessions_n of the week / active_clients (W05). Null: no active clients, or no source "
            "maps sessions.",
        ),
    ),
    build=caseload_snapshot,
)
