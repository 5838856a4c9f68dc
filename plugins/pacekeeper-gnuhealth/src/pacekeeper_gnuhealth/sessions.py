"""Session, its clinician and its client, from evaluations: what a professional records of a contact."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, ifelse, literal, null, reason

from pacekeeper_gnuhealth.connector import GnuHealth

_CALLED_OFF = ("cancelled", "no_show")


@GnuHealth.maps("session", of="evaluation")
def session(raw: RawTables) -> Table:
    """Start and end stand in the evaluation; GNU Health proposes the moments it is opened and ended.

    An ended one without an end, or of more than 8 hours because it was ended another day, is quarantined by the
    contract: its minutes are unknown.
    """
    t = _evaluations(raw)
    kind = raw.value_map("session_type", t.visit_type)
    acuity = raw.value_map("acuity", t.urgency)
    return t.select(
        session_key=t.id,
        appointment_key=t.appointment,
        clinician_key=t.held_by,
        started_at=t.start_at,
        ended_at=t.end_at,
        duration_source=literal("clinician_entered"),
        session_type=kind,
        session_type_source_code=t.visit_type,
        modality=raw.value_map("modality", t.setting),
        modality_source_code=t.setting,
        status=t.state,
        status_source_code=t.status,
        is_acuity_event=ifelse(acuity == "unknown", null("boolean"), acuity == "acute"),
        is_intake=kind == "intake",
        location_key=t.institution,
        out_of_scope=_reason(t),
    )


@GnuHealth.maps("session_clinician", of="evaluation")
def session_clinician(raw: RawTables) -> Table:
    """Who began the evaluation."""
    t = _evaluations(raw)
    return t.select(
        session_key=t.id,
        clinician_key=t.held_by,
        role=literal("primary"),
        counts_direct=literal(True),  # noqa: FBT003  a value
        out_of_scope=_reason(t, (t.held_by.isnull(), "no_clinician")),
    )


@GnuHealth.maps("session_participant", of="evaluation")
def session_participant(raw: RawTables) -> Table:
    """The client."""
    t = _evaluations(raw)
    return t.select(
        session_key=t.id,
        client_key=t.client,
        attended=t.state == "completed",
        out_of_scope=_reason(t, (t.client.isnull(), "no_client")),
    )


def _reason(t: Table, *more: tuple[Value, str]) -> Value:
    """Why an evaluation is no session.

    GNU Health calls the appointment done when its evaluation ends, so that one which is called off was so afterwards,
    on purpose.
    """
    return reason((t.state == "not_finished", "not_finished"), (t.was_called_off, "appointment_not_kept"), *more)


def _evaluations(raw: RawTables) -> Table:
    """The evaluations with the state of their appointment, the clinician who held them, and their own state."""
    a = raw.appointment
    called_off = raw.value_map("appointment_status", a.status).isin(_CALLED_OFF)
    a = a.select(planned="id", planned_clinician="clinician", called_off=called_off)
    t = raw.evaluation
    t = t.left_join(a, t.appointment == a.planned).drop("planned")
    return t.mutate(
        state=raw.value_map("session_status", t.status),
        held_by=expr.coalesce(t.clinician, t.signed_by, t.planned_clinician),
        was_called_off=t.called_off.fill_null(False),  # noqa: FBT003  a value
    )
