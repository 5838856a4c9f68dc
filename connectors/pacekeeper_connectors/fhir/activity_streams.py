"""What is landed of notes, messages, tasks, referrals and the audit log: who, when, which kind; never what was said."""

from __future__ import annotations

from pacekeeper.columns import Boolean, Code, Instant, Key, Ref
from pacekeeper.stream import Keep
from pacekeeper_connectors.fhir.declare import client, clinician, elements, resource, role, session

_ABOUT = {
    "Appointment": "appointment",
    "Encounter": "session",
    "EpisodeOfCare": "episode",
    "Observation": "observation",
    "QuestionnaireResponse": "questionnaire_response",
    "Communication": "message",
    "ServiceRequest": "referral",
    "DocumentReference": "document",
    "Composition": "composition",
}

#: Notes of a psychotherapist to herself never land, not even that there are any (45 CFR 164.501).
_ACT_CODE = "system=http://terminology.hl7.org/CodeSystem/v3-ActCode"
_PROCESS_NOTES = tuple(
    Keep(path=path, values=frozenset({"PSYTHPN"}), reason="psychotherapy_process_note")
    for path in (f"meta.security[{_ACT_CODE}].code", f"securityLabel[0].coding[{_ACT_CODE}].code")
)

DOCUMENT_REFERENCE = resource(
    "document_reference",
    "DocumentReference",
    {
        "id": Key("document"),
        "status": Code(),
        "doc_status": Code(path="docStatus"),
        "type": Code(path="type.coding[0].code"),
        "category": Code(path="category[0].coding[0].code"),
        "subject": client("subject.reference"),
        "author": clinician("author[0].reference"),
        "author_role": role("author[0].reference"),
        "date": Instant(),
        "encounter": session("context.encounter[0].reference"),
        "service_start": Instant(path="context.period.start"),
        "composition": Ref("composition", path="context.related[0].reference", by_type={"Composition": "composition"}),
    },
    drop=_PROCESS_NOTES,
)

#: FHIR R4 document-relationship-type: the document replaces, appends, signs or transforms another.
DOCUMENT_RELATION = elements(
    "document_relation",
    "document_reference",
    "relatesTo",
    {
        "code": Code(),
        "target": Ref("document", path="target.reference", by_type={"DocumentReference": "document"}),
    },
)

COMPOSITION = resource(
    "composition",
    "Composition",
    {
        "id": Key("composition"),
        "status": Code(),
        "type": Code(path="type.coding[0].code"),
        "subject": client("subject.reference"),
        "author": clinician("author[0].reference"),
        "author_role": role("author[0].reference"),
        "date": Instant(),
        "encounter": session("encounter.reference"),
        "service_start": Instant(path="event[0].period.start"),
    },
    drop=_PROCESS_NOTES,
)

COMPOSITION_ATTESTER = elements(
    "composition_attester",
    "composition",
    "attester",
    {
        "mode": Code(),
        "at": Instant(path="time"),
        "party": clinician("party.reference"),
        "party_role": role("party.reference"),
    },
)

COMPOSITION_RELATION = elements(
    "composition_relation",
    "composition",
    "relatesTo",
    {
        "code": Code(),
        "target": Ref("composition", path="targetReference.reference", by_type={"Composition": "composition"}),
    },
)

COMMUNICATION = resource(
    "communication",
    "Communication",
    {
        "id": Key("message"),
        "status": Code(),
        "category": Code(path="category[0].coding[0].code"),
        "priority": Code(),
        "subject": client("subject.reference"),
        "sender_clinician": clinician("sender.reference"),
        "sender_role": role("sender.reference"),
        "sender_client": client("sender.reference"),
        "in_response_to": Ref("message", path="inResponseTo[0].reference", by_type={"Communication": "message"}),
        "sent": Instant(),
        "received": Instant(),
    },
)

COMMUNICATION_RECIPIENT = elements(
    "communication_recipient",
    "communication",
    "recipient",
    {
        "recipient_clinician": clinician("reference"),
        "recipient_role": role("reference"),
        "recipient_client": client("reference"),
    },
)

