"""Appointment and its events."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, ifelse, null, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import first_of, in_order, with_clinician

#: Participation that is a record of somebody else's, not of the one who holds the appointment.
_NOT_HOLDING = ("CON", "REF", "SPRF")


@Fhir.maps("appointment", of="appointment")
def appointment(raw: RawTables) -> Table:
    """One client seat per Appointment: its first client, clinician and location.

    Proposals, requests and waiting-list entries hold no place in a calendar: out of scope.
    """
    t = _with_participants(raw, raw.appointment)
    status = raw.value_map("appointment_status", t.status)
    is_cancelled = status == "cancelled"
    code = _modality_code(raw, t)
    return t.select(
        appointment_key=t.id,
        episode_key=t.episode,
        client_key=t.seat_client,
        group_key=_group_key(raw, t),
        clinician_key=t.seat_clinician,
        location_key=t.seat_location,
        start_at=t.start_at,
        end_at=t.end_at.coalesce(t.start_at + t.minutes.cast("int64").as_interval("m")),
        booked_at=t.created,
        booked_via=raw.value_map("booked_via", t.booked_via),
        modality_planned=raw.value_map("modality", code),
        modality_planned_source_code=code,
        service_code=t.service_type,
        status=status,
        status_source_code=t.status,
        cancelled_at=is_cancelled.ifelse(t.cancelled_at, null("timestamp('UTC')")),
        cancelled_by=is_cancelled.ifelse(raw.value_map("cancelled_by", t.cancel_reason), null("string")),
        cancelled_by_source_code=is_cancelled.ifelse(t.cancel_reason, null("string")),
        source_updated_at=t.last_updated,
        out_of_scope=reason((status == "not_booked", "not_booked")),
    )


@Fhir.maps("appointment_event", of="appointment@versions")
def appointment_event(raw: RawTables) -> Table:
    """One row per version that changed status, time, modality or clinician, against the version before it.

    A proposal becomes an event only once it is booked.
    """
    t = raw.versions("appointment")
    mapped = raw.value_map("appointment_status", t.status)
    t = t.mutate(
        state=mapped,
        is_live=~t.is_deleted & (mapped != "not_booked"),
        modality_code=_modality_code(raw, t).fill_null(""),
        clinicians=t.clinicians.fill_null(""),
    )
    before = expr.window(group_by=t.row_key, order_by=t.version_no)
    t = t.mutate(
        was_live=t.is_live.lag().over(before).fill_null(False),  # noqa: FBT003  a value
        state_before=t.state.lag().over(before),
        moved=~t.start_at.identical_to(t.start_at.lag().over(before))
        | ~t.end_at.identical_to(t.end_at.lag().over(before)),
        modality_before=t.modality_code.lag().over(before),
        clinicians_before=t.clinicians.lag().over(before),
    )
    change = expr.cases(
        (t.is_live & ~t.was_live, "created"),
        (t.was_live & t.is_deleted, "deleted"),
        (t.state != t.state_before, "status"),
        (t.moved, "time"),
        (t.modality_code != t.modality_before, "modality"),
        (t.clinicians != t.clinicians_before, "clinician"),
        else_=null("string"),
    )
    has_time = t.last_updated.notnull() & ~t.is_deleted
    return t.select(
        appointment_key=t.row_key,
        seq=t.version_no,
        at=has_time.ifelse(t.last_updated, t.observed_at),
        at_precision=has_time.ifelse("instant", "day"),
        from_status=t.was_live.ifelse(t.state_before, null("string")),
        to_status=t.is_deleted.ifelse(t.state_before, t.state),
        change=change,
        out_of_scope=reason(
            (~t.is_live & ~t.was_live, "not_booked"),
            (~t.is_live & ~t.is_deleted, "not_booked"),
            (change.isnull(), "no_tracked_change"),
        ),
    )


def _group_key(raw: RawTables, t: Table) -> Value:
    """What the seats of one group occurrence share: clinician and start. Null: the service is no group."""
    occurrence = t.seat_clinician + "#group-" + t.start_at.epoch_seconds().cast("int64").cast("string")
    return (raw.value_map("session_type", t.service_type) == "group").ifelse(occurrence, null("string"))


def _with_participants(raw: RawTables, table: Table) -> Table:
    """The appointments with seat_clinician, seat_client and seat_location, each null where there is none."""
    p = with_clinician(raw, raw.appointment_participant, reference="practitioner", role="practitioner_role")
    # A reference without a type reads as every kind at once; the record behind it tells which it is.
    clients = raw.patient.select(known_client="id")
    p = p.left_join(clients, p.client == clients.known_client)
    clinicians = p.filter(p.clinician_key.notnull() & (p.is_known_clinician | p.known_client.isnull()))
    seats = p.filter(p.client.notnull() & ~p.is_known_clinician)
    clinician = first_of(clinicians, "parent_key", _holding_first)
    client = first_of(seats, "parent_key", _known_client_first)
    location = first_of(p.filter(p.location.notnull()), "parent_key", in_order)
    for found, column, name in (
        (clinician, "clinician_key", "seat_clinician"),
        (client, "client", "seat_client"),
        (location, "location", "seat_location"),
    ):
        right = found.select(**{f"{name}_of": found.parent_key, name: found[column]})
        table = table.left_join(right, table.row_key == right[f"{name}_of"]).drop(f"{name}_of")
    return table


def _holding_first(participant: Table) -> list[Value]:
    is_unknown = ifelse(participant.is_known_clinician, 0, 1)
    return [is_unknown, ifelse(participant.type.isin(_NOT_HOLDING), 1, 0), *in_order(participant)]


def _known_client_first(participant: Table) -> list[Value]:
    return [ifelse(participant.known_client.isnull(), 1, 0), *in_order(participant)]


def _modality_code(raw: RawTables, table: Table) -> Value:
    """The first code that tells a modality; where none does, the first that is there."""
    codes = [table.modality, table.encounter_class, table.service_type, table.appointment_type]
    told = [(raw.value_map("modality", code) != "unknown").ifelse(code, null("string")) for code in codes]
    return expr.coalesce(*told, *codes[:2])
