"""Clients and their open cases, with turnover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from pacekeeper.testing import _resources as fhir
from pacekeeper.testing._calendar import Calendar, quarter_of
from pacekeeper.testing._diary import Closed, Diary, Opened
from pacekeeper.testing._roster import Person

_FIRST = ("Alma", "Bruno", "Carla", "Dean", "Elsa", "Fred", "Greta", "Hank", "Iris", "Jonas", "Kim", "Lena", "Milo")
_LAST = ("Marsh", "Norwood", "Oakes", "Pell", "Quill", "Rowan", "Stroud", "Thorne", "Upton", "Vale", "Weir", "Yates")
#: How ten cases in a row end: in most quarters one is broken off, in the quarter of the plant four are.
_ENDINGS = (
    "planned_complete",
    "mutual",
    "client_unilateral",
    "planned_complete",
    "planned_complete",
    "mutual",
    "planned_complete",
    "moved",
    "mutual",
    "referred_out",
)
_BROKEN_OFF = frozenset({0, 2, 4, 8})
_SERVICE_LINES = {"prescriber": "medication", "tester": "testing", "peer": "peer-support"}
_TRAJECTORIES = (-1.1, -1.1, -0.9, 0.0, 0.0, 0.7)


@dataclass
class Client:
    """One person in care. scores: null where no PHQ-9 is taken; the next total and its change per form.

    anxiety: GAD-7 total at first; null where another system asks. asked_every: sessions from one form to the next.
    """

    id: str
    episode: str
    score: float | None = None
    slope: float = 0.0
    forms_due_in: int = 0
    says_item_nine: bool = False
    anxiety: int | None = None
    asked_every: int = 1
    sessions: int = 0


@dataclass
class Case:
    """What takes one slot: a client, or a couple.

    account: the Practitioner id that sees them; stays: never closed, as a group's members.
    """

    clients: tuple[Client, ...]
    account: str
    modality: str
    recurring: bool
    session_type: str = "individual"
    met: bool = True
    stays: bool = False


@dataclass
class Caseload:
    """The open cases of one clinician, seen in rotation, so each is seen within len(cases) bookings."""

    person: Person
    calendar: Calendar
    out: fhir.Resources
    diary: Diary = field(default_factory=Diary)
    cases: list[Case] = field(default_factory=list)
    _turn: int = 0
    _made: int = 0

    def open_panel(self, size: int) -> None:
        """Fill up to `size` open cases, opened one to forty weeks before the window."""
        while len(self.cases) < size:
            days = self.person.rng.randint(5, 280)
            couple = len(self.cases) < self.person.kind.couples
            opened = self.calendar.mondays[0] - timedelta(days=days)
            self.cases.append(self.make_case(max(opened, self.person.started), couple=couple))

    def grow(self, size: int, monday: date) -> None:
        """Add new cases, each to begin with an intake."""
        while len(self.cases) < size:
            self.cases.append(self._newcomer(monday))

    def take(self, count: int) -> list[Case]:
        """Whoever has not been seen yet, and the next cases in rotation, `count` together."""
        taken = [case for case in self.cases if not case.met][:count]
        new = len(taken)
        while self.cases and len(taken) < count:
            case = self.cases[self._turn % len(self.cases)]
            self._turn += 1
            if case.met or new == len(self.cases):
                taken.append(case)
        return taken

    def replace_one(self, monday: date, *, anew: bool = True) -> None:
        """Close one case in the week's middle, and open one in its place as the week begins, unless not anew."""
        may_end = [n for n, case in enumerate(self.cases) if len(case.clients) == 1 and case.met and not case.stays]
        if not may_end:
            return
        place = self.person.rng.choice(may_end)
        case = self.cases[place]
        closed = "deceased" if self.person.rng.random() < 0.02 else self._ending(monday)
        self.close(case, monday + timedelta(days=2), closed)
        if anew:
            self.cases[place] = self._newcomer(monday)
        else:
            self.cases.pop(place)

    def _newcomer(self, monday: date) -> Case:
        case = self.make_case(monday)
        case.met = False
        self.diary.opened += [Opened(self.person.index, client.id, monday) for client in case.clients]
        return case

    def _ending(self, monday: date) -> str:
        """How the next case ends, in turn, so that the share of those broken off is known."""
        quarter = quarter_of(monday)
        turn = self.diary.ends[quarter] = self.diary.ends.get(quarter, -1) + 1
        if quarter == self.calendar.last_quarter and turn % len(_ENDINGS) in _BROKEN_OFF:
            return "client_unilateral"
        return _ENDINGS[turn % len(_ENDINGS)]

    def close(self, case: Case, on: date, why: str) -> None:
        """End the episodes of a case."""
        for client in case.clients:
            if why == "deceased":
                self.out.by_id["Patient", client.id]["deceasedBoolean"] = True
            self.diary.closed.append(Closed(self.person.index, client.id, on, why))
            episode = self.out.by_id["EpisodeOfCare", client.episode]
            # A case opened in the very week it closes ends on the day it began.
            end = max(on.isoformat(), episode["period"]["start"])
            episode["status"] = "finished"
            episode["period"]["end"] = end
            episode["extension"] = [{"url": fhir.CLOSURE_URL, "valueCode": why}]
            episode["meta"]["lastUpdated"] = f"{end}T22:00:00Z"

    def make_case(self, opened: date, *, couple: bool = False, group: bool = False) -> Case:
        """A new case with its Patient and EpisodeOfCare resources."""
        rng, person = self.person.rng, self.person
        account = person.accounts[self._made % len(person.accounts)]
        clients = tuple(self._client(opened, account, group=group) for _ in range(2 if couple else 1))
        draw = rng.random()
        modality = "video" if draw < 0.3 else "audio" if draw < 0.35 else "home" if draw < 0.37 else "in_person"
        kind = {"tester": "testing", "prescriber": "medication"}.get(person.kind.role, "individual")
        if couple:
            kind = "couple"
        elif kind == "individual" and rng.random() < 0.03:
            kind = "family"
        return Case(clients, account, modality, recurring=rng.random() < 0.6, session_type=kind)

    def _client(self, opened: date, account: str, *, group: bool) -> Client:
        rng, person = self.person.rng, self.person
        number = f"{person.index:04d}-{self._made:04d}"
        self._made += 1
        client = Client(f"pt-{number}", f"ep-{number}")
        measured = not self.person.plant.weeks_of("few_forms")
        if rng.random() < 0.5 and not group and measured and person.kind.role in {"therapist", "intern", "supervisor"}:
            client.score = float(rng.randint(7, 20))
            client.slope = rng.choice(_TRAJECTORIES)
            client.forms_due_in = rng.randint(0, 3)
            client.says_item_nine = rng.random() < 0.03
        if group or client.score is not None or self._made % 12 != 5:
            client.anxiety = 6 + self._made * 7 % 9
            client.asked_every = 1 if measured else 2
        birth = date(rng.randint(1942, 2008), rng.randint(1, 12), rng.randint(1, 28))
        self.out.add(
            fhir.patient(
                client.id,
                first=_FIRST[rng.randrange(len(_FIRST))],
                last=_LAST[rng.randrange(len(_LAST))],
                birth_date=None if rng.random() < 0.01 else birth.isoformat(),
                postal_code=("802" if person.kind.west else "100") + f"{rng.randint(0, 99):02d}",
                updated=f"{opened.isoformat()}T15:00:00Z",
            )
        )
        line = "group" if group else _SERVICE_LINES.get(person.kind.role, "outpatient")
        self.out.add(
            fhir.episode(
                client.episode,
                patient=client.id,
                practitioner=account,
                service_line=line,
                opened=opened.isoformat(),
                updated=f"{opened.isoformat()}T15:30:00Z",
            )
        )
        return client


def session_types(cases: Sequence[Case]) -> list[str]:
    """What each case's next session is: an intake for a case never met."""
    return [case.session_type if case.met else "intake" for case in cases]
