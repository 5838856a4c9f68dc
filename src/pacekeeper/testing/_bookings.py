"""Turns week plans into appointments and sessions: who is booked when, who comes, who does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from pacekeeper.testing import _gad7, _phq9
from pacekeeper.testing import _resources as fhir
from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._clients import Case, Caseload, Client
from pacekeeper.testing._diary import Held, Seat
from pacekeeper.testing._hours import WeekPlan
from pacekeeper.testing._roster import Person

_LATE_REASONS = ("pat-crs", "pat-cpp", "pat-lt")
#: Longer sessions are taken for mistakes.
_LONGEST = 480
_EARLY_REASONS = ("pat-cpp", "pat-fb", "pat-swl", "pat-cpp")


@dataclass(frozen=True, slots=True)
class Booking:
    """One slot taken. outcome: kept, no_show, late, early, by_clinician, or booked (still to come)."""

    start: int
    slot: int
    outcome: str
    minutes: int = 0


@dataclass
class Desk:
    """Books one clinician's weeks. busy: epoch minutes of the starts of slots that were used."""

    person: Person
    calendar: Calendar
    caseload: Caseload
    out: fhir.Resources
    busy: set[int] = field(default_factory=set)
    _run: Case | None = None
    _run_left: int = 0
    _numbers: count[int] = field(default_factory=count)

    def book_week(self, week: int, plan: WeekPlan, *, group_slots: frozenset[tuple[int, int]]) -> None:
        """Appointments and sessions of a week that has ended."""
        rng, person = self.person.rng, self.person
        slots = [slot for slot in plan.open_slots if slot not in group_slots]
        rng.shuffle(slots)
        outcomes = ["kept"] * len(plan.sessions) + ["no_show"] * plan.no_shows
        if slots and rng.random() < 0.6:
            outcomes.append("late")
        outcomes += ["late"] * plan.late_cancels
        outcomes += ["early"] * (rng.randint(0, 2) if slots else 0)
        if slots and rng.random() < 0.3:
            outcomes.append("by_clinician")
        # More bookings than slots: a slot given up or missed was booked twice, never one that was kept twice.
        lengths = iter(plan.sessions)
        bookings = []
        for number, outcome in enumerate(outcomes):
            if not slots:
                break
            weekday, minute = slots[number % len(slots)]
            start = person.clock.at(self.calendar.day(week, weekday), minute)
            kept = next(lengths) if outcome == "kept" else 0
            bookings.append(Booking(start, person.kind.unit, outcome, kept))
        bookings.sort(key=lambda booking: (booking.start, booking.outcome))
        self.busy.update(booking.start for booking in bookings if booking.outcome in {"kept", "no_show"})
        for booking, case in zip(bookings, self._cases_for(bookings), strict=False):
            self._add(booking, case)

    def book_ahead(self, week: int, plan: WeekPlan) -> None:
        """Appointments after the last week, booked already for about two thirds of the slots."""
        slots = [slot for slot in plan.open_slots if self.person.rng.random() < 0.65]
        for (weekday, minute), case in zip(slots, self.caseload.take(len(slots)), strict=False):
            start = self.person.clock.at(self.calendar.day(week, weekday), minute)
            self._add(Booking(start, self.person.kind.unit, "booked"), case)

    def crisis(self, start: int, minutes: int) -> None:
        """An unscheduled session on call, without appointment."""
        case = next((case for case in self.caseload.cases if case.met), self.caseload.cases[0])
        self.session(start, minutes, case.clients[:1], session_type="crisis", modality="audio", account=case.account)

    def _cases_for(self, bookings: list[Booking]) -> list[Case]:
        """Cases in rotation; a no-show is never a couple's, and goes to the client whose run is planned."""
        cases = self.caseload.take(len(bookings))
        missed = [n for n, booking in enumerate(bookings) if booking.outcome == "no_show"]
        if self._run_left == 0 and cases and self.person.rng.random() < 0.15:
            self._run, self._run_left = cases[-1], 2
        for place in missed:
            wanted = next((n for n, case in enumerate(cases) if case is self._run and self._run_left), None)
            if wanted is not None and bookings[wanted].outcome != "no_show":
                cases[place], cases[wanted] = cases[wanted], cases[place]
                self._run_left -= 1
            if len(cases[place].clients) > 1:
                single = next((n for n, case in enumerate(cases) if len(case.clients) == 1 and n not in missed), None)
                if single is not None:
                    cases[place], cases[single] = cases[single], cases[place]
        return cases

    def _add(self, booking: Booking, case: Case) -> None:
        rng = self.person.rng
        service = "intake" if not case.met else case.session_type
        lead = rng.randint(21, 70) if case.recurring and case.met else rng.randint(4, 20)
        created: int | None = booking.start - lead * 1440
        via = "recurring" if case.recurring and case.met else rng.choice(("staff", "self"))
        if booking.outcome == "booked":
            created = min(booking.start - lead * 1440, self.calendar.as_of - rng.randint(60, 9000))
        elif rng.random() < 0.01:
            created, via = None, "import"
        seats = [
            self.appointment(booking, client, case, service=service, created=created, via=via)
            for client in case.clients
        ]
        if booking.outcome != "kept":
            return
        case.met = True
        self.session(
            booking.start + (rng.randint(0, 2) if booking.minutes + 2 <= booking.slot else 0),
            booking.minutes,
            case.clients,
            session_type=service,
            modality=case.modality,
            account=case.account,
            appointments=seats,
        )

    def appointment(
        self,
        booking: Booking,
        client: Client,
        case: Case,
        *,
        service: str,
        created: int | None,
        via: str,
        status: str | None = None,
    ) -> str:
        """Add one client's seat; returns its id."""
        text = self.person.clock.text
        identity = f"ap-{self.person.index:04d}-{next(self._numbers):05d}"
        found, reason, cancelled, updated = self._outcome(booking, created)
        if status is None:
            self.caseload.diary.seats.append(
                Seat(
                    self.person.index,
                    case.account,
                    identity,
                    client.id,
                    booking.start,
                    created,
                    cancelled,
                    booking.outcome,
                )
            )
        self.out.by_type["Appointment"].append(
            fhir.appointment(
                identity,
                status=status or found,
                start=text(booking.start),
                end=text(booking.start + booking.slot),
                created=None if created is None else text(created),
                updated=text(min(updated, self.calendar.as_of - 1)),
                client=client.id,
                episode=client.episode,
                practitioner=case.account,
                location=place_of(case.modality, self.person) or self.person.location,
                service=service,
                modality=case.modality,
                via=via,
                reason=reason,
                cancelled_at=None if cancelled is None else text(cancelled),
            )
        )
        return identity

    def _outcome(self, booking: Booking, created: int | None) -> tuple[str, str | None, int | None, int]:
        """FHIR status, cancel reason, instant of cancelling and of the last change (both epoch minutes)."""
        rng, start = self.person.rng, booking.start
        end = start + booking.slot
        # A cancel is never before the booking: leads are at least four days, notice at most three.
        match booking.outcome:
            case "kept":
                return "fulfilled", None, None, end + rng.randint(5, 1500)
            case "no_show" if rng.random() < 0.1:
                cancelled = start + rng.randint(3, 25)
                return "cancelled", "pat-crs", cancelled, cancelled
            case "no_show":
                return "noshow", None, None, end + rng.randint(1, 600)
            case "late":
                cancelled = start - rng.randint(90, 1320)
                return "cancelled", rng.choice(_LATE_REASONS), cancelled, cancelled
            case "early":
                cancelled = start - rng.randint(1800, 4300)
                known = rng.random() >= 0.04
                return "cancelled", rng.choice(_EARLY_REASONS), cancelled if known else None, cancelled
            case "by_clinician":
                cancelled = start - rng.randint(300, 4300)
                return "cancelled", "prov-pers", cancelled, cancelled
            case "closure":
                return "cancelled", "oth-weath", start - 120, start - 120
            case _:
                return "booked", None, None, created if created is not None else start - 10_080

    def session(
        self,
        start: int,
        minutes: int,
        clients: tuple[Client, ...],
        *,
        session_type: str,
        modality: str,
        account: str,
        second: str = "",
        appointments: list[str] | None = None,
        status: str = "finished",
    ) -> str:
        """Add a session: one Encounter, or a parent with one child per client present where it is shared."""
        person = self.person
        identity = f"en-{person.index:04d}-{next(self._numbers):05d}"
        begin, end = person.clock.text(start), person.clock.text(start + minutes)
        changed = min(start + minutes + person.rng.randint(5, 2000), self.calendar.as_of - 1)
        updated = person.clock.text(changed)
        shared = len(clients) > 1 or session_type == "group"
        seats = appointments or [""] * len(clients)
        place = place_of(modality, person)
        one = None if shared else clients[0]
        add = self.out.by_type["Encounter"].append
        add(
            fhir.encounter(
                identity,
                session_type=session_type,
                modality=modality,
                start=begin,
                end=end,
                updated=updated,
                practitioner=account,
                second=second,
                location=place,
                client=one.id if one else "",
                episode=one.episode if one else "",
                appointment=seats[0] if one else "",
                status=status,
            )
        )
        for number, (client, seat) in enumerate(zip(clients, seats, strict=True)) if shared else ():
            add(
                fhir.encounter(
                    f"{identity}-{number}",
                    session_type=session_type,
                    modality=modality,
                    start=begin,
                    end=end,
                    updated=updated,
                    client=client.id,
                    episode=client.episode,
                    appointment=seat,
                    location=place,
                    part_of=identity,
                )
            )
        if status != "entered-in-error":
            there = tuple(client.id for client in clients)
            diary = self.caseload.diary
            took_place = status == "finished" and 0 < minutes <= _LONGEST
            for one_account in (account, second) if second else (account,):
                (diary.held if took_place else diary.doubtful).append(
                    Held(_index_of(one_account), one_account, start, minutes, identity, there, session_type)
                )
        for number, client in enumerate(clients if session_type not in {"crisis", "group"} else ()):
            _gad7.add_total(
                self.out, client, encounter=f"{identity}-{number}" if shared else identity, at=begin, updated=updated
            )
        if one and one.score is not None and session_type != "crisis":
            _phq9.add_form(
                self.out,
                person.rng,
                one,
                identity=f"ob{identity[2:]}",
                encounter=identity,
                at=begin,
                updated=updated,
            )
        return identity


def _index_of(account: str) -> int:
    """The clinician's number, which their accounts are named after."""
    return int(account[3:-1])


def place_of(modality: str, person: Person) -> str:
    """Location id of a session; empty for one at the client's home."""
    if modality == "home":
        return ""
    return "loc-telehealth" if modality in {"video", "audio"} else person.location
