"""What is wrong with the data on purpose, and how many times."""

from __future__ import annotations

import copy

from pacekeeper.testing import _resources as fhir
from pacekeeper.testing._bookings import Booking, Desk
from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._phq9 import ITEMS, TOTAL

UNKNOWN_STATUS = "vendor-hold"
UNKNOWN_REASON = "zz-legacy-7"
UNKNOWN_MODALITY = "hologram"
_SATURDAY = 5


def soil_desk(desk: Desk, calendar: Calendar) -> dict[str, int]:
    """Dirt of the one clinician whose verdicts it makes unknown; counts by kind."""
    person, case = desk.person, desk.caseload.cases[0]
    held, unsure, lengths = calendar.back(5), calendar.back(4), calendar.back(3)
    if held is None or unsure is None or lengths is None:
        return {}
    for hour in (10, 11, 12):
        start = person.clock.at(calendar.day(held, _SATURDAY), hour * 60)
        desk.appointment(
            Booking(start, 60, "booked"),
            case.clients[0],
            case,
            service="individual",
            created=start - 14 * 1440,
            via="staff",
            status=UNKNOWN_STATUS,
        )
    for week, hour, minutes, status in (
        (unsure, 9, 50, "unknown"),
        (lengths, 8, 0, "finished"),
        (lengths, 9, 600, "finished"),
        (lengths, 20, 50, "entered-in-error"),
    ):
        desk.session(
            person.clock.at(calendar.day(week, _SATURDAY), hour * 60),
            minutes,
            case.clients[:1],
            session_type="crisis",
            modality="in_person",
            account=case.account,
            status=status,
        )
    mine = [a for a in desk.out.by_type["Appointment"] if a["id"].startswith(f"ap-{person.index:04d}-")]
    cancelled = [a for a in mine if _reason(a) == "pat-cpp"][:4]
    for appointment in cancelled:
        appointment["cancelationReason"] = fhir.concept("urn:riverbend:cancel-reason", UNKNOWN_REASON)
    kept = [a for a in mine if a["status"] == "fulfilled"][:2]
    for appointment in kept:
        appointment["extension"][0]["valueCode"] = UNKNOWN_MODALITY
    return {
        "appointment_status_unmapped": 3,
        "cancel_reason_unmapped": len(cancelled),
        "modality_unmapped": len(kept),
        "session_status_unknown": 1,
        "session_zero_minutes": 1,
        "session_600_minutes": 1,
        "session_entered_in_error": 1,
    }


def soil_forms(out: fhir.Resources) -> dict[str, int]:
    """A PHQ-9 total of 18.42 (without items), and a total sent under an item's code; counts by kind."""
    observations = out.by_type["Observation"]
    totals = [o for o in observations if _code(o) == TOTAL]
    if len(totals) < 3:
        return {}
    near = totals[len(totals) // 2]
    odd = {**near, "id": f"{near['id']}-again", "valueQuantity": {"value": 18.42, "unit": "{score}"}}
    odd["effectiveDateTime"] = odd["meta"]["lastUpdated"]
    odd["meta"] = dict(near["meta"])
    odd.pop("valueInteger", None)
    odd.pop("dataAbsentReason", None)
    observations.append(odd)
    items = [o for o in observations if _code(o) == ITEMS[1]]
    items[len(items) // 4]["valueInteger"] = 14
    return {"phq9_total_not_whole": 1, "phq9_item_out_of_range": 1}


def repeat_row(out: fhir.Resources) -> dict[str, int]:
    """The first appointment once more at the end, as an exact copy; counts by kind."""
    appointments = out.by_type["Appointment"]
    if appointments:
        appointments.append(copy.deepcopy(appointments[0]))
    return {"appointment_duplicate": int(bool(appointments))}


def _reason(appointment: fhir.Resource) -> str | None:
    reason = appointment.get("cancelationReason")
    return str(reason["coding"][0]["code"]) if reason else None


def _code(observation: fhir.Resource) -> str:
    return str(observation["code"]["coding"][0]["code"])
