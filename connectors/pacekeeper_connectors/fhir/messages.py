"""Message, from Communications; task, from Tasks; referral, from ServiceRequests."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, literal, null, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import first_of, in_order, with_clinician


@Fhir.maps("message", of="communication")
def message(raw: RawTables) -> Table:
    """In: a client wrote. Out: a clinician wrote to a client. Internal: among clinicians."""
    t = with_clinician(raw, raw.communication, reference="sender_clinician", role="sender_role")
    t = t.mutate(from_clinician=t.is_known_clinician.ifelse(t.clinician_key, null("string"))).drop(
        "clinician_key", "is_known_clinician"
    )
    recipients = with_clinician(
        raw, raw.communication_recipient, reference="recipient_clinician", role="recipient_role"
    )
    recipients = recipients.mutate(
        to_clinician=recipients.is_known_clinician.ifelse(recipients.clinician_key, null("string"))
    )
    clinicians = first_of(recipients.filter(recipients.to_clinician.notnull()), "parent_key", in_order)
    clinicians = clinicians.select("to_clinician", clinicians_of="parent_key")
    clients = recipients.filter(recipients.recipient_client.notnull())
    clients = first_of(clients, "parent_key", in_order).select("recipient_client", clients_of="parent_key")
    t = t.left_join(clinicians, t.row_key == clinicians.clinicians_of)
    t = t.left_join(clients, t.row_key == clients.clients_of)
    return t.select(
        message_key=t.id,
        in_reply_to_key=t.in_response_to,
        clinician_key=expr.coalesce(t.from_clinician, t.to_clinician),
        client_key=expr.coalesce(t.sender_client, t.recipient_client, t.subject),
        direction=expr.cases(
            (t.from_clinician.isnull() & t.sender_client.notnull(), "in"),
            (t.from_clinician.notnull() & t.recipient_client.notnull(), "out"),
            (t.from_clinician.notnull() & t.to_clinician.notnull(), "internal"),
            else_="unknown",
        ),
        category=raw.value_map("message_category", t.category),
        category_source_code=t.category,
        urgency=raw.value_map("urgency", t.priority.coalesce(literal("routine"))),
        urgency_source_code=t.priority,
        sent_at=t.sent,
        received_at=t.received,
        status=raw.value_map("message_status", t.status),
        status_source_code=t.status,
        out_of_scope=reason((t.status == "not-done", "not_done")),
    )


@Fhir.maps("task", of="task")
def task(raw: RawTables) -> Table:
    """A task without a priority is routine (FHIR R4)."""
    t = with_clinician(raw, raw.task, reference="owner", role="owner_role")
    return t.select(
        task_key=t.id,
        clinician_key=t.is_known_clinician.ifelse(t.clinician_key, null("string")),
        client_key=t.client,
        about_key=t.focus,
        kind=t.code,
        status=raw.value_map("task_status", t.status),
        status_source_code=t.status,
        priority=raw.value_map("urgency", t.priority.coalesce(literal("routine"))),
        priority_source_code=t.priority,
        authored_at=t.authored_on,
        started_at=t.started,
        ended_at=t.ended,
        source_updated_at=expr.coalesce(t.last_modified, t.last_updated),
        out_of_scope=null("string"),
    )


@Fhir.maps("referral", of="service_request")
def referral(raw: RawTables) -> Table:
    """Which requests are referrals a category or a code says; in most EHRs the first inquiry is kept elsewhere."""
    t = with_clinician(raw, raw.service_request, reference="requester", role="requester_role")
    t = t.mutate(asked_by=t.is_known_clinician.ifelse(t.clinician_key, null("string"))).drop(
        "clinician_key", "is_known_clinician"
    )
    t = with_clinician(raw, t, reference="performer", role="performer_role")
    t = t.mutate(asked_of=t.is_known_clinician.ifelse(t.clinician_key, null("string")))
    by_category = raw.value_map("referral_category", t.category)
    kind = (by_category == "unknown").ifelse(raw.value_map("referral_category", t.code), by_category)
    return t.select(
        referral_key=t.id,
        client_key=t.subject,
        clinician_key=t.asked_of,
        direction=expr.cases((t.asked_of.notnull(), "in"), (t.asked_by.notnull(), "out"), else_="unknown"),
        channel=expr.cases((t.requester_client.notnull(), "self"), (t.asked_by.notnull(), "provider"), else_="unknown"),
        inquiry_at=t.authored_on,
        outcome=raw.value_map("referral_outcome", t.status),
        outcome_source_code=t.status,
        out_of_scope=reason(
            (kind != "referral", "no_referral"), (~t.intent.isin(["order", "original-order"]), "no_order")
        ),
    )
