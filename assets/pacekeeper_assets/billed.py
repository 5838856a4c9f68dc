"""What of a week was booked and what was billed."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse
from pacekeeper.measures.in_force import whole
from pacekeeper.measures.instant import SECONDS_PER_HOUR, day_number, hours, seconds
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import on_local_day, with_client_person, with_person

_KEYS = ("person_key", "week_id")
_HELD = ("completed", "partial")


def billed_week(tables: CanonicalTables) -> Table:
    """`billed_s` per person and week: union of the held sessions that a standing charge names."""
    sessions = tables.person_session
    held = sessions.filter(sessions.status.isin(_HELD))
    billed = held.semi_join(_billed_sessions(tables, held), "session_key")
    before = ibis.window(group_by=_KEYS, order_by=["from_s", "to_s", "session_key"], rows=(None, -1))
    placed = billed.mutate(covered_to_s=billed.to_s.max().over(before))
    fresh_from_s = ibis.greatest(placed.from_s, placed.covered_to_s.fill_null(0))
    return placed.group_by(*_KEYS).aggregate(
        billed_s=ifelse(placed.to_s > fresh_from_s, placed.to_s - fresh_from_s, 0).sum()
    )


def _billed_sessions(tables: CanonicalTables, held: Table) -> Table:
    """Sessions by what a charge names: the session, else its appointment, else client, rendering clinician and day."""
    charges = tables.charge.filter(tables.charge.status == "billed")
    by_session = charges.filter(charges.session_key.notnull()).select("session_key")
    rest = charges.filter(charges.session_key.isnull())
    by_seat = held.inner_join(rest.select("appointment_key").distinct(), "appointment_key").select("session_key")
    loose = rest.filter(rest.appointment_key.isnull() & rest.client_key.notnull())
    loose = with_client_person(with_person(loose, tables), tables)
    loose = loose.select("person_key", "client_key", day_no=day_number(loose.service_date)).distinct()
    places = tables.session_participant
    places = with_client_person(places.filter(places.attended), tables).select("session_key", "client_key")
    by_day = held.inner_join(places, "session_key").semi_join(loose, ["person_key", "client_key", "day_no"])
    return ibis.union(by_session, by_seat, by_day.select("session_key"), distinct=True)


def booked_week(tables: CanonicalTables, policy: Policy) -> Table:
    """`booked_s` and `billable_cancel_n` per person and week.

    booked_s: planned time that still stood when the notice period began; a group once, a slot booked twice twice.
    """
    seats = tables.appointment
    seats = with_person(seats.filter(seats.status.notin(["entered_in_error", "rescheduled"])), tables)
    seats = seats.select(
        "person_key",
        "status",
        "cancelled_by",
        "is_billable_cancel",
        place_key=ibis.coalesce(seats.group_key, seats.appointment_key),
        from_s=seconds(seats.start_at),
        to_s=seconds(seats.end_at),
        cancelled_s=seconds(seats.cancelled_at),
    )
    seats = on_local_day(seats, tables.person_day, at="from_s")
    notice_s = (
        whole(policy, seats.week_id, lambda rev: round(rev.guardrail("no_show").settings.number("late_cancel_window")))
        * SECONDS_PER_HOUR
    )
    is_late = ibis.coalesce((seats.cancelled_by == "client") & (seats.from_s - seats.cancelled_s < notice_s), False)
    stood = seats.filter(seats.to_s.notnull() & ((seats.status != "cancelled") | is_late))
    places = stood.group_by(*_KEYS, "place_key", "from_s").aggregate(to_s=stood.to_s.max())
    booked = places.group_by(*_KEYS).aggregate(booked_s=(places.to_s - places.from_s).sum())
    missed = seats.filter(seats.status.isin(["cancelled", "no_show"]))
    charged = missed.group_by(*_KEYS).aggregate(
        billable_cancel_n=missed.count(where=ibis.coalesce(missed.is_billable_cancel, False)),
        cancel_told_n=missed.count(where=missed.is_billable_cancel.notnull()),
        missed_n=missed.count(),
    )
    joined = tables.person_week.select(*_KEYS)
    for part in (booked, charged):
        joined = joined.left_join(part, list(_KEYS)).drop(*[f"{key}_right" for key in _KEYS])
    return joined


def billed_measures(rows: Table) -> Table:
    """Seconds and counts into measures; null where no source that could tell knows the person."""
    no_number = ibis.null("float64")

    def known(condition: Value, value: Value) -> Value:
        return ifelse(condition, value, no_number)

    missed = rows.missed_n.fill_null(0)
    rows = rows.mutate(
        billable_h=known(rows.knows_charge & rows.knows_session, hours(rows.billed_s.fill_null(0))),
        booked_h=known(rows.knows_appointment, hours(rows.booked_s.fill_null(0))),
        bookable_h=rows.kept_h,
        billable_cancel_n=ifelse(
            rows.knows_appointment & ((missed == 0) | (rows.cancel_told_n > 0)),
            rows.billable_cancel_n.fill_null(0),
            ibis.null("int64"),
        ),
    )
    paid_h = rows.contract_h - rows.paid_leave_h
    return rows.mutate(
        billable_ratio=ifelse(paid_h > 0, rows.billable_h / paid_h, no_number),
        completed_ratio=rows.direct_h / rows.scheduled_h.nullif(0.0),
        booked_ratio=rows.booked_h / rows.bookable_h.nullif(0.0),
    )
