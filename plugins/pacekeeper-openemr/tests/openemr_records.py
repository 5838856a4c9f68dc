"""Synthetic records in the form OpenEMR 7.0.2 gives them; every id and name is invented."""

from __future__ import annotations

from typing import Any

DENVER = "America/Denver"
NPI = "http://hl7.org/fhir/sid/us-npi"
Record = dict[str, Any]


def facility(number: int, place_of_service: str | None = "11") -> Record:
    """A row of /api/facility."""
    return {
        "id": str(number),
        "uuid": f"org-{number}",
        "name": "Elm House",
        "pos_code": place_of_service,
        "inactive": "0",
    }


def appointment(number: int, day: str, status: str, **more: Any) -> Record:
    """A row of /api/appointment: 09:00 to 09:45 by the clock of the practice."""
    return {
        "pc_eid": str(number),
        "pc_uuid": f"apt-{number}",
        "fname": "Ann",
        "lname": "Example",
        "DOB": "1980-02-03",
        "pid": "1",
        "puuid": "pat-1",
        "pce_aid_uuid": "doc-1",
        "pce_aid_npi": None,
        "pc_apptstatus": status,
        "pc_eventDate": day,
        "pc_startTime": "09:00:00",
        "pc_endTime": "09:45:00",
        "pc_facility": "3",
        "pc_catid": "5",
        "pc_title": "Office Visit",
        "facility_uuid": "loc-3",
        **more,
    }


def patient(number: int, updated: str = "2026-01-20T10:00:00+00:00") -> Record:
    """A FHIR Patient."""
    return {
        "resourceType": "Patient",
        "id": f"pat-{number}",
        "meta": {"versionId": "1", "lastUpdated": updated},
        "identifier": [{"use": "official", "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "value": "1"}],
        "name": [{"family": "Example", "given": ["Ann"]}],
        "telecom": [{"system": "phone", "value": "555-0100"}, {"system": "email", "value": f"p{number}@mail.example"}],
        "birthDate": f"198{number}-02-03",
        "deceasedBoolean": False,
        "address": [{"use": "home", "line": ["1 Elm Street"], "postalCode": "80202"}],
    }


def encounter(number: int, day: str, client: str = "pat-1", **more: Any) -> Record:
    """A FHIR Encounter: of a day, midnight of the practice (in winter) told in UTC; without an end."""
    return {
        "resourceType": "Encounter",
        "id": f"enc-{number}",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-20T10:00:00+00:00"},
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{client}", "type": "Patient"},
        "period": {"start": f"{day}T07:00:00+00:00"},
        "reasonCode": [{"text": "follow up"}],
        **more,
    }


def performer(identity: str, role: str = "PPRF") -> Record:
    """A participant of an encounter."""
    system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    return {
        "type": [{"coding": [{"system": system, "code": role}]}],
        "individual": {"reference": f"Practitioner/{identity}", "type": "Practitioner"},
    }


def practitioner(number: int) -> Record:
    """A FHIR Practitioner."""
    return {
        "resourceType": "Practitioner",
        "id": f"doc-{number}",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-10T10:00:00+00:00"},
        "identifier": [{"system": NPI, "value": f"123456789{number}"}],
        "telecom": [{"system": "email", "value": f"d{number}@elm.example"}],
        "name": [{"family": "Doe", "given": ["Dee"]}],
    }


def corpus() -> dict[str, list[Record]]:
    """A small practice: doc-1 has no NPI and is known from the calendar only; doc-2 has one."""
    return {
        "facility": [facility(3), facility(4, "2"), facility(5, None)],
        "appointment": [
            appointment(1, "2026-01-12", ">"),
            appointment(2, "2026-01-13", "%"),
            appointment(3, "2026-01-14", "?"),
            appointment(4, "2026-01-15", "-", pc_catid="10", puuid="pat-2", pce_aid_uuid="doc-2", pc_facility="4"),
            appointment(5, "2026-01-16", "x"),
            appointment(6, "2026-01-16", "@", pc_startTime="23:30:00", pc_endTime="00:20:00"),
            appointment(7, "2026-01-16", "-", puuid=None, pc_catid="8", pc_title="Lunch"),
            appointment(8, "2026-01-19", "^"),
            appointment(9, "2026-01-20", "&"),
        ],
        "Patient": [patient(1), patient(2), patient(3)],
        "Encounter": [
            encounter(1, "2026-01-12"),
            encounter(2, "2026-01-13"),
            encounter(3, "2026-01-15", "pat-2", participant=[performer("doc-9", "REF"), performer("doc-2")]),
            encounter(4, "2026-01-16"),
        ],
        "Practitioner": [practitioner(2), practitioner(3)],
    }
