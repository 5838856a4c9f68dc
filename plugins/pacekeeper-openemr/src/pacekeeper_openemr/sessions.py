"""Session, its clinician and its client, from Encounter and the calendar.

An encounter of OpenEMR 7.0.2 says the client and the day: no hour, no end, no appointment, and no clinician without an
NPI. So it is joined to the appointment of the same client and day: the first encounter of the day to the first
appointment that was not called off, and so on; more encounters than appointments share the last one.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, ifelse, literal, null

from pacekeeper_openemr.connector import OpenEmr

_CALLED_OFF = ("cancelled", "no_show", "rescheduled", "entered_in_error", "not_booked")


@OpenEmr.maps("session", of="encounter")
def session(raw: RawTables) -> Table:
    """Times by the best source there is: the encounter's own (should it have an end), then the appointment's.

    One without either has no end, and is quarantined by the contract: its minutes are unknown, not none.
    """
    t = _encounters(raw)
    kind = raw.value_map("session_type", t.category)
    return t.select(
        session_key=t.id,
        appointment_key=t.appointment,
        clinician_key=t.held_by,
        started_at=ifelse(t.has_own_times, t.start_at, t.planned_start.coalesce(t.start_at)),
        ended_at=ifelse(t.has_own_times, t.end_at, t.planned_end),
        duration_source=ifelse(t.has_own_times, "actual", "scheduled"),
        session_type=kind,
        session_type_source_code=t.category,
        modality=raw.value_map("modality", t.setting),
        modality_source_code=t.setting,
        status=t.state,
        status_source_code=t.status,
        is_intake=kind == "intake",
        location_key=t.facility,
        out_of_scope=_reason(t),
    )


@OpenEmr.maps("session_clinician", of="encounter")
def session_clinician(raw: RawTables) -> Table:
    """The one clinician who is known."""
    t = _encounters(raw)
    return t.select(
        session_key=t.id,
        clinician_key=t.held_by,
        role=literal("primary"),
        counts_direct=literal(True),  # noqa: FBT003  a value
        out_of_scope=_reason(t, (t.held_by.isnull(), "no_clinician")),
    )


@OpenEmr.maps("session_participant", of="encounter")
def session_participant(raw: RawTables) -> Table:
    """The client."""
    t = _encounters(raw)
    return t.select(
        session_key=t.id,
        client_key=t.client,
        attended=t.state == "completed",
        out_of_scope=_reason(t, (t.client.isnull(), "no_client")),
    )


def _reason(t: Table, *more: tuple[Value, str]) -> Value:
    """Why an encounter is no session. OpenEMR calls every encounter finished; only the calendar knows who came."""
    return expr.cases(
        (t.state == "not_finished", "not_finished"),
        (t.was_called_off & ~t.has_own_times, "appointment_not_kept"),
        *more,
        else_=null("string"),
    )


def _encounters(raw: RawTables) -> Table:
    """The encounters with their appointment (null without one), the clinician who held them, and their state."""
    p = raw.encounter_participant
    p = p.filter((p.role == "PPRF") & p.clinician.notnull())
    p = p.group_by(held="parent_key").agg(performer=p.clinician.min())
    t = raw.encounter
    t = t.left_join(p, t.row_key == p.held).drop("held")
    pairs = _pairs(raw)
    t = t.left_join(pairs, t.id == pairs.encounter).drop("encounter")
    return t.mutate(
        state=raw.value_map("session_status", t.status),
        held_by=t.performer.coalesce(t.planned_clinician),
        has_own_times=(t.end_at > t.start_at).fill_null(False),  # noqa: FBT003  a value
        was_called_off=t.called_off.fill_null(False),  # noqa: FBT003  a value
    )


def _pairs(raw: RawTables) -> Table:
    """One row per encounter that has an appointment on its day."""
    a = _by_day(raw)
    e = raw.encounter.select(encounter="id", seen="client", seen_at="start_at")
    days = a.filter(a.place == 0).select("day_client", "day", "day_end", "held")
    e = e.join(days, e.seen == days.day_client)
    e = e.filter((e.seen_at >= e.day) & (e.seen_at < e.day_end))
    nth = expr.row_number().over(expr.window(group_by=[e.seen, e.day], order_by=[e.seen_at, e.encounter]))
    last = ifelse(e.held > 0, e.held - 1, 0)
    e = e.mutate(wanted=ifelse(nth < last, nth, last)).select("encounter", "seen", "wanted", on_day="day")
    e = e.join(a, (e.seen == a.day_client) & (e.on_day == a.day) & (e.wanted == a.place))
    return e.select(
        "encounter",
        "appointment",
        "category",
        "facility",
        "planned_start",
        "planned_end",
        "planned_clinician",
        "called_off",
    )


def _by_day(raw: RawTables) -> Table:
    """Appointments with their place among those of the client and day, from 0; those that were called off last.

    held: how many of that client and day were not called off.
    """
    a = raw.appointment
    a = a.filter(a.client.notnull())
    a = a.mutate(called_off=raw.value_map("appointment_status", a.status).isin(_CALLED_OFF))
    one_day = [a.client, a.day_start]
    order = [ifelse(a.called_off, 1, 0), a.start_at, a.id]
    return a.select(
        "category",
        "facility",
        "called_off",
        "day_end",
        appointment=a.id,
        day_client=a.client,
        day=a.day_start,
        planned_start=a.start_at,
        planned_end=a.end_at,
        planned_clinician=a.clinician,
        place=expr.row_number().over(expr.window(group_by=one_day, order_by=order)),
        held=ifelse(a.called_off, 0, 1).sum().over(expr.window(group_by=one_day)),
    )
