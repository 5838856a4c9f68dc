"""FHIR R4 resources of the synthetic practice, in the shape its server gives them.

Codings that never change are shared between resources: copy a resource deeply before changing what is inside one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Resource: TypeAlias = dict[str, Any]  # FHIR JSON is open by design

TYPES = (
    "Practitioner",
    "PractitionerRole",
    "Location",
    "Patient",
    "EpisodeOfCare",
    "Schedule",
    "Slot",
    "Appointment",
    "Encounter",
    "Observation",
    "Composition",
    "Communication",
)
NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"
TIMEZONE_URL = "http://hl7.org/fhir/StructureDefinition/timezone"
CANCELLATION_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.cancellationDate"
CLOSURE_URL = "urn:pacekeeper:closure-type"
MODALITY_URL = "urn:pacekeeper:modality"
BOOKED_VIA_URL = "urn:pacekeeper:booked-via"
LOINC = "http://loinc.org"
_CANCEL_SYSTEM = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_CLASSES = {"video": "VR", "audio": "VR", "home": "HH"}


@dataclass
class Resources:
    """What has been made so far, by type; `by_id` knows those that may change later."""

    by_type: dict[str, list[Resource]] = field(default_factory=lambda: {name: [] for name in TYPES})
    by_id: dict[tuple[str, str], Resource] = field(default_factory=dict)

    def add(self, resource: Resource) -> None:
        self.by_type[resource["resourceType"]].append(resource)
        self.by_id[resource["resourceType"], resource["id"]] = resource


def _meta(updated: str) -> dict[str, str]:
    return {"versionId": "1", "lastUpdated": updated}


def concept(system: str, code: str) -> dict[str, list[dict[str, str]]]:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code}]}


_SERVICES = {
    name: [concept("urn:riverbend:service", name)]
    for name in ("intake", "individual", "couple", "family", "group", "crisis", "testing", "medication")
}
_SESSION_TYPES = {name: [concept("urn:riverbend:session-type", name)] for name in _SERVICES}
_ROUTINE = concept("http://terminology.hl7.org/CodeSystem/v2-0276", "ROUTINE")
_PRIMARY = [concept(_PARTICIPATION, "PPRF")]
_SECONDARY = [concept(_PARTICIPATION, "SPRF")]
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_RECORD_NUMBER = concept(_IDENTIFIER_TYPES, "MR")
_MEMBER_NUMBER = concept(_IDENTIFIER_TYPES, "MB")


def location(identity: str, *, name: str, zone: str, physical: str, updated: str) -> Resource:
    return {
        "resourceType": "Location",
        "id": identity,
        "meta": _meta(updated),
        "extension": [{"url": TIMEZONE_URL, "valueCode": zone}],
        "status": "active",
        "name": name,
        "mode": "instance",
        "physicalType": concept("http://terminology.hl7.org/CodeSystem/location-physical-type", physical),
    }


def practitioner(identity: str, *, npi: str, first: str, last: str, email: str, updated: str) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": identity,
        "meta": _meta(updated),
        "identifier": [{"system": NPI_SYSTEM, "value": npi}],
        "active": True,
        "name": [{"use": "official", "family": last, "given": [first]}],
        "telecom": [{"system": "email", "value": email, "use": "work"}],
    }


def practitioner_role(
    identity: str,
    *,
    practitioner: str,
    location: str,
    role: str,
    start: str,
    end: str | None,
    available: Sequence[Mapping[str, Any]],
    updated: str,
) -> Resource:
    made: Resource = {
        "resourceType": "PractitionerRole",
        "id": identity,
        "meta": _meta(updated),
        "active": end is None,
        "period": {"start": start} if end is None else {"start": start, "end": end},
        "practitioner": {"reference": f"Practitioner/{practitioner}"},
        "code": [concept("urn:riverbend:role", role)],
        "location": [{"reference": f"Location/{location}"}],
    }
    if available:
        made["availableTime"] = list(available)
    return made


def member_id(patient: str) -> str:
    """The number by which a patient's payer knows them, made from the id of the FHIR resource."""
    return "RBM" + patient.removeprefix("pt-").replace("-", "")


