"""From FHIR R4 resources, as a server sends them, to the oracle's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.oracle.people import Account, People
from tests.oracle.rows import Appointment, Assignment, Block, Practice, Session, TemplateHours
from tests.oracle.source_values import (
    UnreadableError,
    check_session_length,
    day,
    instant,
    needed,
    needed_day,
)

Resource = dict[str, Any]  # JSON as it came
Resources = Mapping[str, Sequence[Resource]]

NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"
TIMEZONE_URL = "http://hl7.org/fhir/StructureDefinition/timezone"
CANCELLED_AT_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.cancellationDate"

APPOINTMENT_STATUS = {
    "proposed": "booked",
    "pending": "booked",
    "booked": "booked",
    "arrived": "booked",
    "checked-in": "booked",
    "waitlist": "booked",
    "fulfilled": "kept",
    "noshow": "no_show",
    "cancelled": "cancelled",
    "entered-in-error": "entered_in_error",
}
CANCELLED_BY = {
    "pat": "client",
    "prov": "clinician",
    "maint": "system",
    "meds": "other",
    "oth": "other",
    "other": "other",
}
RESCHEDULED = "rescheduled"
ENCOUNTER_STATUS = {
    "planned": "voided",
    "cancelled": "voided",
    "entered-in-error": "voided",
    "finished": "completed",
}
SESSION_TYPES = frozenset(
    ["intake", "individual", "couple", "family", "group", "crisis", "testing", "medication", "consult", "iop"]
)
COUNTING_ROLES = frozenset({None, "PPRF", "SPRF"})
OFFERED_SLOTS = frozenset({"free", "busy", "busy-tentative"})
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ENDED_BEFORE_IT_BEGAN = frozenset({"cancelled", "entered-in-error"})


def read_fhir(resources: Resources, people: People, practice: Practice) -> None:
    """Adds everything the resources say to the practice; rows it cannot use are counted in `rejected`."""
    reader = _Reader(resources, people, practice)
    reader.zones()
    reader.each("PractitionerRole", reader.template)
    reader.each("EpisodeOfCare", reader.assignment)
    reader.each("Slot", reader.slot)
    reader.each("Appointment", reader.appointment)
    reader.sessions()


def accounts(resources: Resources) -> Iterator[tuple[Account, str | None, str | None]]:
    """(account, NPI, e-mail) of each practitioner."""
    for resource in current(resources.get("Practitioner", ())):
        npi = next((i.get("value") for i in _list(resource, "identifier") if i.get("system") == NPI_SYSTEM), None)
        mails = [t.get("value", "") for t in _list(resource, "telecom") if t.get("system") == "email"] or [None]
        for mail in mails:
            yield ("ehr", resource["id"]), npi and npi.strip(), mail and mail.strip().lower()


def current(resources: Sequence[Resource]) -> list[Resource]:
    """One resource per id: of several, the one changed last, of equally old ones the one sent last."""
    latest: dict[str, Resource] = {}
    for resource in resources:
        key = resource.get("id")
        if not key:
            continue
        known = latest.get(key)
        if known is None or _changed_at(resource) >= _changed_at(known):
            latest[key] = resource
    return list(latest.values())


def _changed_at(resource: Resource) -> float:
    text = (resource.get("meta") or {}).get("lastUpdated")
    try:
        found = instant(text)
    except UnreadableError:
        found = None
    return found.timestamp() if found else 0.0


class _Reader:
    def __init__(self, resources: Resources, people: People, practice: Practice) -> None:
        self._resources = resources
        self._people = people
        self._practice = practice
        self._location_zone = {
            r["id"]: _extension(r, TIMEZONE_URL, "valueCode") for r in current(resources.get("Location", ()))
        }
        self._schedule_actor = {
            r["id"]: next((found for a in _list(r, "actor") if (found := _target(a, "Practitioner"))), None)
            for r in current(resources.get("Schedule", ()))
        }
        self._appointment = {r["id"]: r for r in current(resources.get("Appointment", ()))}

    def each(self, kind: str, read: Callable[[Resource], None]) -> None:
        for resource in current(self._resources.get(kind, ())):
            try:
                read(resource)
            except UnreadableError as refused:
                self._practice.rejected[kind, str(refused)] += 1

    def _person(self, practitioner_id: str | None) -> str:
        if practitioner_id is None:
            raise UnreadableError("missing_required")
        return self._people.name(("ehr", practitioner_id))

    def zones(self) -> None:
        """The zone of a clinician's first role that names a place with a zone."""
        for role in sorted(current(self._resources.get("PractitionerRole", ())), key=lambda r: str(r["id"])):
            practitioner = _target(role.get("practitioner"), "Practitioner")
            place = next((found for x in _list(role, "location") if (found := _target(x, "Location"))), None)
            zone = self._location_zone.get(place) if place else None
            if practitioner and zone:
                self._practice.zones.setdefault(self._person(practitioner), zone)

    def template(self, role: Resource) -> None:
        person = self._person(_target(role.get("practitioner"), "Practitioner"))
        for hours in _list(role, "availableTime"):
            start, end = _minute(hours.get("availableStartTime")), _minute(hours.get("availableEndTime"))
            for name in hours.get("daysOfWeek", ()):
                self._practice.template.append(TemplateHours(person, WEEKDAYS.index(name) + 1, start, end))

    def assignment(self, episode: Resource) -> None:
        """The care manager's from the first to the last day; what never began is nobody's."""
        if episode.get("status") in ENDED_BEFORE_IT_BEGAN:
            return
        manager = _target(episode.get("careManager"), "Practitioner")
        if manager is None:
            return
        client = _target(episode.get("patient"), "Patient")
        period = episode.get("period") or {}
        start, end = needed_day(day(period.get("start"))), day(period.get("end"))
        if client is None:
            raise UnreadableError("missing_required")
        self._practice.assignments.append(Assignment(self._person(manager), client, start, end))

    def slot(self, slot: Resource) -> None:
        start, end = needed(instant(slot.get("start"))), needed(instant(slot.get("end")))
        if end <= start:
            raise UnreadableError("block_length")
        if slot.get("status") in OFFERED_SLOTS:
            schedule = _target(slot.get("schedule"), "Schedule")
            person = self._person(self._schedule_actor.get(schedule or ""))
            self._practice.blocks.append(Block(person, start, end, "client_available", is_protected=False))

    def appointment(self, seat: Resource) -> None:
        actors = [p.get("actor") for p in _list(seat, "participant")]
        practitioner = next((found for a in actors if (found := _target(a, "Practitioner"))), None)
        client = next((found for a in actors if (found := _target(a, "Patient"))), None)
        reason = _first_code(seat.get("cancelationReason"))
        status = APPOINTMENT_STATUS.get(seat.get("status", ""), "unknown")
        if status == "cancelled" and reason == RESCHEDULED:
            status = RESCHEDULED
        cancelled_by = CANCELLED_BY.get(reason.split("-")[0], "unknown") if reason else None
        instant(seat.get("end"))
        self._practice.appointments.append(
            Appointment(
                key=seat["id"],
                person=self._person(practitioner),
                client=client,
                start=needed(instant(seat.get("start"))),
                booked_at=instant(seat.get("created")),
                status=status,
                cancelled_at=instant(_extension(seat, CANCELLED_AT_URL, "valueDateTime")),
                cancelled_by=cancelled_by if status == "cancelled" else None,
                is_group=_says_group(seat),
            )
        )

    def sessions(self) -> None:
        """Encounters that are part of another are attendance in it, not sessions of their own."""
        attending: dict[str, set[str]] = {}
        expected: dict[str, set[str]] = {}
        for encounter in current(self._resources.get("Encounter", ())):
            client = _target(encounter.get("subject"), "Patient")
            if not client:
                continue
            whole = _target(encounter.get("partOf"), "Encounter") or encounter["id"]
            expected.setdefault(whole, set()).add(client)
            if encounter.get("status") == "finished":
                attending.setdefault(whole, set()).add(client)

        def read(encounter: Resource) -> None:
            if not encounter.get("partOf"):
                key = encounter["id"]
                self._session(encounter, frozenset(attending.get(key, ())), frozenset(expected.get(key, ())))

        self.each("Encounter", read)

    def _session(self, encounter: Resource, clients: frozenset[str], expected: frozenset[str]) -> None:
        persons = set()
        named = 0
        for participant in _list(encounter, "participant"):
            practitioner = _target(participant.get("individual"), "Practitioner")
            role = next((c for t in _list(participant, "type") if (c := _first_code(t))), None)
            named += practitioner is not None
            if practitioner is not None and role in COUNTING_ROLES:
                persons.add(self._person(practitioner))
        if not named:
            raise UnreadableError("missing_required")
        start, end = self._times(encounter)
        check_session_length(start, end)
        session_type = next((c for t in _list(encounter, "type") if (c := _first_code(t))), "unknown")
        self._practice.sessions.append(
            Session(
                key=encounter["id"],
                persons=frozenset(persons),
                clients=clients,
                expected=expected,
                start=start,
                end=end,
                session_type=session_type if session_type in SESSION_TYPES else "unknown",
                status=ENCOUNTER_STATUS.get(encounter.get("status", ""), "unknown"),
            )
        )

    def _times(self, encounter: Resource) -> tuple[datetime, datetime]:
        """The encounter's own times; where one is missing, those of the appointment it belongs to."""
        period = encounter.get("period") or {}
        start, end = instant(period.get("start")), instant(period.get("end"))
        if start is None or end is None:
            booked = next((_target(a, "Appointment") for a in _list(encounter, "appointment")), None)
            planned = self._appointment.get(booked or "", {})
            planned_start, planned_end = instant(planned.get("start")), instant(planned.get("end"))
            if start is None:
                start, end = planned_start, planned_end
            elif planned_start is not None and planned_end is not None:
                end = start + (planned_end - planned_start)
        return needed(start), needed(end)


