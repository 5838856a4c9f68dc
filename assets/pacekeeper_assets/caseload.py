"""`caseload_snapshot`: who is an active client of a clinician at the end of each practice week."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import holds, whole
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.capacity import CAPACITY_COLUMNS, capacity_week
from pacekeeper_assets.casepoints import POINTS_COLUMNS, points_measures, points_week
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.people import (
    on_local_day,
    person,
    session_clinician_person,
    with_client_person,
    with_person,
)
from pacekeeper_assets.productivity import HELD

_DAYS_TO_LAST = 6
_GONE = ("cancelled", "rescheduled")
_UNCLEAR = ("unknown", "unreviewed")
_KINDS = ("any", "alone", "unclear_any", "unclear_alone", "unknown_any", "unknown_alone")
# At one instant: what ended or began by then comes before the week's end looks, what begins right then after it.
_BEFORE, _LOOK, _AFTER = 0, 1, 2


def caseload_snapshot(tables: CanonicalTables, policy: Policy) -> Table:
    weeks = _week_ends(tables)
    seen = tables.case_known
    within = whole(
        policy, seen.week_id, lambda rev: rev.guardrail("active_caseload").settings.whole("seen_within_days")
    )
    recent_from = seen.last_no - within + 1

    def holds_for(kind: str) -> Value:
        return ibis.coalesce(seen[f"{kind}_day_no"] >= recent_from, literal(value=False)) | (seen[f"{kind}_n"] > 0)

    seen = seen.mutate(**{f"is_{kind}": holds_for(kind) for kind in _KINDS})
    counts_groups = holds(
        policy, seen.week_id, lambda rev: rev.guardrail("active_caseload").settings.flag("count_group_only")
    )
    new_within = whole(
        policy, seen.week_id, lambda rev: rev.guardrail("active_caseload").settings.whole("new_within_days")
    )
    seen = seen.mutate(
        is_active=seen.is_alone | (counts_groups & seen.is_any),
        may_be_active=seen.is_unclear_alone | (counts_groups & seen.is_unclear_any),
        nobody_can_tell=seen.is_unknown_alone | (counts_groups & seen.is_unknown_any),
        is_new=ibis.coalesce(seen.first_seen_no >= seen.last_no - new_within + 1, literal(value=False)),
    )
    counts = seen.group_by("person_key", "week_id").aggregate(
        active_n=seen.count(where=seen.is_active),
        group_only_n=seen.count(where=seen.is_any & ~seen.is_alone),
        uncertain_n=seen.count(where=seen.may_be_active & ~seen.is_active),
        unknown_n=seen.count(where=seen.nobody_can_tell & ~seen.is_active),
        new_n=seen.count(where=seen.is_active & seen.is_new),
    )
    rows = weeks
    parts = (counts, points_week(seen, weeks, tables), capacity_week(weeks, _zone_day(tables), tables, policy))
    for part in parts:
        rows = rows.left_join(part, ["person_key", "week_id"]).drop("person_key_right", "week_id_right")
    rows = with_known(rows, tables, "case_assignment", "case_weight", "referral", "session")
    rows = rows.rename(clinician_key="person_key")

    def counted(count: Value) -> Value:
        return ifelse(rows.knows_case_assignment, count.fill_null(0), ibis.null("int64"))

    active = counted(rows.active_n)
    rows = rows.mutate(
        active_clients=active,
        group_only_clients=counted(rows.group_only_n),
        uncertain_clients=counted(rows.uncertain_n),
        unknown_status_clients=counted(rows.unknown_n),
        new_share=rows.new_n / active.nullif(0),
        sessions_per_active_client=rows.sessions_n / active.nullif(0),
        is_at_capacity=rows.flags_n.fill_null(0) > 0,
        assigned_at_capacity_n=ifelse(rows.knows_case_assignment, rows.assigned_n, ibis.null("int64")),
        is_uncertain=rows.uncertain_n.fill_null(0) > 0,
    )
    return points_measures(rows, policy)


def _week_ends(tables: CanonicalTables) -> Table:
    weeks = tables.clinician_week
    return weeks.select(
        "week_id",
        "week_end_at",
        "sessions_n",
        "fte",
        "acuity_sessions_n",
        person_key="clinician_key",
        week_end_s=seconds(weeks.week_end_at),
        last_no=day_number(weeks.week_id) + _DAYS_TO_LAST,
    )


def _as_known_at(weeks: Table, tables: CanonicalTables) -> Table:
    """One row per person, client with an open assignment and week end, with what was known by then.

    Of each kind: `<kind>_day_no`, local day number of the last session, and `<kind>_n`, appointments then still ahead.
    Kinds: any; alone, which is no group; unclear_* and unknown_*, the same of unclear and of unknown status.
    first_seen_no: local day number of the first attended session.
    """
    looks = _assigned(weeks, tables)
    pairs = looks.select("person_key", "client_key").distinct()
    events = ibis.union(
        _looks(looks), _sessions(tables, pairs), _ahead(tables, pairs, begins=True), _ahead(tables, pairs, begins=False)
    )
    so_far = ibis.window(group_by=["person_key", "client_key"], order_by=["at_s", "rank", "week_id"], rows=(None, 0))
    known = events.mutate(
        first_seen_no=events.any_day_no.min().over(so_far),
        **{f"{kind}_day_no": events[f"{kind}_day_no"].max().over(so_far) for kind in _KINDS},
        **{f"{kind}_n": events[f"{kind}_step"].sum().over(so_far) for kind in _KINDS},
    )
    return known.filter(known["rank"] == _LOOK)


def _assigned(weeks: Table, tables: CanonicalTables) -> Table:
    """Open assignments on the week's last local day (decision 1.9), each client once."""
    cases = with_client_person(with_person(tables.case_assignment, tables), tables)
    cases = cases.select(
        "person_key",
        "client_key",
        from_no=day_number(cases.from_date),
        to_no=day_number(cases.to_date),
    )
    joined = weeks.select("person_key", "week_id", "week_end_s", "last_no").inner_join(cases, "person_key")
    is_open = (joined.from_no <= joined.last_no) & (joined.to_no.isnull() | (joined.to_no >= joined.last_no))
    return joined.filter(is_open).select("person_key", "client_key", "week_id", "week_end_s", "last_no").distinct()


