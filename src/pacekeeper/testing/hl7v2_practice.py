"""The synthetic practice as the HL7 v2 messages that its systems would have sent, in order.

Per client an A04; per appointment its S12, for one in seven a day too early and an S13 that corrects it, and what
became of it (S14 with `Complete`, S15, S17, S26); per encounter an A03 with both times; per PHQ-9 an R01.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pacekeeper.testing.hl7v2_messages import adt, oru, siu
from pacekeeper.testing.practice import Practice

Resource = Mapping[str, Any]
_RESCHEDULED_EVERY = 7
_BATCH = 500
#: Between booking and start, where the practice does not know it.
_USUAL_LEAD = timedelta(days=14)
#: Event and SCH-25 by what became of an appointment.
_ENDS = {
    "fulfilled": ("S14", "Complete"),
    "noshow": ("S26", "Noshow"),
    "cancelled": ("S15", "Cancelled"),
    "entered-in-error": ("S17", "Deleted"),
}


def practice_messages(practice: Practice) -> list[str]:
    """Every message, in the order in which they were sent; equal for equal practices."""
    dated = [*_clients(practice), *_appointments(practice), *_visits(practice), *_forms(practice)]
    dated.sort(key=lambda one: one[0])
    return [text.replace("|CONTROL|", f"|{n:07d}|", 1) for n, (_, text) in enumerate(dated, 1)]


def write_messages(practice: Practice, folder: Path) -> int:
    """Write the messages as batch files of at most 500; returns how many there are."""
    messages = practice_messages(practice)
    folder.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, len(messages), _BATCH), 1):
        part = messages[first : first + _BATCH]
        lines = ["FHS|^~\\&|DESK\rBHS|^~\\&|DESK\r", *part, f"BTS|{len(part)}\rFTS|1\r"]
        (folder / f"BATCH-{number:04d}.hl7").write_text("".join(lines), encoding="utf-8", newline="")
    return len(messages)


def _clients(practice: Practice) -> Iterator[tuple[datetime, str]]:
    for patient in practice.resources["Patient"]:
        at = datetime.fromisoformat(patient["meta"]["lastUpdated"])
        born = patient.get("birthDate", "").replace("-", "")
        yield at, adt("A04", client=patient["id"], more={7: born}, sent=_ts(at), control="CONTROL")


def _appointments(practice: Practice) -> Iterator[tuple[datetime, str]]:
    visits = _visit_by_appointment(practice)
    seen = set()
    for position, found in enumerate(practice.resources["Appointment"]):
        if found["id"] in seen:  # the practice holds a row twice on purpose
            continue
        seen.add(found["id"])
        start, end = (datetime.fromisoformat(found[name]) for name in ("start", "end"))
        booked = datetime.fromisoformat(found["created"]) if "created" in found else start - _USUAL_LEAD
        actors = [participant["actor"]["reference"].partition("/") for participant in found["participant"]]
        clients = [identity for kind, _, identity in actors if kind == "Patient"]
        clinicians = [identity for kind, _, identity in actors if kind == "Practitioner"]

        def sent(
            event: str,
            at: datetime,
            status: str,
            early: timedelta = timedelta(),
            *,
            reason: str = "",
            # What the loop's names hold now.
            of: Resource = found,
            times: tuple[datetime, datetime] = (start, end),
            who: tuple[list[str], list[str]] = (clients, clinicians),
        ) -> tuple[datetime, str]:
            text = siu(
                event,
                appointment=of["id"],
                start=_ts(times[0] - early),
                end=_ts(times[1] - early),
                status=status,
                clients=who[0],
                clinicians=who[1],
                reason=reason,
                kind=_modality(of),
                service=of["serviceType"][0]["coding"][0]["code"],
                visit=visits.get(of["id"], ""),
                sent=_ts(at),
                control="CONTROL",
            )
            return at, text

        is_moved = position % _RESCHEDULED_EVERY == 3
        yield sent("S12", booked, "Booked", timedelta(days=1 if is_moved else 0))
        if is_moved:
            yield sent("S13", booked + timedelta(minutes=30), "Booked")
        if found["status"] in _ENDS:
            event, status = _ENDS[found["status"]]
            ended = max(_ended(found), booked + timedelta(hours=1))
            yield sent(event, ended, status, reason=_reason(found))


def _visits(practice: Practice) -> Iterator[tuple[datetime, str]]:
    encounters = {found["id"]: found for found in practice.resources["Encounter"]}
    wholes = {found["partOf"]["reference"].partition("/")[2] for found in encounters.values() if "partOf" in found}
    for identity, found in encounters.items():
        if identity in wholes or "subject" not in found or found["status"] != "finished":
            continue
        whole = encounters.get(found.get("partOf", {}).get("reference", "").partition("/")[2], found)
        period, participants = found["period"], whole.get("participant", ())
        if "end" not in period:
            continue
        start, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
        text = adt(
            "A03",
            client=_identity(found["subject"]),
            visit=identity,
            clinician=_identity(participants[0]["individual"]) if participants else "",
            service=found["type"][0]["coding"][0]["code"],
            admitted=_ts(start),
            discharged=_ts(end),
            sent=_ts(end),
            control="CONTROL",
        )
        yield end, text


def _forms(practice: Practice) -> Iterator[tuple[datetime, str]]:
    answers: dict[str, dict[str, str]] = {}
    panels: dict[str, Resource] = {}
    for found in practice.resources["Observation"]:
        form = found["id"].rpartition("-")[0]
        value = next((found[name] for name in ("valueInteger", "valueQuantity") if name in found), None)
        panels.setdefault(form, found)
        if value is None:
            continue
        number = value["value"] if isinstance(value, Mapping) else value
        answers.setdefault(form, {})[found["code"]["coding"][0]["code"]] = str(number)
    for form, values in answers.items():
        panel = panels[form]
        at = datetime.fromisoformat(panel["effectiveDateTime"])
        client = _identity(panel["subject"])
        yield at, oru(values, order=form, client=client, taken=_ts(at), sent=_ts(at), control="CONTROL")


def _visit_by_appointment(practice: Practice) -> dict[str, str]:
    return {
        _identity(found["appointment"][0]): found["id"]
        for found in practice.resources["Encounter"]
        if found.get("appointment")
    }


def _ended(appointment: Resource) -> datetime:
    dates = [e["valueDateTime"] for e in appointment.get("extension", ()) if "valueDateTime" in e]
    return datetime.fromisoformat(dates[0] if dates else appointment["meta"]["lastUpdated"])


def _reason(appointment: Resource) -> str:
    code: str = appointment.get("cancelationReason", {}).get("coding", [{"code": ""}])[0]["code"]
    return code.partition("-")[0] if code.startswith("pat") else code


def _modality(appointment: Resource) -> str:
    codes = [e["valueCode"] for e in appointment.get("extension", ()) if e["url"] == "urn:pacekeeper:modality"]
    return codes[0] if codes else ""


def _identity(reference: Resource) -> str:
    identity: str = reference["reference"].partition("/")[2]
    return identity


def _ts(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S%z")
