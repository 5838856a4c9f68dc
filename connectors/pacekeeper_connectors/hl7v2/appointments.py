"""Appointment and appointment_event: a series of SIU messages, each of which is an event.

The raw stream keeps every message. The appointment is what its last message leaves; an event is a message that changed
something against the message before. Messages that arrive late, in any order of files, give the same.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, ifelse, literal, nearest, null, reason
from pacekeeper_connectors.hl7v2.connector import Hl7v2
from pacekeeper_connectors.hl7v2.fold import before, carried, in_order, not_current

#: States that an event alone can bring; SCH-25 wins over the event only where it names one of them.
_ENDED = ("cancelled", "no_show", "entered_in_error")
_CARRIED = (
    "client",
    "occurrence",
    "clinician",
    "personnel",
    "people_in",
    "visit",
    "start_at",
    "end_at",
    "minutes",
    "service",
    "kind",
)


def series(raw: RawTables) -> Table:
    """SIU messages in order, with what is known after each of them.

    state, state_code: of the appointment; state_before, start_before, end_before, personnel_before: of the message
    before. booked_at: of the first message that booked it. cancelled_at: of the first message that cancelled it, since
    it was last something else.
    """
    of = "appointment"
    t = in_order(raw.appointment_message, of)
    event = raw.value_map("siu_event", t.event)
    told = raw.value_map("appointment_status", t.status)
    by_event = event.isin(_ENDED) & ~told.isin(_ENDED)
    t = t.mutate(
        is_booking=(t.event == "S12"),
        state=expr.cases(
            (by_event, event),
            (t.status.notnull() & (event != "not_booked"), told),
            (event == "modified", null("string")),
            else_=event,
        ),
        state_code=ifelse(by_event | t.status.isnull(), t.event, t.status),
        cancel_reason=t.event_reason,
        people_in=ifelse(t.personnel.notnull(), t.row_key, null("string")),
    )
    t = t.mutate(state_code=ifelse(t.state.isnull(), null("string"), t.state_code))
    t = carried(t, of, *_CARRIED, "state", "state_code")
    # A modification of an appointment whose booking was never sent: it is booked, as far as anyone can tell.
    t = t.mutate(state=t.state.fill_null("booked"), state_code=t.state_code.fill_null(t.event))
    t = t.mutate(end_at=t.end_at.coalesce(t.start_at + nearest(t.minutes).as_interval("m")))
    t = t.mutate(
        state_before=before(t, of, "state"),
        start_before=before(t, of, "start_at"),
        end_before=before(t, of, "end_at"),
        personnel_before=before(t, of, "personnel"),
    )
    is_change = (t.message_no == 1) | (t.state != t.state_before)
    so_far = expr.window(group_by=[t[of], t.is_copy], order_by=[t.message_no], preceding=None, following=0)
    t = t.mutate(stretch=ifelse(is_change, 1, 0).sum().over(so_far))
    whole = expr.window(group_by=[t[of], t.is_copy])
    booked_at = ifelse(t.is_booking & (t.state == "booked"), t.sent_at, null("timestamp('UTC')"))
    of_stretch = expr.window(group_by=[t[of], t.is_copy, t.stretch])
    stretch_reason = expr.window(group_by=[t[of], t.is_copy, t.stretch], order_by=[t.message_no])
    return t.mutate(
        booked_at=booked_at.min().over(whole),
        cancelled_at=t.sent_at.min().over(of_stretch),
        cancel_reason=t.cancel_reason.first().over(stretch_reason),
    )


@Hl7v2.maps("appointment", of="appointment_message")
def appointment(raw: RawTables) -> Table:
    """What the last message leaves of each appointment."""
    t = series(raw)
    is_cancelled = t.state == "cancelled"
    planned = modality_code(raw, t)
    return t.select(
        appointment_key=t.appointment,
        client_key=t.client,
        group_key=_group_key(raw, t),
        clinician_key=t.clinician,
        start_at=t.start_at,
        end_at=t.end_at,
        booked_at=t.booked_at,
        booked_via=literal("unknown"),
        modality_planned=raw.value_map("modality", planned),
        modality_planned_source_code=planned,
        service_code=t.service,
        status=t.state,
        status_source_code=t.state_code,
        cancelled_at=ifelse(is_cancelled, t.cancelled_at, null("timestamp('UTC')")),
        cancelled_by=ifelse(
            is_cancelled & t.cancel_reason.notnull(), raw.value_map("cancelled_by", t.cancel_reason), null("string")
        ),
        cancelled_by_source_code=ifelse(is_cancelled, t.cancel_reason, null("string")),
        source_updated_at=t.sent_at,
        out_of_scope=reason(*not_current(t), (t.state == "not_booked", "not_booked")),
    )


@Hl7v2.maps("appointment_event", of="appointment_message")
def appointment_event(raw: RawTables) -> Table:
    """One row per message that changed state, time or clinicians; `seq` is the message's number in its series.

    What was not booked before (on a waiting list) becomes an event only once it is.
    """
    t = series(raw)
    was_live = (t.message_no > 1) & (t.state_before != "not_booked")
    is_live = t.state != "not_booked"
    moved = ~t.start_at.identical_to(t.start_before) | ~t.end_at.identical_to(t.end_before)
    change = expr.cases(
        (is_live & ~was_live, "created"),
        (t.state != t.state_before, "status"),
        (moved, "time"),
        (~t.personnel.identical_to(t.personnel_before), "clinician"),
        else_=null("string"),
    )
    return t.select(
        appointment_key=t.appointment,
        seq=t.message_no,
        at=t.sent_at,
        at_precision=literal("instant"),
        from_status=ifelse(was_live, t.state_before, null("string")),
        to_status=t.state,
        change=change,
        out_of_scope=reason(
            (t.is_copy, "sent_again"), (~is_live, "not_booked"), (change.isnull(), "no_tracked_change")
        ),
    )


def _group_key(raw: RawTables, t: Table) -> Value:
    """What the seats of one group share: the occurrence of a message with several clients, else clinician and start."""
    place = t.clinician + "#group-" + t.start_at.epoch_seconds().cast("int64").cast("string")
    is_group = raw.value_map("session_type", t.service) == "group"
    return t.occurrence.coalesce(ifelse(is_group, place, null("string")))


def modality_code(raw: RawTables, t: Table) -> Value:
    """The appointment type (SCH-8) or service (AIS-3) that tells a modality; the type where neither does."""
    # The standard's own types (table 0277) tell how firm an appointment is, and not how it is held.
    kind = ifelse(t.kind.isin(["Normal", "Tentative", "Complete"]), null("string"), t.kind)
    told = [ifelse(raw.value_map("modality", c) != "unknown", c, null("string")) for c in (kind, t.service)]
    return expr.coalesce(*told, kind)
