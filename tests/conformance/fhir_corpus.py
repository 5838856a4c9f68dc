"""A few FHIR resources that between them fill every column the FHIR connector declares."""

from __future__ import annotations

from typing import Any

from tests.conformance.fhir_resources import LOINC, R5, V2_0203, coded, extension, made, reference
from tests.conformance.fhir_work_corpus import work


def appointment(number: int, status: str, **fields: Any) -> dict[str, Any]:
    """At two o'clock in Denver, 50 minutes, on the n-th of January."""
    return made(
        "Appointment",
        f"a{number}",
        number,
        **{
            "status": status,
            "start": f"2026-01-{number:02d}T14:00:00-07:00",
            "end": f"2026-01-{number:02d}T14:50:00-07:00",
            "minutesDuration": 50,
            "created": "2025-12-01T09:00:00-07:00",
            "serviceType": [coded("individual")],
            "appointmentType": coded("ROUTINE"),
            "extension": [
                extension("urn:pacekeeper:modality", valueCode="video"),
                extension("urn:pacekeeper:booked-via", valueCode="staff"),
                extension(f"{R5}Appointment.class", valueCodeableConcept=coded("VR")),
            ],
            "supportingInformation": [reference("EpisodeOfCare/e1")],
            "participant": [
                {"actor": reference("Practitioner/d1"), "status": "accepted", "type": [coded("PPRF")]},
                {"actor": reference("Patient/p1"), "status": "accepted"},
                {"actor": reference("Location/l1"), "status": "accepted"},
                {"actor": reference("PractitionerRole/r1"), "status": "accepted"},
            ],
            **fields,
        },
    )


def encounter(number: int, status: str, **fields: Any) -> dict[str, Any]:
    return made(
        "Encounter",
        f"s{number}",
        number,
        **{
            "status": status,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"},
            "type": [coded("individual")],
            "subject": reference("Patient/p1"),
            "appointment": [reference(f"Appointment/a{number}")],
            "episodeOfCare": [reference("EpisodeOfCare/e1")],
            "location": [{"location": reference("Location/l1")}],
            "period": {"start": f"2026-01-{number:02d}T21:00:00Z"},
            "length": {"value": 50, "code": "min", "system": "http://unitsofmeasure.org"},
            "participant": [{"individual": reference("Practitioner/d1"), "type": [coded("PPRF")]}],
            **fields,
        },
    )