def _list(resource: Mapping[str, Any] | None, name: str) -> list[Any]:
    return list((resource or {}).get(name) or [])


def _target(reference: Mapping[str, Any] | None, kind: str) -> str | None:
    """The id a reference names, if it is of that kind; server address and version do not matter."""
    parts = str((reference or {}).get("reference") or "").split("/_history/")[0].split("/")
    return parts[-1] if len(parts) > 1 and parts[-2] == kind else None


def _first_code(concept: Mapping[str, Any] | None) -> str | None:
    return next((c["code"] for c in _list(concept, "coding") if c.get("code")), None)


def _extension(resource: Resource, url: str, value: str) -> str | None:
    return next((e.get(value) for e in _list(resource, "extension") if e.get("url") == url), None)


def _says_group(seat: Resource) -> bool:
    codes = [_first_code(s) for s in _list(seat, "serviceType")] + [_first_code(seat.get("appointmentType"))]
    return "group" in codes


def _minute(text: str | None) -> int:
    """Local minutes after midnight."""
    hour, minute, *_ = [*(text or "").split(":"), ""]
    if not (hour.isdigit() and minute.isdigit()):
        raise UnreadableError("bad_time")
    return int(timedelta(hours=int(hour), minutes=int(minute)).total_seconds() // 60)
