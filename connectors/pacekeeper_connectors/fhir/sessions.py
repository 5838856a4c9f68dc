"""Session, session_clinician and session_participant, all from Encounter.

A group occurrence is a parent Encounter (the session) and one child per client with `partOf` the parent. A child whose
parent is not there, and an encounter that is part of itself, are sessions of their own.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, ifelse, literal, nearest, null, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import first_of, in_order, rank, with_clinician

#: Length in minutes of one unit, by UCUM code.
_MINUTES = (("min", 1.0), ("h", 60.0), ("s", 1.0 / 60.0))


@Fhir.maps("session", of="encounter")
def session(raw: RawTables) -> Table:
    """Times by the best source there is: the clinician's own period, the encounter's, its length, the appointment's.

    Hospital classes and encounters that did not end are out of scope.
    """
    t = _timed(raw, _encounters(raw))
    kind = raw.value_map("session_type", t.type)
    return t.select(
        session_key=t.id,
        appointment_key=t.appointment,
        clinician_key=t.primary_clinician,
        started_at=t.started_at,
        ended_at=t.ended_at,
        duration_source=t.duration_source,
        session_type=kind,
        session_type_source_code=t.type,
        modality=raw.value_map("modality", t["class"]),
        modality_source_code=t["class"],
        status=t.state,
        status_source_code=t.status,
        is_acuity_event=ifelse(kind == "crisis", literal(True), null("boolean")),  # noqa: FBT003  a value
        is_intake=kind == "intake",
        group_key=(kind == "group").ifelse(t.id, null("string")),
        location_key=t.location,
        out_of_scope=reason(
            (t.is_part, "part_of_session"),
            *_session_reasons(t),
            ((t.state == "voided") & t.ended_at.isnull(), "voided_without_times"),
        ),
    )


@Fhir.maps("session_clinician", of="encounter_participant")
def session_clinician(raw: RawTables) -> Table:
    """Everybody who held the session, the children's clinicians included, once each.

    role: whoever is in charge is primary; a code that no value map knows is unknown, whoever has it.
    counts_direct: supervisors and onlookers are there, but hold no client hours; whoever is in charge does.
    """
    t = _participations(raw)
    is_main = t.clinician_key == t.primary_clinician
    is_unmapped = t.type.notnull() & (t.vendor_role == "unknown")
    role = (is_main & ~is_unmapped).ifelse("primary", t.vendor_role)
    # A second main performer shares the session: only one can be primary.
    role = (~is_main & (role == "primary")).ifelse("co_therapist", role)
    again = rank(t, ["session_key", "clinician_key"], _holding_first) > 0
    return t.select(
        session_key=t.session_key,
        clinician_key=t.clinician_key,
        role=role,
        role_source_code=t.type,
        counts_direct=is_main | role.isin(["primary", "co_therapist"]),
        out_of_scope=reason(
            *_session_reasons(t),
            (t.clinician_key.isnull(), "no_clinician"),
            (again, "same_clinician_again"),
        ),
    )


@Fhir.maps("session_participant", of="encounter")
def session_participant(raw: RawTables) -> Table:
    """Clients of a session, once each; a child encounter that was cancelled is a client who did not attend."""
    t = _encounters(raw)
    own_state = raw.value_map("session_status", t.status)
    attended = own_state == "completed"
    t = t.mutate(attended=attended)
    again = rank(t, ["session_key", "subject"], _attended_first) > 0
    return t.select(
        session_key=t.session_key,
        client_key=t.subject,
        episode_key=t.episode,
        attended=t.attended,
        out_of_scope=reason(
            *_session_reasons(t),
            (t.subject.isnull(), "no_client"),
            (again, "same_client_again"),
        ),
    )


def _encounters(raw: RawTables) -> Table:
    """Encounters with session_key, is_part (a child of another one), and the session's own `state` and `setting`."""
    t = raw.encounter
    session = raw.encounter.select(whole="id", whole_status="status", whole_class="class")
    # Equality alone: with a second condition the engine compares every encounter with every other.
    t = t.mutate(whole_of=t.part_of.nullif(t.id))
    t = t.left_join(session, t.whole_of == session.whole)
    is_part = t.whole.notnull()
    status = is_part.ifelse(t.whole_status, t.status)
    return t.mutate(
        session_key=t.whole.coalesce(t.id),
        is_part=is_part,
        state=raw.value_map("session_status", status),
        setting=raw.value_map("encounter_setting", is_part.ifelse(t.whole_class, t["class"])),
    ).drop("whole_of", "whole", "whole_status", "whole_class")


def _session_reasons(table: Table) -> tuple[tuple[Value, str], ...]:
    return ((table.setting == "not_outpatient", "not_outpatient"), (table.state == "not_finished", "not_finished"))


def _participations(raw: RawTables) -> Table:
    """Participants of encounters that are people of ours, with their session and its primary clinician."""
    e = _encounters(raw).select("id", "session_key", "is_part", "state", "setting")
    p = with_clinician(raw, raw.encounter_participant, reference="practitioner", role="practitioner_role")
    t = p.left_join(e, p.parent_key == e.id)
    t = t.mutate(vendor_role=raw.value_map("session_role", t.type))
    main = first_of(t.filter(t.clinician_key.notnull()), "session_key", _holding_first)
    main = main.select(
        main_session=main.session_key,
        primary_clinician=main.clinician_key,
        primary_start=main.start_at,
        primary_end=main.end_at,
    )
    return t.left_join(main, t.session_key == main.main_session).drop("main_session")


def _holding_first(participation: Table) -> list[Value]:
    weight = participation.vendor_role.cases(("primary", 0), ("unknown", 1), ("co_therapist", 2), else_=3)
    return [weight, ifelse(participation.is_part, 1, 0), *in_order(participation)]


def _attended_first(encounter: Table) -> list[Value]:
    return [ifelse(encounter.attended, 0, 1), encounter.id]


def _timed(raw: RawTables, table: Table) -> Table:
    """The encounters with primary_clinician, started_at, ended_at and duration_source."""
    p = _participations(raw)
    p = p.group_by("session_key").agg(
        primary_clinician=p.primary_clinician.min(),
        primary_start=p.primary_start.min(),
        primary_end=p.primary_end.min(),
    )
    t = table.left_join(p.rename(session_of="session_key"), table.id == p.session_key).drop("session_of")
    a = raw.appointment.select(planned_of="id", planned_start="start_at", planned_end="end_at")
    t = t.left_join(a, t.appointment == a.planned_of).drop("planned_of")
    minutes = t.length * t.length_unit.cases(*_MINUTES, else_=null("float64"))
    by_length = t.start_at + nearest(minutes).as_interval("m")
    ways: list[tuple[Value, Value, str]] = [
        (t.primary_start, t.primary_end, "actual"),
        (t.start_at, t.end_at, "actual"),
        (t.start_at, by_length, "clinician_entered"),
        (t.planned_start, t.planned_end, "scheduled"),
    ]
    usable = [start.notnull() & end.notnull() for start, end, _ in ways]
    return t.mutate(
        started_at=expr.cases(*((u, way[0]) for u, way in zip(usable, ways, strict=True)), else_=t.start_at),
        ended_at=expr.cases(*((u, way[1]) for u, way in zip(usable, ways, strict=True)), else_=t.end_at),
        duration_source=expr.cases(*((u, way[2]) for u, way in zip(usable, ways, strict=True)), else_="actual"),
    )
