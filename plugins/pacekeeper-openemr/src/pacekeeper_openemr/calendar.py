"""Location, appointment and its events, from OpenEMR's own API."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, ifelse, literal, null

from pacekeeper_openemr.connector import OpenEmr


@OpenEmr.maps("location", of="facility")
def location(raw: RawTables) -> Table:
    """OpenEMR knows no zone of a facility: the source's own stands in."""
    t = raw.facility
    return t.select(
        location_key=t.id,
        tz=literal(raw.default_tz),
        tz_source=literal("default"),
        kind=raw.value_map("location_kind", t.place_of_service),
        kind_source_code=t.place_of_service,
    )


@OpenEmr.maps("appointment", of="appointment")
def appointment(raw: RawTables) -> Table:
    """One client seat each. Entries without a client (lunch, vacation, in office, groups) are no appointments."""
    t = raw.appointment
    status = raw.value_map("appointment_status", t.status)
    return t.select(
        appointment_key=t.id,
        client_key=t.client,
        clinician_key=t.clinician,
        location_key=t.facility,
        start_at=t.start_at,
        end_at=t.end_at,
        booked_via=literal("unknown"),
        modality_planned=literal("unknown"),
        service_code=t.category,
        status=status,
        status_source_code=t.status,
        out_of_scope=expr.cases(
            (t.client.isnull(), "no_client"), (status == "not_booked", "not_booked"), else_=null("string")
        ),
    )


@OpenEmr.maps("appointment_event", of="appointment@versions")
def appointment_event(raw: RawTables) -> Table:
    """One row per version that changed the status or the time; OpenEMR tells no moment, so it is the night's."""
    t = raw.versions("appointment")
    before = expr.window(group_by=t.row_key, order_by=t.version_no)
    state = raw.value_map("appointment_status", t.status)
    t = t.mutate(state=state, is_live=~t.is_deleted & t.client.notnull() & (state != "not_booked"))
    t = t.mutate(
        was_live=t.is_live.lag().over(before).fill_null(False),  # noqa: FBT003  a value
        state_before=t.state.lag().over(before),
        moved=~t.start_at.identical_to(t.start_at.lag().over(before))
        | ~t.end_at.identical_to(t.end_at.lag().over(before)),
    )
    change = expr.cases(
        (t.is_live & ~t.was_live, "created"),
        (t.was_live & ~t.is_live, "deleted"),
        (~t.is_live, null("string")),
        (t.state != t.state_before, "status"),
        (t.moved, "time"),
        else_=null("string"),
    )
    return t.select(
        appointment_key=t.row_key,
        seq=t.version_no,
        at=t.observed_at,
        at_precision=literal("day"),
        from_status=t.was_live.ifelse(t.state_before, null("string")),
        to_status=ifelse(t.is_live, t.state, t.state_before),
        change=change,
        out_of_scope=ifelse(change.isnull(), "no_tracked_change", null("string")),
    )
