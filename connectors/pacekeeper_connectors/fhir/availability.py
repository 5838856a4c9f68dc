"""Schedule_block from Slot, availability_template from PractitionerRole.availableTime."""

from __future__ import annotations

from pacekeeper.expr import RawTables, Table, literal, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import clinician_of_role, first_of, in_order, with_clinician


@Fhir.maps("schedule_block", of="slot")
def schedule_block(raw: RawTables) -> Table:
    """A slot that is free or booked is open for clients. The clinician is the first one of the slot's schedule."""
    t = raw.slot
    actors = with_clinician(raw, raw.schedule_actor, reference="practitioner", role="practitioner_role")
    clinicians = first_of(actors.filter(actors.clinician_key.notnull()), "parent_key", in_order)
    clinicians = clinicians.select(clinician_schedule=clinicians.parent_key, block_clinician=clinicians.clinician_key)
    places = first_of(actors.filter(actors.location.notnull()), "parent_key", in_order)
    places = places.select(place_schedule=places.parent_key, block_location=places.location)
    known = raw.schedule.select(known_schedule="id")
    t = t.left_join(clinicians, t.schedule == clinicians.clinician_schedule)
    t = t.left_join(places, t.schedule == places.place_schedule)
    t = t.left_join(known, t.schedule == known.known_schedule)
    state = raw.value_map("slot_status", t.status)
    return t.select(
        block_key=t.id,
        clinician_key=t.block_clinician,
        location_key=t.block_location,
        start_at=t.start_at,
        end_at=t.end_at,
        kind=state,
        kind_source_code=t.status,
        is_protected=literal(False),  # noqa: FBT003  a value
        block_source=literal("calendar"),
        out_of_scope=reason(
            (state.isin(["unavailable", "entered_in_error"]), state),
            # A room or a device has a schedule too.
            (t.known_schedule.notnull() & t.block_clinician.isnull(), "no_clinicians_schedule"),
        ),
    )


@Fhir.maps("availability_template", of="practitioner_role_available_day")
def availability_template(raw: RawTables) -> Table:
    """One row per role, stretch and weekday, in the role's location's wall-clock time, for roles in use."""
    day = raw.practitioner_role_available_day.select(day_key="row_key", time_of_day="parent_key", day="day")
    time = raw.practitioner_role_available_time.select(
        "all_day", "start_minute", "end_minute", time_key="row_key", role_of_time="parent_key"
    )
    role = raw.practitioner_role
    role = role.select(
        "active", "period_end", role_id=role.id, role_location=role.location, role_start=role.period_start
    )
    known = clinician_of_role(raw)
    t = day.left_join(time, day.time_of_day == time.time_key)
    t = t.left_join(role, t.role_of_time == role.role_id)
    t = t.left_join(known, t.role_of_time == known.role_key)
    all_day = t.all_day.fill_null(False)  # noqa: FBT003  a value
    today = literal(raw.as_of.date())
    ended = t.period_end.notnull() & (t.period_end < today)
    return t.select(
        template_key=t.day_key,
        clinician_key=t.clinician_of_role,
        location_key=t.role_location,
        weekday=raw.value_map("weekday", t.day).try_cast("int64"),
        start_minute=all_day.ifelse(literal(0), t.start_minute.cast("int64")),
        end_minute=all_day.ifelse(literal(1440), t.end_minute.cast("int64")),
        out_of_scope=reason(
            (~t.active.fill_null(True), "role_not_active"),  # noqa: FBT003  FHIR: a role without `active` is in use
            (ended, "role_ended"),
            (t.role_start.notnull() & (t.role_start > today), "role_not_begun"),
        ),
    )
