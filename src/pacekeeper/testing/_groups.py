"""Weekly therapy groups on Wednesday afternoons: eight seats, no-shows per seat, a co-therapist where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pacekeeper.testing._bookings import Booking, Desk
from pacekeeper.testing._clients import Case, Caseload
from pacekeeper.testing._leave import DaysOff
from pacekeeper.testing._roster import Person

SEATS = 8
GROUP_MINUTES = 90
GROUP_WEEKDAY = 2
GROUP_START = 13 * 60
#: The individual slots a group takes the place of.
GROUP_SLOTS = frozenset({(GROUP_WEEKDAY, 13 * 60), (GROUP_WEEKDAY, 14 * 60)})


def in_group(person: Person, week: int, leader: Person | None, days_off: Mapping[int, DaysOff]) -> bool:
    """Does this clinician take part in `leader`'s group that week?"""
    if leader is None or not leader.worked(week) or (week, GROUP_WEEKDAY) in days_off[leader.index]:
        return False
    return person is leader or (week, GROUP_WEEKDAY) not in days_off[person.index]


def make_members(caseload: Caseload) -> list[Case]:
    """Eight members: four who are seen in the group only, four from the leader's own caseload."""
    opened = caseload.calendar.mondays[0] - timedelta(days=35)
    own = [case for case in caseload.cases if len(case.clients) == 1][: SEATS // 2]
    for case in own:
        case.stays = True
    new = [caseload.make_case(opened, group=True) for _ in range(SEATS - len(own))]
    return [*own, *new]


def hold_group(desk: Desk, members: list[Case], week: int, *, second: str) -> None:
    """One meeting. Every other week one seat is a no-show, and now and then one seat cancels late."""
    person = desk.person
    start = person.clock.at(desk.calendar.day(week, GROUP_WEEKDAY), GROUP_START)
    missing = person.rng.randrange(SEATS // 2, SEATS) if week % 2 else None
    present, seats = [], []
    for number, case in enumerate(members):
        late = number != missing and person.rng.random() < 0.04
        outcome = "no_show" if number == missing else "late" if late else "kept"
        booking = Booking(start, GROUP_MINUTES, outcome, GROUP_MINUTES if outcome == "kept" else 0)
        client = case.clients[0]
        seat = desk.appointment(booking, client, case, service="group", created=start - 30 * 1440, via="recurring")
        if outcome == "kept":
            present.append(client)
            seats.append(seat)
    desk.busy.update((start, start + 60))
    desk.session(
        start,
        GROUP_MINUTES,
        tuple(present),
        session_type="group",
        modality="in_person",
        account=person.accounts[0],
        second=second,
        appointments=seats,
    )
