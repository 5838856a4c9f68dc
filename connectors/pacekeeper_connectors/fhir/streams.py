"""What the FHIR connector lands. Names, addresses, telecom, narrative, notes and `display` texts never do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pacekeeper.columns import (
    Area,
    BirthYear,
    Boolean,
    Code,
    Column,
    Date,
    Decimal,
    Instant,
    Key,
    LocalTime,
    MatchKey,
    Ref,
)
from pacekeeper.stream import Keep, Stream

NPI = "http://hl7.org/fhir/sid/us-npi"
LOINC = "http://loinc.org"
PHQ9_PANEL = "44249-1"
PHQ9_TOTAL = "44261-6"
PHQ9_DIFFICULTY = "69722-7"
#: LOINC code of each PHQ-9 item, item 1 first. Source: US Core 9.0.0 examples, HL7 PHR IG.
PHQ9_ITEMS = (
    "44250-9",
    "44255-8",
    "44259-0",
    "44254-1",
    "44251-7",
    "44258-2",
    "44252-5",
    "44253-3",
    "44260-8",
)
#: Participants of an appointment among which a change of clinician is seen from one version to the next.
WATCHED_PARTICIPANTS = 4

#: A server may make a change visible some time after the time it gives it.
_LAG = timedelta(minutes=10)
_LAST_UPDATED = Instant(path="meta.lastUpdated", description="Server's time of the last change.")
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
_URI = r"[A-Za-z][A-Za-z0-9+.:/_#?=&%~-]*"


def _clinician(path: str) -> Ref:
    return Ref("clinician", path=path, by_type={"Practitioner": "clinician"}, match={NPI: "npi"})


def _role(path: str) -> Ref:
    return Ref("practitioner_role", path=path, by_type={"PractitionerRole": "practitioner_role"})


def _client(path: str) -> Ref:
    return Ref("client", path=path, by_type={"Patient": "client"})


def _location(path: str) -> Ref:
    return Ref("location", path=path, by_type={"Location": "location"})


def _resource(name: str, resource_type: str, columns: dict[str, Column], *, keep: Keep | None = None) -> Stream:
    return Stream(
        name,
        {**columns, "last_updated": _LAST_UPDATED},
        cursor="last_updated",
        lag=_LAG,
        deletes="key_diff",
        resource_type=resource_type,
        keep=keep,
        description=f"FHIR {resource_type}",
    )


def _elements(name: str, parent: str, explode: str, columns: dict[str, Column]) -> Stream:
    return Stream(name, columns, child_of=parent, explode=explode, description=f"{explode} of {parent}")


PRACTITIONER = _resource(
    "practitioner",
    "Practitioner",
    {
        "id": Key("clinician"),
        "active": Boolean(),
        "npi": MatchKey("npi", path=f"identifier[system={NPI}].value"),
    },
)

PRACTITIONER_ROLE = _resource(
    "practitioner_role",
    "PractitionerRole",
    {
        "id": Key("practitioner_role"),
        "active": Boolean(),
        "practitioner": _clinician("practitioner.reference"),
        "practitioner_identifier": MatchKey("npi", path="practitioner.identifier.value"),
        "practitioner_identifier_system": Code(path="practitioner.identifier.system", max_length=200, pattern=_URI),
        "code": Code(path="code[0].coding[0].code"),
        "location": _location("location[0].reference"),
        "period_start": Date(path="period.start"),
        "period_end": Date(path="period.end"),
    },
)

PRACTITIONER_ROLE_AVAILABLE_TIME = _elements(
    "practitioner_role_available_time",
    "practitioner_role",
    "availableTime",
    {
        "all_day": Boolean(path="allDay"),
        "start_minute": LocalTime(path="availableStartTime"),
        "end_minute": LocalTime(path="availableEndTime"),
    },
)

PRACTITIONER_ROLE_AVAILABLE_DAY = _elements(
    "practitioner_role_available_day",
    "practitioner_role_available_time",
    "daysOfWeek",
    {"day": Code(path="$", max_length=3, pattern="[a-z]{3}", required=True)},
)

LOCATION = _resource(
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

PATIENT = _resource(
    "patient",
    "Patient",
    {
        "id": Key("client"),
        "birth_year": BirthYear(path="birthDate"),
        "area_code": Area(path="address[0].postalCode"),
        "deceased": Boolean(path="deceasedBoolean"),
        "deceased_year": BirthYear(path="deceasedDateTime", description="Year of death."),
    },
)

EPISODE_OF_CARE = _resource(
    "episode_of_care",
    "EpisodeOfCare",
    {
        "id": Key("episode"),
        "status": Code(),
        "client": _client("patient.reference"),
        "manager": _clinician("careManager.reference"),
        "manager_role": _role("careManager.reference"),
        "period_start": Date(path="period.start"),
        "period_end": Date(path="period.end"),
        "type": Code(path="type[0].coding[0].code"),
        "closure": Code(path="extension[url=urn:pacekeeper:closure-type].valueCode"),
    },
)

SCHEDULE = _resource("schedule", "Schedule", {"id": Key("schedule"), "active": Boolean()})

SCHEDULE_ACTOR = _elements(
    "schedule_actor",
    "schedule",
    "actor",
    {
        "practitioner": _clinician("reference"),
        "practitioner_role": _role("reference"),
        "location": _location("reference"),
    },
)

SLOT = _resource(
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

APPOINTMENT = _resource(
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
        **{
            f"participant_{n + 1}": Ref(
                "clinician",
                path=f"participant[{n}].actor.reference",
                by_type={"Practitioner": "clinician", "PractitionerRole": "practitioner_role"},
            )
            for n in range(WATCHED_PARTICIPANTS)
        },
    },
)

APPOINTMENT_PARTICIPANT = _elements(
    "appointment_participant",
    "appointment",
    "participant",
    {
        "type": Code(path="type[0].coding[0].code"),
        "status": Code(),
        "practitioner": _clinician("actor.reference"),
        "practitioner_role": _role("actor.reference"),
        "client": _client("actor.reference"),
        "location": _location("actor.reference"),
    },
)

ENCOUNTER = _resource(
    "encounter",
    "Encounter",
    {
        "id": Key("session"),
        "status": Code(),
        "class": Code(path="class.code"),
        "type": Code(path="type[0].coding[0].code"),
        "subject": _client("subject.reference"),
        "part_of": Ref("session", path="partOf.reference"),
        "appointment": Ref("appointment", path="appointment[0].reference"),
        "episode": Ref("episode", path="episodeOfCare[0].reference"),
        "location": _location("location[0].location.reference"),
        "start_at": Instant(path="period.start"),
        "end_at": Instant(path="period.end"),
        "length": Decimal(path="length.value"),
        "length_unit": Code(path="length.code"),
    },
)

ENCOUNTER_PARTICIPANT = _elements(
    "encounter_participant",
    "encounter",
    "participant",
    {
        "type": Code(path="type[0].coding[0].code"),
        "practitioner": _clinician("individual.reference"),
        "practitioner_role": _role("individual.reference"),
        "start_at": Instant(path="period.start"),
        "end_at": Instant(path="period.end"),
    },
)

PHQ9_OBSERVATION = _resource(
    "phq9_observation",
    "Observation",
    {
        "id": Key("observation"),
        "status": Code(),
        "code": Code(path=f"code.coding[system={LOINC}].code"),
        "subject": _client("subject.reference"),
        "performer": _client("performer[0].reference"),
        "encounter": Ref("session", path="encounter.reference", by_type={"Encounter": "session"}),
        "effective_at": Instant(path="effectiveDateTime"),
        "period_start": Instant(path="effectivePeriod.start"),
        "issued": Instant(),
        "value_integer": Decimal(path="valueInteger"),
        "value_quantity": Decimal(path="valueQuantity.value"),
        "value_text": Decimal(path="valueString", description="A number sent as text."),
        "value_code": Code(path=f"valueCodeableConcept.coding[system={LOINC}].code"),
        "derived_from": Ref("observation", path="derivedFrom[0].reference", by_type={"Observation": "observation"}),
    },
    keep=Keep(
        path=f"code.coding[system={LOINC}].code",
        values=frozenset({PHQ9_PANEL, PHQ9_TOTAL, PHQ9_DIFFICULTY, *PHQ9_ITEMS}),
        reason="not_phq9",
    ),
)

PHQ9_PANEL_MEMBER = _elements(
    "phq9_panel_member",
    "phq9_observation",
    "hasMember",
    {"member": Ref("observation", path="reference", by_type={"Observation": "observation"})},
)

#: As a server is read: it can be asked for changes. What was deleted shows in a read of everything only.
SERVER_STREAMS = (
    PRACTITIONER,
    PRACTITIONER_ROLE,
    PRACTITIONER_ROLE_AVAILABLE_TIME,
    PRACTITIONER_ROLE_AVAILABLE_DAY,
    LOCATION,
    PATIENT,
    EPISODE_OF_CARE,
    SCHEDULE,
    SCHEDULE_ACTOR,
    SLOT,
    APPOINTMENT,
    APPOINTMENT_PARTICIPANT,
    ENCOUNTER,
    ENCOUNTER_PARTICIPANT,
    PHQ9_OBSERVATION,
    PHQ9_PANEL_MEMBER,
)

#: As a folder is read: always whole.
FOLDER_STREAMS = tuple(
    stream if stream.child_of is not None else replace(stream, cursor=None, lag=timedelta())
    for stream in SERVER_STREAMS
)
