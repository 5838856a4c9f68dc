"""Session, session_clinician and session_participant from ADT visits.

Only a visit with its own beginning (PV1-44) and end (PV1-45) is a session. A scheduling system's `Complete` makes an
appointment kept and no session: it does not say that, or how long, somebody was seen. Visits of a group, couple or
family (one per client; same clinician and times) are one session.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, ifelse, literal, null, reason
from pacekeeper_connectors.hl7v2.appointments import modality_code, series
from pacekeeper_connectors.hl7v2.connector import Hl7v2
from pacekeeper_connectors.hl7v2.fold import carried, in_order, not_current

#: A recurring patient's visit that lasts longer than a day's work is an account, not a visit.
_LONGEST_VISIT_S = 8 * 3600
#: Kinds of session in which several clients have a visit each.
_SHARED = ("group", "couple", "family")


def visits(raw: RawTables) -> Table:
    """ADT messages in order, with what is known of the visit after each.

    refusal: why it is no session. session_key: the visit's, or the one it shares. state: completed or
    voided. type_code, appointment_of, planned_modality, people_in: from the one appointment that names the visit.
    """
    t = in_order(raw.visit_message, "visit")
    t = carried(t, "visit", "client", "clinician", "setting", "service", "started_at", "ended_at")
    linked = _appointments_of_visits(raw)
    t = t.left_join(linked, t.visit == linked.visit_of)
    setting = raw.value_map("patient_class", t.setting)
    is_voided = raw.value_map("visit_event", t.event) == "voided"
    length = t.ended_at.epoch_seconds() - t.started_at.epoch_seconds()
    has_times = t.started_at.notnull() & t.ended_at.notnull()
    t = t.mutate(
        state=ifelse(is_voided, "voided", "completed"),
        type_code=t.service.coalesce(t.planned_service),
        refusal=reason(
            *not_current(t),
            (setting.isin(["not_outpatient", "no_visit"]), setting),
            (is_voided & ~has_times, "voided_without_times"),
            (~has_times, "no_times"),
            ((setting == "recurring") & (length > _LONGEST_VISIT_S), "recurring_account"),
        ),
    )
    kind = raw.value_map("session_type", t.type_code)
    t = t.mutate(is_seat=kind.isin(_SHARED) & t.refusal.isnull() & (t.state == "completed"))
    occurrence = expr.window(group_by=[t.is_seat, t.clinician, t.started_at, t.ended_at])
    return t.mutate(session_key=ifelse(t.is_seat, t.visit.min().over(occurrence), t.visit))


def known_visits(raw: RawTables) -> Table:
    """Every visit that is a session or a seat in one: known_visit, known_session."""
    t = visits(raw)
    return t.filter(t.refusal.isnull()).select(known_visit="visit", known_session="session_key")


@Hl7v2.maps("session", of="visit_message")
def session(raw: RawTables) -> Table:
    """One per visit, or per group. Its appointment is the only one whose messages name the visit; none for a group."""
    t = visits(raw)
    kind = raw.value_map("session_type", t.type_code)
    return t.select(
        session_key=t.session_key,
        appointment_key=ifelse(t.is_seat, null("string"), t.appointment_of),
        clinician_key=t.clinician,
        started_at=t.started_at,
        ended_at=t.ended_at,
        duration_source=literal("actual"),
        session_type=kind,
        session_type_source_code=t.type_code,
        modality=raw.value_map("modality", t.planned_modality),
        modality_source_code=t.planned_modality,
        status=t.state,
        status_source_code=t.event,
        is_acuity_event=ifelse(kind == "crisis", literal(True), null("boolean")),  # noqa: FBT003  a value
        is_intake=kind == "intake",
        group_key=ifelse(t.is_seat & (kind == "group"), t.session_key, null("string")),
        out_of_scope=t.refusal.coalesce(reason((t.session_key != t.visit, "part_of_session"))),
    )


@Hl7v2.maps("session_participant", of="visit_message")
def session_participant(raw: RawTables) -> Table:
    """The visit's client, once per session."""
    t = visits(raw)
    again = _nth(t, "refusal", "session_key", "client", order=[t.visit, t.row_key]) > 0
    return t.select(
        session_key=t.session_key,
        client_key=t.client,
        attended=t.state == "completed",
        out_of_scope=t.refusal.coalesce(reason((t.client.isnull(), "no_client"), (again, "same_client_again"))),
    )


@Hl7v2.maps("session_clinician", of="visit_message")
def attending(raw: RawTables) -> Table:
    """The attending clinician (PV1-7) holds the session."""
    t = visits(raw)
    return t.select(
        session_key=t.session_key,
        clinician_key=t.clinician,
        role=literal("primary"),
        counts_direct=literal(True),  # noqa: FBT003  a value
        out_of_scope=t.refusal.coalesce(
            reason((t.clinician.isnull(), "no_clinician"), (t.session_key != t.visit, "part_of_session"))
        ),
    )


@Hl7v2.maps("session_clinician", of="appointment_personnel")
def co_therapist(raw: RawTables) -> Table:
    """Whoever else the session's appointment names (AIP) shares it."""
    held = visits(raw)
    held = held.filter(held.refusal.isnull() & held.people_in.notnull())
    held = held.select(held_session="session_key", held_by="clinician", held_people="people_in").distinct()
    people = raw.appointment_personnel.select("row_key", "parent_key", "clinician")
    t = people.left_join(held, people.parent_key == held.held_people)
    again = _nth(t, "held_session", "clinician", order=[t.row_key]) > 0
    return t.select(
        session_key=t.held_session,
        clinician_key=t.clinician,
        role=literal("co_therapist"),
        counts_direct=literal(True),  # noqa: FBT003  a value
        out_of_scope=reason(
            (t.held_session.isnull(), "no_session"),
            (t.clinician == t.held_by, "attending"),
            (again, "named_again"),
        ),
    )


def _nth(table: Table, *by: str, order: list[Value]) -> Value:
    return expr.row_number().over(expr.window(group_by=[table[name] for name in by], order_by=order))


def _appointments_of_visits(raw: RawTables) -> Table:
    """Visits that one appointment names: visit_of, appointment_of, planned_service, planned_modality, people_in."""
    t = series(raw)
    t = t.filter(t.is_latest & t.visit.notnull() & (t.state != "not_booked"))
    t = t.mutate(times_named=t.count().over(expr.window(group_by=[t.visit])), planned=modality_code(raw, t))
    t = t.filter(t.times_named == 1)
    return t.select(
        visit_of="visit",
        appointment_of="appointment",
        planned_service="service",
        planned_modality="planned",
        people_in="people_in",
    )