def corpus() -> dict[str, list[dict[str, Any]]]:
    """Resources by type."""
    zone = extension("http://hl7.org/fhir/StructureDefinition/timezone", valueCode="America/Denver")
    cancelled = extension(f"{R5}Appointment.cancellationDate", valueDateTime="2026-01-02T09:30:00-07:00")
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1000000004"}
    late = appointment(2, "cancelled", cancelationReason=coded("pat"))
    late["extension"].append(cancelled)
    available = {"daysOfWeek": ["mon"], "availableStartTime": "09:00:00", "availableEndTime": "17:00:00"}
    patient: dict[str, Any] = {
        "birthDate": "1980-05-05",
        "address": [{"postalCode": "80201"}],
        "identifier": [
            {"type": coded("MR", V2_0203), "system": "urn:birch:mrn", "value": "M1"},
            {"type": coded("MB", V2_0203), "system": "urn:birch:member", "value": "B1"},
        ],
    }
    staff = [{"actor": reference(f"Practitioner/d{n}"), "status": "accepted"} for n in (1, 2, 3, 1)]
    return {
        "Practitioner": [made("Practitioner", f"d{n}", active=n < 3, identifier=[npi]) for n in (1, 2, 3)],
        "PractitionerRole": [
            made(
                "PractitionerRole",
                "r1",
                active=True,
                practitioner=reference("Practitioner/d1"),
                code=[coded("therapist")],
                location=[reference("Location/l1")],
                period={"start": "2025-01-01", "end": "2027-01-01"},
                availableTime=[available, {"daysOfWeek": ["tue"], "allDay": True}],
            ),
            made("PractitionerRole", "r2", practitioner={"identifier": npi}, code=[coded("intern")]),
        ],
        "Location": [
            made(
                "Location",
                "l1",
                status="active",
                mode="instance",
                extension=[zone],
                physicalType=coded("bu"),
                type=[coded("HOSP")],
            ),
            made("Location", "l2", status="inactive", extension=[zone]),
        ],
        "Patient": [
            made("Patient", "p1", **patient, telecom=[{"system": "email", "value": "p1@birch.example"}]),
            made("Patient", "p4", **patient, link=[{"type": "replaced-by", "other": reference("Patient/p1")}]),
            made("Patient", "p2", **patient, deceasedBoolean=True),
            made("Patient", "p3", **{**patient, "birthDate": "1990-01-01"}, deceasedDateTime="2026-01-01"),
        ],
        "EpisodeOfCare": [
            made(
                "EpisodeOfCare",
                f"e{n}",
                status="finished",
                patient=reference("Patient/p1"),
                careManager=reference("Practitioner/d1" if n == 1 else "PractitionerRole/r1"),
                period={"start": "2025-12-01", "end": "2026-01-20"},
                type=[coded("outpatient")],
                extension=[extension("urn:pacekeeper:closure-type", valueCode="planned_complete")],
            )
            for n in (1, 2)
        ],
        "Schedule": [
            made(
                "Schedule",
                "c1",
                active=True,
                actor=[reference("Practitioner/d1"), reference("PractitionerRole/r1"), reference("Location/l1")],
            ),
            made("Schedule", "c2", active=False, actor=[reference("Practitioner/d2")]),
        ],
        "Slot": [
            made(
                "Slot",
                f"f{n}",
                schedule=reference("Schedule/c1"),
                status="free",
                start=f"2026-01-0{n}T09:00:00-07:00",
                end=f"2026-01-0{n}T10:00:00-07:00",
            )
            for n in (5, 6, 7)
        ],
        "Appointment": [
            appointment(1, "fulfilled"),
            late,
            appointment(3, "noshow"),
            appointment(4, "booked", participant=staff),
        ],
        "Encounter": [
            encounter(1, "finished"),
            encounter(2, "cancelled"),
            encounter(
                5,
                "finished",
                partOf=reference("Encounter/s1"),
                participant=[
                    {
                        "individual": reference("PractitionerRole/r1"),
                        "type": [coded("SPRF")],
                        "period": {"start": "2026-01-01T21:00:00Z", "end": "2026-01-01T21:50:00Z"},
                    }
                ],
                period={"start": "2026-01-01T21:00:00Z", "end": "2026-01-01T21:50:00Z"},
            ),
        ],
        "Observation": _phq9(),
        **work(),
    }


def _phq9() -> list[dict[str, Any]]:
    """A total with one item, and one administration each by other elements of the same resource."""
    common: dict[str, Any] = {"status": "final", "subject": reference("Patient/p1")}
    at: dict[str, Any] = {"effectiveDateTime": "2026-01-05T15:00:00-07:00"}
    total, first = coded("44261-6", LOINC), coded("44250-9", LOINC)
    of_total = [reference("Observation/o1")]
    answer = coded("LA6569-3", LOINC)
    period = {"start": "2026-01-06T15:00:00-07:00"}
    members = [reference("Observation/o4")]
    of_form = [reference("QuestionnaireResponse/q9")]
    return [
        made("Observation", "o1", **common, **at, code=total, valueInteger=1, encounter=reference("Encounter/s1")),
        made("Observation", "o2", **common, **at, code=first, valueCodeableConcept=answer, derivedFrom=of_total),
        made("Observation", "o3", **common, code=coded("44249-1", LOINC), effectivePeriod=period, hasMember=members),
        made("Observation", "o4", **common, code=total, effectivePeriod=period, valueQuantity={"value": 4}),
        made(
            "Observation",
            "o5",
            **common,
            code=total,
            issued="2026-01-07T15:00:00-07:00",
            valueString="7",
            performer=[reference("Patient/p1")],
            derivedFrom=of_form,
        ),
    ]
