"""Builds the practice, clinician by clinician."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pacekeeper.testing import _resources as fhir
from pacekeeper.testing._availability import TEMPLATE, Block, add_slots, blocks
from pacekeeper.testing._bookings import Booking, Desk
from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._clients import Case, Caseload
from pacekeeper.testing._desk_time import desk_blocks, leave_before
from pacekeeper.testing._diary import Diary
from pacekeeper.testing._dirt import repeat_row, soil_desk, soil_forms
from pacekeeper.testing._groups import GROUP_MINUTES, GROUP_SLOTS, hold_group, in_group, make_members
from pacekeeper.testing._hours import WeekPlan, plan_week, tenure_month
from pacekeeper.testing._leave import DaysOff, plan_days_off
from pacekeeper.testing._roster import Person

WEEKS_AHEAD = 4
_RAMP_PANEL = {1: 12, 2: 20, 3: 26}


@dataclass
class Built:
    """Resources, calendar blocks, days off by clinician index, and counts of dirt."""

    out: fhir.Resources
    blocks: list[Block]
    days_off: Mapping[int, DaysOff]
    diary: Diary = field(default_factory=Diary)
    dirt: dict[str, int] = field(default_factory=dict)


def build(people: Sequence[Person], calendar: Calendar) -> Built:
    """Everything the practice's systems hold."""
    days_off = {person.index: plan_days_off(person, calendar) for person in people}
    built = Built(fhir.Resources(), [], days_off)
    _add_locations(built.out, calendar)
    leaders = {p.partner.index: p for p in people if p.partner is not None}
    for person in people:
        if person.accounts:
            leader = person if person.kind.group == "leads" else leaders.get(person.index)
            _Career(person, leader, calendar, built).live()
    built.dirt.update(soil_forms(built.out))
    built.dirt.update(repeat_row(built.out))
    return built