def _events(rows: Table, *, at_s: Value, rank: Value | int, **told: Value) -> Table:
    """Rows as events of one shape; what is not told is null, a step 0."""
    columns = {"week_id": ibis.null("date"), "last_no": ibis.null("int64")}
    columns |= {f"{kind}_day_no": ibis.null("int64") for kind in _KINDS}
    columns |= {f"{kind}_step": literal(0, "int64") for kind in _KINDS}
    rank = literal(rank, "int64") if isinstance(rank, int) else rank.cast("int64")
    return rows.select("person_key", "client_key", at_s=at_s, rank=rank, **{**columns, **told})


def _by_kind(name: str, value: Value, *, is_group: Value, status: Value) -> dict[str, Value]:
    """The value under each kind that it belongs to, null under the others."""
    is_unclear = status.isin(_UNCLEAR)
    told = {"unclear": is_unclear, "unknown": status == "unknown"}
    return {
        f"{kind}_{name}": ifelse(
            told.get(kind.split("_")[0], ~is_unclear) & (~is_group if kind.endswith("alone") else literal(value=True)),
            value,
            ibis.null("int64"),
        )
        for kind in _KINDS
    }


def _looks(looks: Table) -> Table:
    return _events(looks, at_s=looks.week_end_s, rank=_LOOK, week_id=looks.week_id, last_no=looks.last_no)


