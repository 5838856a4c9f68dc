"""Synthetic records of a GNU Health, as its simulator takes them; every id and name is invented. Instants are UTC."""

from __future__ import annotations

from typing import Any

DENVER = "America/Denver"
MADE = "2026-01-05 10:00:00"
#: The documentation example of an NPI, with its check digit.
NPI = "1234567893"
Record = dict[str, Any]


def institution(number: int, kind: str = "clinic") -> Record:
    return {"id": number, "party": number, "code": f"I{number}", "institution_type": kind, "public_level": "private"}


def person(number: int, born: str, **more: Any) -> Record:
    """A party.party behind a patient or a professional. An e-mail address that is not there is an empty text."""
    return {
        "id": number,
        "name": "Ann",
        "lastname": "Example",
        "dob": born,
        "deceased": False,
        "email": "",
        "federation_account": f"USAABC{number:03}DEF",
        "create_date": MADE,
        "write_date": None,
        "contact_mechanisms": [],
        **more,
    }


def professional(number: int, specialty: str | None = "PSYCHO", **more: Any) -> Record:
    of = {"id": number, "specialty": {"id": number, "code": specialty}}
    return {
        "id": number,
        "party": person(100 + number, "1970-01-02"),
        "institution": 1,
        "code": f"L{number}",
        "active": True,
        "main_specialty": of if specialty else None,
        "create_date": MADE,
        "write_date": None,
        **more,
    }


def patient(number: int, **more: Any) -> Record:
    return {
        "id": number,
        "party": person(200 + number, f"198{number}-02-03", email=f"p{number}@mail.example"),
        "puid": f"PUI{number:03}XYZ",
        "active": True,
        "create_date": MADE,
        "write_date": None,
        **more,
    }


def appointment(number: int, starts: str, state: str | None, **more: Any) -> Record:
    return {
        "id": number,
        "name": f"APP 2026/{number}",
        "patient": 1,
        "healthprof": 1,
        "institution": 1,
        "appointment_date": starts,
        "state": state,
        "urgency": "a",
        "appointment_type": "outpatient",
        "visit_type": "new",
        "consultations": None,
        "comments": "running late",
        "create_date": MADE,
        "write_date": None,
        **more,
    }


def evaluation(number: int, starts: str, ends: str | None, state: str | None = "done", **more: Any) -> Record:
    return {
        "id": number,
        "patient": 1,
        "appointment": None,
        "healthprof": 1,
        "signed_by": None,
        "institution": 1,
        "evaluation_start": starts,
        "evaluation_endtime": ends,
        "state": state,
        "evaluation_type": "outpatient",
        "visit_type": None,
        "urgency": None,
        "chief_complaint": "low mood",
        "create_date": MADE,
        "write_date": None,
        **more,
    }


def corpus() -> dict[str, list[Record]]:
    """A small practice. Patient 3 and professional 3 are no longer active; appointment 7 is a free slot."""
    visit = {"id": 4, "code": "VISIT45"}
    return {
        "institution": [institution(1), institution(2, "hospice"), institution(3, "doctor_office")],
        "professional": [
            professional(1, code=NPI),
            professional(2, "PSYCHIATRY", party=person(102, "1971-01-02", email="d2@elm.example"), institution=2),
            professional(3, None, active=False, institution=None),
        ],
        "patient": [
            patient(1),
            patient(2, party=person(202, "1982-02-03", deceased=True, write_date="2026-01-21 08:00:00")),
            patient(3, active=False),
        ],
        "appointment": [
            appointment(1, "2026-01-12T16:00:00", "done", consultations=visit, write_date="2026-01-12T17:00:00"),
            appointment(2, "2026-01-13T16:00:00", "user_cancelled", write_date="2026-01-13T08:00:00"),
            appointment(3, "2026-01-14T16:00:00", "no_show"),
            appointment(
                4, "2026-01-15T16:00:00", "confirmed", patient=2, healthprof=2, appointment_type="telemedicine"
            ),
            appointment(5, "2026-01-16T16:00:00", "center_cancelled", institution=2),
            appointment(6, "2026-01-17T06:30:00", "checked_in", appointment_type="homecare"),
            appointment(7, "2026-01-19T16:00:00", "free", patient=None),
            appointment(8, "2026-01-20T16:00:00", "confirmed", healthprof=None),
            appointment(9, "2026-01-21T16:00:00", "waiting_room"),
        ],
        "evaluation": [
            evaluation(1, "2026-01-12T16:05:00", "2026-01-12T16:55:00", appointment=1, visit_type="new", signed_by=2),
            evaluation(2, "2026-01-14T16:00:00", "2026-01-14T16:10:00", appointment=3),
            evaluation(3, "2026-01-15T16:00:00", None, "in_progress", appointment=4, patient=2),
            evaluation(
                4, "2026-01-16T20:00:00", "2026-01-16T20:30:00", "signed", urgency="c", evaluation_type="telemedicine"
            ),
            evaluation(5, "2026-01-17T06:30:00", "2026-01-17T07:20:00", appointment=6, healthprof=None, urgency="b"),
        ],
    }