def patient(
    identity: str, *, first: str, last: str, birth_date: str | None, postal_code: str, updated: str
) -> Resource:
    made: Resource = {
        "resourceType": "Patient",
        "id": identity,
        "meta": _meta(updated),
        "identifier": [
            {"system": "urn:riverbend:mrn", "type": _RECORD_NUMBER, "value": "MRN" + identity[3:].replace("-", "")},
            {"system": "urn:riverbend:member", "type": _MEMBER_NUMBER, "value": member_id(identity)},
        ],
        "name": [{"use": "official", "family": last, "given": [first]}],
        "address": [{"line": ["1 Mill Lane"], "city": "Riverbend", "postalCode": postal_code}],
    }
    if birth_date is not None:
        made["birthDate"] = birth_date
    return made


def episode(
    identity: str, *, patient: str, practitioner: str, service_line: str, opened: str, updated: str
) -> Resource:
    return {
        "resourceType": "EpisodeOfCare",
        "id": identity,
        "meta": _meta(updated),
        "status": "active",
        "type": [concept("urn:riverbend:service-line", service_line)],
        "patient": {"reference": f"Patient/{patient}"},
        "period": {"start": opened},
        "careManager": {"reference": f"Practitioner/{practitioner}"},
    }


def schedule(identity: str, *, practitioner: str, updated: str) -> Resource:
    return {
        "resourceType": "Schedule",
        "id": identity,
        "meta": _meta(updated),
        "active": True,
        "actor": [{"reference": f"Practitioner/{practitioner}"}],
    }


def slot(identity: str, *, schedule: str, status: str, start: str, end: str, updated: str) -> Resource:
    return {
        "resourceType": "Slot",
        "id": identity,
        "meta": _meta(updated),
        "schedule": {"reference": f"Schedule/{schedule}"},
        "status": status,
        "start": start,
        "end": end,
    }


def appointment(
    identity: str,
    *,
    status: str,
    start: str,
    end: str,
    created: str | None,
    updated: str,
    client: str,
    episode: str,
    practitioner: str,
    location: str,
    service: str,
    modality: str,
    via: str,
    reason: str | None = None,
    cancelled_at: str | None = None,
) -> Resource:
    extension = [{"url": MODALITY_URL, "valueCode": modality}, {"url": BOOKED_VIA_URL, "valueCode": via}]
    if cancelled_at is not None:
        extension.append({"url": CANCELLATION_URL, "valueDateTime": cancelled_at})
    made: Resource = {
        "resourceType": "Appointment",
        "id": identity,
        "meta": {"versionId": "1", "lastUpdated": updated},
        "extension": extension,
        "status": status,
        "serviceType": _SERVICES[service],
        "appointmentType": _ROUTINE,
        "supportingInformation": [{"reference": "EpisodeOfCare/" + episode}],
        "start": start,
        "end": end,
        "participant": [
            {"actor": {"reference": "Patient/" + client}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/" + practitioner}, "status": "accepted"},
            {"actor": {"reference": "Location/" + location}, "status": "accepted"},
        ],
    }
    if created is not None:
        made["created"] = created
    if reason is not None:
        system = _CANCEL_SYSTEM if reason[:3] in {"pat", "pro", "oth"} else "urn:riverbend:cancel-reason"
        made["cancelationReason"] = {"coding": [{"system": system, "code": reason}]}
    return made


def encounter(
    identity: str,
    *,
    session_type: str,
    modality: str,
    start: str,
    end: str,
    updated: str,
    practitioner: str = "",
    second: str = "",
    client: str = "",
    episode: str = "",
    appointment: str = "",
    location: str = "",
    part_of: str = "",
    status: str = "finished",
) -> Resource:
    made: Resource = {
        "resourceType": "Encounter",
        "id": identity,
        "meta": {"versionId": "1", "lastUpdated": updated},
        "status": status,
        "class": {"system": _ACT, "code": _CLASSES.get(modality, "AMB")},
        "type": _SESSION_TYPES[session_type],
        "period": {"start": start, "end": end},
    }
    if client:
        made["subject"] = {"reference": "Patient/" + client}
    if episode:
        made["episodeOfCare"] = [{"reference": "EpisodeOfCare/" + episode}]
    if practitioner:
        made["participant"] = [{"type": _PRIMARY, "individual": {"reference": "Practitioner/" + practitioner}}]
    if second:
        made["participant"].append({"type": _SECONDARY, "individual": {"reference": "Practitioner/" + second}})
    if appointment:
        made["appointment"] = [{"reference": "Appointment/" + appointment}]
    if location:
        made["location"] = [{"location": {"reference": "Location/" + location}}]
    if part_of:
        made["partOf"] = {"reference": "Encounter/" + part_of}
    return made