def _sessions(tables: CanonicalTables, pairs: Table) -> Table:
    """Attended sessions at the instant they start, and those of unknown status, of which nobody knows who attended."""
    told = tables.session.filter(tables.session.status.isin([*HELD, *_UNCLEAR]))
    joined = told.inner_join(session_clinician_person(tables), "session_key")
    places = with_client_person(tables.session_participant, tables).select("session_key", "client_key", "attended")
    joined = joined.inner_join(places, "session_key")
    joined = joined.filter(joined.attended | joined.status.isin(_UNCLEAR))
    joined = joined.select(
        "client_key", "person_key", "session_type", "status", at_s=seconds(joined.started_at)
    ).semi_join(pairs, ["person_key", "client_key"])
    dated = on_local_day(joined, _zone_day(tables), at="at_s")
    day_no = _by_kind("day_no", dated.day_no, is_group=dated.session_type == "group", status=dated.status)
    return _events(dated, at_s=dated.at_s, rank=_AFTER, **day_no)


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
    seats = tables.appointment.filter(tables.appointment.client_key.notnull())
    seats = with_person(seats.filter(seats.status != "entered_in_error"), tables)
    seats = with_client_person(seats, tables)
    seats = seats.filter(seats.cancelled_at.notnull() | seats.status.notin(_GONE))
    seats = seats.select(
        "person_key",
        "client_key",
        "group_key",
        "status",
        booked_s=seconds(seats.booked_at).fill_null(0),
        start_s=seconds(seats.start_at),
        cancelled_s=seconds(seats.cancelled_at),
    ).semi_join(pairs, ["person_key", "client_key"])
    is_cancelled_first = ibis.coalesce(seats.cancelled_s <= seats.start_s, literal(value=False))
    seats = seats.mutate(
        over_s=ifelse(is_cancelled_first, seats.cancelled_s, seats.start_s),
        over_rank=ifelse(is_cancelled_first, _BEFORE, _AFTER),
    )
    # What was cancelled before it was booked, or booked after it began, was never ahead.
    seats = seats.filter(
        (seats.over_s > seats.booked_s) | ((seats.over_s == seats.booked_s) & (seats.over_rank == _AFTER))
    )
    step = _by_kind(
        "step",
        literal(1 if begins else -1, "int64"),
        is_group=seats.group_key.notnull(),
        status=seats.status,
    )
    step = {name: value.fill_null(0) for name, value in step.items()}
    if begins:
        return _events(seats, at_s=seats.booked_s, rank=_BEFORE, **step)
    return _events(seats, at_s=seats.over_s, rank=seats.over_rank, **step)


CASE_KNOWN = Step(
    "case_known", lambda tables, policy: _as_known_at(_week_ends(tables), tables), marts=("clinician_week",)
)

_NO_CASES = "Null: no source of assignments knows the person."

CASELOAD_SNAPSHOT = Mart(
    name="caseload_snapshot",
    description="Active clients of every clinician at the end of every judged practice week.",
    grain="one row per clinician (a person, across sources) and end of practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=(
        "clinician_week",
        "case_assignment",
        "case_weight",
        "capacity_flag",
        "referral",
        "episode",
        "session",
        "session_clinician",
        "session_participant",
        "appointment",
        "clinician",
        "person_match",
        "client_match",
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
            "ahead (decision 1.9); without group-only clients unless the policy counts them. "
            f"{_NO_CASES}",
            rules=("W04", "W05"),
        ),
        MartColumn(
            "group_only_clients",
            "count",
            "clients",
            "Clients active through groups alone: no other attended session in those days, no other appointment ahead. "
            f"{_NO_CASES}",
        ),
        MartColumn(
            "uncertain_clients",
            "count",
            "clients",
            "Clients who are not in active_clients and would be, if a session or an appointment of unknown or "
            "unreviewed status was held or stands; above 0 the verdict of the week is unknown (decision 1.9). "
            f"{_NO_CASES}",
        ),
        MartColumn(
            "unknown_status_clients",
            "count",
            "clients",
            "Of uncertain_clients those who are so by something of unknown status: a review of attendance alone "
            f"does not settle them (decision 5.7). {_NO_CASES}",
        ),
        MartColumn(
            "new_share",
            "number",
            "ratio",
            "Active clients whose first attended session with the clinician lies in the policy's new_within_days / "
            "active_clients; a client not seen yet is not new. Null: no active clients.",
            rules=("W08",),
        ),
        MartColumn(
            "sessions_per_active_client",
            "number",
            "sessions per client",
            "clinician_week.sessions_n of the week / active_clients. Null: no active clients, or no source "
            "of sessions knows the person.",
            rules=("W05",),
        ),
        MartColumn("is_uncertain", "flag", "", "Whether uncertain_clients is above 0."),
        *POINTS_COLUMNS,
        *CAPACITY_COLUMNS,
    ),
    build=caseload_snapshot,
    steps=(CASE_KNOWN,),
)