TASK = resource(
    "task",
    "Task",
    {
        "id": Key("task"),
        "status": Code(),
        "priority": Code(),
        "code": Code(path="code.coding[0].code"),
        "client": client("for.reference"),
        "owner": clinician("owner.reference"),
        "owner_role": role("owner.reference"),
        "focus": Ref("task", path="focus.reference", by_type=_ABOUT),
        "authored_on": Instant(path="authoredOn"),
        "last_modified": Instant(path="lastModified"),
        "started": Instant(path="executionPeriod.start"),
        "ended": Instant(path="executionPeriod.end"),
    },
)

SERVICE_REQUEST = resource(
    "service_request",
    "ServiceRequest",
    {
        "id": Key("referral"),
        "status": Code(),
        "intent": Code(),
        "category": Code(path="category[0].coding[0].code"),
        "code": Code(path="code.coding[0].code"),
        "subject": client("subject.reference"),
        "requester": clinician("requester.reference"),
        "requester_role": role("requester.reference"),
        "requester_client": client("requester.reference"),
        "performer": clinician("performer[0].reference"),
        "performer_role": role("performer[0].reference"),
        "authored_on": Instant(path="authoredOn"),
    },
)

AUDIT_EVENT = resource(
    "audit_event",
    "AuditEvent",
    {
        "id": Key("ehr_event"),
        "type": Code(path="type.code"),
        "subtype": Code(path="subtype[0].code"),
        "action": Code(max_length=1, pattern="[A-Z]"),
        "outcome": Code(max_length=2, pattern="[0-9]+"),
        "recorded": Instant(),
        "period_start": Instant(path="period.start"),
        "period_end": Instant(path="period.end"),
    },
)

AUDIT_AGENT = elements(
    "audit_agent",
    "audit_event",
    "agent",
    {
        "requestor": Boolean(),
        "who": clinician("who.reference"),
        "who_role": role("who.reference"),
    },
)

AUDIT_ENTITY = elements(
    "audit_entity",
    "audit_event",
    "entity",
    {
        "client": client("what.reference"),
        "note": Ref(
            "document",
            path="what.reference",
            by_type={"DocumentReference": "document", "Composition": "composition"},
        ),
        "message": Ref("message", path="what.reference", by_type={"Communication": "message", "Task": "task"}),
        "order": Ref(
            "referral",
            path="what.reference",
            by_type={"ServiceRequest": "referral", "MedicationRequest": "medication_request"},
        ),
        "billing": Ref(
            "claim",
            path="what.reference",
            by_type={
                "Claim": "claim",
                "ClaimResponse": "claim_response",
                "Coverage": "coverage",
                "ChargeItem": "charge_item",
                "ExplanationOfBenefit": "explanation_of_benefit",
                "Invoice": "invoice",
            },
        ),
        "scheduling": Ref(
            "appointment",
            path="what.reference",
            by_type={"Appointment": "appointment", "Schedule": "schedule", "Slot": "slot"},
        ),
        "measure": Ref(
            "observation",
            path="what.reference",
            by_type={"Observation": "observation", "QuestionnaireResponse": "questionnaire_response"},
        ),
        "chart": Ref(
            "session",
            path="what.reference",
            by_type={
                "Encounter": "session",
                "EpisodeOfCare": "episode",
                "Condition": "condition",
                "CarePlan": "care_plan",
                "Goal": "goal",
            },
        ),
    },
)

ACTIVITY_STREAMS = (
    DOCUMENT_REFERENCE,
    DOCUMENT_RELATION,
    COMPOSITION,
    COMPOSITION_ATTESTER,
    COMPOSITION_RELATION,
    COMMUNICATION,
    COMMUNICATION_RECIPIENT,
    TASK,
    SERVICE_REQUEST,
    AUDIT_EVENT,
    AUDIT_AGENT,
    AUDIT_ENTITY,
)
