"""Appointment and its events."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, ifelse, literal, null, reason

from pacekeeper_gnuhealth.connector import GnuHealth


@GnuHealth.maps("appointment", of="appointment")
def appointment(raw: RawTables) -> Table:
    """One client seat each. Free slots, and places without a client, a professional or a time, are none.

    cancelled_at: of the change in which a booked appointment was first read as cancelled.
    """
    cancellations = _cancellations(raw)
    t = raw.appointment
    t = t.left_join(cancellations, t.row_key == cancellations.cancelled_key)
    status = raw.value_map("appointment_status", t.status)
    is_cancelled = status == "cancelled"
    return t.select(
        appointment_key=t.id,
        client_key=t.client,
        clinician_key=t.clinician,
        location_key=t.institution,
        start_at=t.start_at,
        booked_via=literal("unknown"),
        modality_planned=raw.value_map("modality", t.setting),
        modality_planned_source_code=t.setting,
        service_code=t.service,
        status=status,
        status_source_code=t.status,
        cancelled_at=ifelse(is_cancelled, t.cancelled_at, null("timestamp('UTC')")),
        cancelled_by=ifelse(is_cancelled, raw.value_map("cancelled_by", t.status), null("string")),
        cancelled_by_source_code=ifelse(is_cancelled, t.status, null("string")),
        source_updated_at=t.changed_at,
        out_of_scope=_no_seat(t, status),
    )


@GnuHealth.maps("appointment_event", of="appointment@versions")
def appointment_event(raw: RawTables) -> Table:
    """One row per version that changed status, time, modality or clinician, against the version before it."""
    t = raw.versions("appointment")
    before = expr.window(group_by=t.row_key, order_by=t.version_no)
    state = raw.value_map("appointment_status", t.status)
    t = t.mutate(state=state, is_live=~t.is_deleted & _no_seat(t, state).isnull())
    t = t.mutate(
        was_live=t.is_live.lag().over(before).fill_null(False),  # noqa: FBT003  a value
        state_before=t.state.lag().over(before),
        moved=~t.start_at.identical_to(t.start_at.lag().over(before)),
        is_elsewhere=~t.setting.identical_to(t.setting.lag().over(before)),
        is_with_another=~t.clinician.identical_to(t.clinician.lag().over(before)),
    )
    change = reason(
        (t.is_live & ~t.was_live, "created"),
        (t.was_live & ~t.is_live, "deleted"),
        (~t.is_live, null("string")),
        (t.state != t.state_before, "status"),
        (t.moved, "time"),
        (t.is_elsewhere, "modality"),
        (t.is_with_another, "clinician"),
    )
    has_time = t.changed_at.notnull() & ~t.is_deleted
    return t.select(
        appointment_key=t.row_key,
        seq=t.version_no,
        at=ifelse(has_time, t.changed_at, t.observed_at),
        at_precision=ifelse(has_time, "instant", "day"),
        from_status=ifelse(t.was_live, t.state_before, null("string")),
        to_status=ifelse(t.is_live, t.state, t.state_before),
        change=change,
        out_of_scope=reason((change.isnull(), "no_tracked_change")),
    )


def _no_seat(t: Table, status: Value) -> Value:
    """Why a row of the calendar is no client's seat; null where it is one."""
    return reason(
        (status == "not_booked", "not_booked"),
        (t.client.isnull(), "no_client"),
        (t.clinician.isnull(), "no_clinician"),
        (t.start_at.isnull(), "no_start"),
    )


def _cancellations(raw: RawTables) -> Table:
    """cancelled_key, cancelled_at: of records that were read as something else before they were read as cancelled."""
    v = raw.versions("appointment")
    v = v.filter(~v.is_deleted)
    v = v.mutate(is_cancelled=raw.value_map("appointment_status", v.status) == "cancelled")
    others = v.filter(~v.is_cancelled).group_by(other_key="row_key").agg(last_other=v.version_no.max())
    c = v.filter(v.is_cancelled)
    c = c.join(others, c.row_key == others.other_key)
    c = c.filter(c.version_no > c.last_other)
    return c.group_by(cancelled_key="row_key").agg(cancelled_at=c.changed_at.min())
