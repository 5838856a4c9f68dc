"""What lands: one record per message, or per segment of one. Messages are never undone by their absence."""

from __future__ import annotations

from pacekeeper.columns import (
    Area,
    BirthYear,
    Boolean,
    Code,
    Column,
    Date,
    Decimal,
    Instant,
    Integer,
    Key,
    MatchKey,
    Ref,
)
from pacekeeper.stream import Keep, Stream
from pacekeeper_connectors.hl7v2.envelope import EVENTS

#: SCH-25 holds words; some senders write them with a blank ("No Show").
_STATUS_WORD = r"[A-Za-z][A-Za-z0-9_-]*( [A-Za-z0-9_-]+)?"


def _order() -> dict[str, Column]:
    return {
        "sent_at": Instant(required=True, description="MSH-7."),
        "control_no": Integer(required=True, description="Last digits of MSH-10, for messages of one instant."),
        "content": MatchKey("hl7v2_message", required=True, description="Equal for a message that was sent again."),
    }


def _code(length: int = 48) -> Code:
    return Code(max_length=length)


MESSAGE = Stream(
    "message",
    {
        "id": Key("hl7v2_message"),
        "kind": Code(max_length=3, required=True, description="MSH-9.1."),
        "event": Code(max_length=3, description="MSH-9.2."),
        **_order(),
        "client": Ref("client", description="PID-3."),
        "mrn": MatchKey("mrn", path="client", description="The same, as sources share it."),
        "birth_year": BirthYear(description="PID-7."),
        "area": Area(description="PID-11.5."),
        "is_deceased": Boolean(description="PID-30, or PID-29 is there."),
    },
    keep=Keep(path="kind", values=frozenset(EVENTS), reason="other_message_type"),
    description="Every message, with what its PID says about the client.",
)
MESSAGE_CLINICIAN = Stream(
    "message_clinician",
    {"clinician": Ref("clinician", path="id", required=True), "npi": MatchKey("npi")},
    child_of="message",
    explode="clinicians",
    description="People that AIP-3, PV1-7, FT1-20 and TXA-9 name.",
)
APPOINTMENT_MESSAGE = Stream(
    "appointment_message",
    {
        "id": Key("hl7v2_seat"),
        "appointment": Ref("appointment", required=True, description="SCH-2, else SCH-1; with the client in a group."),
        "occurrence": Ref("group", description="SCH-2 of a message with several clients."),
        "event": Code(max_length=3, required=True),
        **_order(),
        "client": Ref("client"),
        "clinician": Ref("clinician", description="First AIP-3, else PV1-7."),
        "personnel": MatchKey("hl7v2_personnel", description="Every AIP-3 together."),
        "visit": Ref("session", description="PV1-19."),
        "start_at": Instant(description="TQ1-7, else SCH-11.4, AIS-4, AIP-6."),
        "end_at": Instant(description="TQ1-8, else SCH-11.5."),
        "minutes": Decimal(description="AIS-7, else SCH-9."),
        "tz_source": _code(8),
        "status": Code(max_length=24, pattern=_STATUS_WORD, description="SCH-25."),
        "event_reason": _code(),
        "service": _code(),
        "kind": _code(),
    },
    description="SIU: one record per message and client.",
)
APPOINTMENT_PERSONNEL = Stream(
    "appointment_personnel",
    {"clinician": Ref("clinician", path="id", required=True)},
    child_of="appointment_message",
    explode="people",
    description="AIP-3 of a message, in order.",
)
VISIT_MESSAGE = Stream(
    "visit_message",
    {
        "id": Key("hl7v2_visit"),
        "visit": Ref("session", required=True, description="PV1-19."),
        "event": Code(max_length=3, required=True),
        **_order(),
        "client": Ref("client"),
        "clinician": Ref("clinician", description="PV1-7."),
        "setting": _code(8),
        "service": _code(),
        "started_at": Instant(description="PV1-44."),
        "ended_at": Instant(description="PV1-45."),
        "tz_source": _code(8),
    },
    description="ADT about a visit: one record per message.",
)
MERGE = Stream(
    "merge",
    {
        "id": Key("hl7v2_merge"),
        **_order(),
        "from_client": Ref("client", required=True, description="MRG-1."),
        "into_client": Ref("client", required=True, description="PID-3."),
        "at": Instant(description="EVN-6, else EVN-2, else MSH-7."),
    },
    description="ADT that merges clients: one record per MRG.",
)
TRANSACTION = Stream(
    "transaction",
    {
        "id": Key("hl7v2_transaction"),
        "charge": Ref("charge", path="number", required=True, description="FT1-2."),
        "payment": Ref("payment", path="number", description="FT1-2."),
        **_order(),
        "kind": _code(8),
        "service_date": Date(description="FT1-4."),
        "posted_on": Date(description="FT1-5."),
        "transaction_code": _code(),
        "procedure": _code(),
        "units": Decimal(description="FT1-10."),
        "amount_cents": Integer(required=True, description="FT1-11, else FT1-12 times FT1-10."),
        "currency": Code(max_length=3, pattern="[A-Z]{3}", required=True),
        "plan": _code(),
        "client": Ref("client"),
        "clinician": Ref("clinician", description="FT1-20."),
        "visit": Ref("session", description="PV1-19."),
    },
    description="DFT: one record per FT1.",
)
TRANSACTION_MODIFIER = Stream(
    "transaction_modifier",
    {"position": Integer(required=True), "modifier": Code(max_length=8, required=True)},
    child_of="transaction",
    explode="modifiers",
    description="FT1-26.",
)
NOTE_MESSAGE = Stream(
    "note_message",
    {
        "id": Key("hl7v2_note_message"),
        "note": Ref("note", required=True, description="TXA-12."),
        "parent": Ref("note", description="TXA-13."),
        "event": Code(max_length=3, required=True),
        **_order(),
        "type": _code(),
        "completion": _code(8),
        "service_at": Instant(description="TXA-4."),
        "created_at": Instant(description="TXA-6, else TXA-7."),
        "signed_at": Instant(description="TXA-22.15, first."),
        "cosigned_at": Instant(description="TXA-22.15 of the second person."),
        "client": Ref("client"),
        "clinician": Ref("clinician", description="TXA-9, else TXA-5."),
        "visit": Ref("session", description="PV1-19."),
    },
    keep=Keep(path="keep", values=frozenset({"note"}), reason="process_note"),
    description="MDM: one record per message. Of a psychotherapy process note nothing lands.",
)
QUESTIONNAIRE = Stream(
    "questionnaire",
    {
        "id": Key("hl7v2_questionnaire"),
        "response": Ref("measure_response", required=True, description="OBR-3, else OBR-2."),
        "instrument": Code(max_length=8, required=True),
        **_order(),
        "taken_at": Instant(description="OBX-14, else OBR-7."),
        "total": Decimal(),
        "state": _code(8),
        "client": Ref("client"),
        "visit": Ref("session", description="PV1-19."),
    },
    keep=Keep(path="instrument", values=frozenset({"phq9", "gad7", "epds"}), reason="other_observation"),
    description="ORU: one record per OBR and instrument.",
)
QUESTIONNAIRE_ITEM = Stream(
    "questionnaire_item",
    {"item_no": Integer(required=True), "value": Decimal(), "state": _code(8)},
    child_of="questionnaire",
    explode="items",
    description="OBX with the LOINC code of an item.",
)

STREAMS = (
    MESSAGE,
    MESSAGE_CLINICIAN,
    APPOINTMENT_MESSAGE,
    APPOINTMENT_PERSONNEL,
    VISIT_MESSAGE,
    MERGE,
    TRANSACTION,
    TRANSACTION_MODIFIER,
    NOTE_MESSAGE,
    QUESTIONNAIRE,
    QUESTIONNAIRE_ITEM,
)
