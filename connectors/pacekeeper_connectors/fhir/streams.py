"""What the FHIR connector lands. Names, addresses, telecom, narrative, notes and `display` texts never do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pacekeeper.columns import (
    Area,
    BirthYear,
    Boolean,
    Code,
    Date,
    Decimal,
    Instant,
    Key,
    LocalTime,
    MatchKey,
    Ref,
    RefSet,
)
from pacekeeper_connectors.fhir.activity_streams import ACTIVITY_STREAMS
from pacekeeper_connectors.fhir.billing_streams import BILLING_STREAMS
from pacekeeper_connectors.fhir.declare import NPI, URI, client, clinician, elements, location, resource, role
from pacekeeper_connectors.fhir.measure_streams import MEASURE_STREAMS

_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"

PRACTITIONER = resource(
    "practitioner",
    "Practitioner",
    {
        "id": Key("clinician"),
        "active": Boolean(),
        "npi": MatchKey("npi", path=f"identifier[system={NPI}].value"),
    },
)

PRACTITIONER_ROLE = resource(
    "practitioner_role",
    "PractitionerRole",
    {
        "id": Key("practitioner_role"),
        "active": Boolean(),
        "practitioner": clinician("practitioner.reference"),
        "practitioner_identifier": MatchKey("npi", path="practitioner.identifier.value"),
        "practitioner_identifier_system": Code(path="practitioner.identifier.system", max_length=200, pattern=URI),
        "code": Code(path="code[0].coding[0].code"),
        "location": location("location[0].reference"),
        "period_start": Date(path="period.start"),
        "period_end": Date(path="period.end"),
    },
)

PRACTITIONER_ROLE_AVAILABLE_TIME = elements(
    "practitioner_role_available_time",
    "practitioner_role",
    "availableTime",
    {
        "all_day": Boolean(path="allDay"),
        "start_minute": LocalTime(path="availableStartTime"),
        "end_minute": LocalTime(path="availableEndTime"),
    },
)

PRACTITIONER_ROLE_AVAILABLE_DAY = elements(
    "practitioner_role_available_day",
    "practitioner_role_available_time",
    "daysOfWeek",
    {"day": Code(path="$", max_length=3, pattern="[a-z]{3}", required=True)},
)

LOCATION = resource(
    "location",
    "Location",
    {
        "id": Key("location"),
        "status": Code(),
        "tz": Code(
            path="extension[url=http://hl7.org/fhir/StructureDefinition/timezone].valueCode",
            max_length=50,
            pattern=r"[A-Za-z][A-Za-z0-9_+/-]*",
        ),
        "mode": Code(max_length=20),
        "physical_type": Code(path="physicalType.coding[0].code"),
        "type": Code(path="type[0].coding[0].code"),
    },
)

PATIENT = resource(
    "patient",
    "Patient",
    {
        "id": Key("client"),
        "birth_year": BirthYear(path="birthDate"),
        "area_code": Area(path="address[0].postalCode"),
        "deceased": Boolean(path="deceasedBoolean"),
        "deceased_year": BirthYear(path="deceasedDateTime", description="Year of death."),
        "email": MatchKey("email", path="telecom[system=email].value"),
    },
)

PATIENT_IDENTIFIER = elements(
    "patient_identifier",
    "patient",
    "identifier",
    {
        "type": Code(path="type.coding[0].code", description="HL7 v2 table 0203: MR, MB ..."),
        "mrn": MatchKey("mrn", path="value"),
        "member": MatchKey("member", path="value"),
    },
)

PATIENT_LINK = elements(
    "patient_link",
    "patient",
    "link",
    {"type": Code(), "other": client("other.reference")},
)

EPISODE_OF_CARE = resource(
    "episode_of_care",
    "EpisodeOfCare",
    {
        "id": Key("episode"),
        "status": Code(),
        "client": client("patient.reference"),
        "manager": clinician("careManager.reference"),
        "manager_role": role("careManager.reference"),
        "period_start": Date(path="period.start"),
        "period_end": Date(path="period.end"),
        "type": Code(path="type[0].coding[0].code"),
        "closure": Code(path="extension[url=urn:pacekeeper:closure-type].valueCode"),
    },
)

SCHEDULE = resource("schedule", "Schedule", {"id": Key("schedule"), "active": Boolean()})

SCHEDULE_ACTOR = elements(
    "schedule_actor",
    "schedule",
    "actor",
    {
        "practitioner": clinician("reference"),
        "practitioner_role": role("reference"),
        "location": location("reference"),
    },
)

SLOT = resource(
    "slot",
    "Slot",
    {
        "id": Key("slot"),
        "schedule": Ref("schedule", path="schedule.reference"),
        "status": Code(),
        "start_at": Instant(path="start"),
        "end_at": Instant(path="end"),
    },
)

APPOINTMENT = resource(
    "appointment",
    "Appointment",
    {
        "id": Key("appointment"),
        "status": Code(),
        "start_at": Instant(path="start"),
        "end_at": Instant(path="end"),
        "minutes": Decimal(path="minutesDuration"),
        "created": Instant(description="When it was booked."),
        "service_type": Code(path="serviceType[0].coding[0].code"),
        "appointment_type": Code(path="appointmentType.coding[0].code"),
        "modality": Code(path="extension[url=urn:pacekeeper:modality].valueCode"),
        "booked_via": Code(path="extension[url=urn:pacekeeper:booked-via].valueCode"),
        "encounter_class": Code(
            path=f"extension[url={_R5}Appointment.class].valueCodeableConcept.coding[0].code",
            description="R5 Appointment.class, sent back to R4 as an extension.",
        ),
        "cancel_reason": Code(path="cancelationReason.coding[0].code"),
        "cancelled_at": Instant(
            path=f"extension[url={_R5}Appointment.cancellationDate].valueDateTime",
            description="R5 Appointment.cancellationDate, sent back to R4 as an extension; R4 has no such time.",
        ),
        "episode": Ref("episode", path="supportingInformation[0].reference", by_type={"EpisodeOfCare": "episode"}),
        "clinicians": RefSet(
            "clinician",
            path="participant[*].actor.reference",
            by_type={"Practitioner": "clinician", "PractitionerRole": "practitioner_role"},
            description="Changes when another clinician takes part.",
        ),
    },
)

APPOINTMENT_PARTICIPANT = elements(
    "appointment_participant",
    "appointment",
    "participant",
    {
        "type": Code(path="type[0].coding[0].code"),
        "status": Code(),
        "practitioner": clinician("actor.reference"),
        "practitioner_role": role("actor.reference"),
        "client": client("actor.reference"),
        "location": location("actor.reference"),
    },
)

ENCOUNTER = resource(
    "encounter",
    "Encounter",
    {
        "id": Key("session"),
        "status": Code(),
        "class": Code(path="class.code"),
        "type": Code(path="type[0].coding[0].code"),
        "subject": client("subject.reference"),
        "part_of": Ref("session", path="partOf.reference"),
        "appointment": Ref("appointment", path="appointment[0].reference"),
        "episode": Ref("episode", path="episodeOfCare[0].reference"),
        "location": location("location[0].location.reference"),
        "start_at": Instant(path="period.start"),
        "end_at": Instant(path="period.end"),
        "length": Decimal(path="length.value"),
        "length_unit": Code(path="length.code"),
    },
)

ENCOUNTER_PARTICIPANT = elements(
    "encounter_participant",
    "encounter",
    "participant",
    {
        "type": Code(path="type[0].coding[0].code"),
        "practitioner": clinician("individual.reference"),
        "practitioner_role": role("individual.reference"),
        "start_at": Instant(path="period.start"),
        "end_at": Instant(path="period.end"),
    },
)

#: As a server is read: it can be asked for changes. What was deleted shows in a read of everything only.
SERVER_STREAMS = (
    PRACTITIONER,
    PRACTITIONER_ROLE,
    PRACTITIONER_ROLE_AVAILABLE_TIME,
    PRACTITIONER_ROLE_AVAILABLE_DAY,
    LOCATION,
    PATIENT,
    PATIENT_IDENTIFIER,
    PATIENT_LINK,
    EPISODE_OF_CARE,
    SCHEDULE,
    SCHEDULE_ACTOR,
    SLOT,
    APPOINTMENT,
    APPOINTMENT_PARTICIPANT,
    ENCOUNTER,
    ENCOUNTER_PARTICIPANT,
    *MEASURE_STREAMS,
    *ACTIVITY_STREAMS,
    *BILLING_STREAMS,
)

#: As a folder is read: always whole.
FOLDER_STREAMS = tuple(
    stream if stream.child_of is not None else replace(stream, cursor=None, lag=timedelta())
    for stream in SERVER_STREAMS
)