@contextmanager
def without_collection() -> Iterator[None]:
    """Garbage collection walks millions of live dictionaries for nothing here; it doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _add_locations(out: fhir.Resources, calendar: Calendar) -> None:
    updated = f"{calendar.mondays[0].isoformat()}T00:00:00Z"
    for identity, name, clock, physical in (
        ("loc-east", "Riverbend East", calendar.east, "bu"),
        ("loc-west", "Riverbend West", calendar.west, "bu"),
        ("loc-telehealth", "Riverbend Online", calendar.east, "vi"),
    ):
        out.add(fhir.location(identity, name=name, zone=clock.zone, physical=physical, updated=updated))


@dataclass
class _Career:
    """One clinician from the first week worked to the last."""

    person: Person
    leader: Person | None
    calendar: Calendar
    built: Built
    members: list[Case] = field(default_factory=list)

    def live(self) -> None:
        person, out = self.person, self.built.out
        self._register()
        self.built.blocks += leave_before(person, self.calendar)
        caseload = Caseload(person, self.calendar, out, self.built.diary)
        desk = Desk(person, self.calendar, caseload, out)
        hired = tenure_month(person.started, self.calendar.day(person.first_week, 0)) == 1
        if not hired:
            caseload.open_panel(person.kind.panel)
        if self.leader is person:
            self.members = make_members(caseload)
        for week in range(person.first_week, person.last_week + 1):
            self._work(week, desk, hired=hired)
        if person.ended:
            for case in [*caseload.cases, *self.members]:
                caseload.close(case, person.ended, "transferred")
        else:
            for week in range(self.calendar.weeks, self.calendar.weeks + WEEKS_AHEAD):
                desk.book_ahead(week, plan_week(person, week, self.calendar, {}))
        if person.kind.plant == "dirty":
            for name, times in soil_desk(desk, self.calendar).items():
                self.built.dirt[name] = self.built.dirt.get(name, 0) + times

    def _work(self, week: int, desk: Desk, *, hired: bool) -> None:
        person, calendar = self.person, self.calendar
        days = self.built.days_off[person.index]
        self._turn_over(week, desk.caseload, hired=hired)
        grouped = in_group(person, week, self.leader, self.built.days_off)
        plan = plan_week(person, week, calendar, days, reserved=GROUP_MINUTES if grouped else 0)
        if grouped and self.leader is person:
            partner = person.partner
            joins = partner is not None and in_group(partner, week, person, self.built.days_off)
            hold_group(desk, self.members, week, second=partner.accounts[0] if partner and joins else "")
        desk.book_week(week, plan, group_slots=GROUP_SLOTS if grouped else frozenset())
        self._extras(week, desk, plan)
        self.built.blocks += desk_blocks(person, week, plan, calendar, days)
        if not person.works_by_calendar:
            return
        if person.kind.west:
            add_slots(person, week, plan, calendar, days, busy=desk.busy, out=self.built.out)
        else:
            self.built.blocks += blocks(person, week, plan, calendar, days)

    def _turn_over(self, week: int, caseload: Caseload, *, hired: bool) -> None:
        person, kind = self.person, self.person.kind
        monday = self.calendar.day(week, 0)
        month = tenure_month(person.started, monday)
        if hired and len(caseload.cases) < kind.panel:
            caseload.grow(min(kind.panel, _RAMP_PANEL.get(month, kind.panel)), monday)
            return
        back = self.calendar.weeks - 1 - week
        if person.has("closing", back) or person.has("new_cases", back):
            caseload.replace_one(monday, anew=person.has("new_cases", back))
            return
        steady = kind.plant.startswith("caseload") or kind.role == "peer" or week in self._weeks_away()
        if week > person.first_week and not steady and person.rng.random() < 0.6:
            caseload.replace_one(monday)

    def _weeks_away(self) -> set[int]:
        days = self.built.days_off[self.person.index]
        return {week for week, weekday in days if weekday == 0 and days[week, weekday].in_ledger}

    def _extras(self, week: int, desk: Desk, plan: WeekPlan) -> None:
        """Crisis calls at odd hours, the storm's cancelled visits, and mistaken entries."""
        person, calendar = self.person, self.calendar
        sunday = calendar.day(week, 6)
        if person.kind.on_call and person.clock.skips_an_hour(sunday):
            desk.crisis(person.clock.at(sunday, 90), 60)
        if person.kind.on_call and week == calendar.back(3):
            desk.crisis(person.clock.at(sunday, 23 * 60 + 30), 60)
        off = self.built.days_off[person.index].get((week, 1))
        storm = off is not None and off.kind == "closure"
        mistaken = week % 9 == 4 and person.index % 5 == 0 and plan.open_slots
        for case, hour in zip(desk.caseload.cases, (9, 10, 11) if storm else (18,) if mistaken else (), strict=False):
            start = person.clock.at(calendar.day(week, 1), hour * 60)
            desk.appointment(
                Booking(start, 60, "closure" if storm else "booked"),
                case.clients[0],
                case,
                service="individual",
                created=start - 25 * 1440,
                via="staff",
                status=None if storm else "entered-in-error",
            )

    def _register(self) -> None:
        """The Practitioner, PractitionerRole and Schedule resources of each account."""
        person, out = self.person, self.built.out
        updated = f"{person.started.isoformat()}T13:00:00Z"
        for account in person.accounts:
            out.add(
                fhir.practitioner(
                    account,
                    npi=person.npi,
                    first=person.first_name,
                    last=person.last_name,
                    email=person.email,
                    updated=updated,
                )
            )
            out.add(
                fhir.practitioner_role(
                    f"ro-{account[3:]}",
                    practitioner=account,
                    location=person.location,
                    role=person.kind.role,
                    start=person.started.isoformat(),
                    end=person.ended.isoformat() if person.ended else None,
                    available=TEMPLATE if person.kind.availability == "template" else (),
                    updated=updated,
                )
            )
        if person.kind.west and person.works_by_calendar:
            out.add(fhir.schedule(f"sc-{person.index:04d}", practitioner=person.accounts[0], updated=updated))
