"""Who is to be told of each event: rows of `AlertDelivery`, also for those who are not told, with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pacekeeper.alerts.audience import Audience
from pacekeeper.alerts.directory import Person
from pacekeeper.alerts.notes import Said
from pacekeeper.alerts.routing import Latency, Role, Route, Routes
from pacekeeper.ops import Alert, AlertDelivery, AlertDrain, AlertEvent

if TYPE_CHECKING:
    from pacekeeper.ops import OpsDatabase

_OPENING = frozenset({"opened", "starting_position", "escalated", "review_overdue"})
_CLOSING = frozenset({"resolved", "retracted"})
_TOLD = frozenset({"sent", "sent_unconfirmed"})
#: Since when people are told; no row = they are not.
_TELLING = "telling"


@dataclass(frozen=True)
class Router:
    """audience null: there is no directory. practice_zone: of people who have none of their own."""

    ops: OpsDatabase
    routes: Routes
    audience: Audience | None
    practice_zone: str
    now: datetime
    dry_run: bool = False

    def route(self, events: Sequence[AlertEvent]) -> int:
        """Decide for every event who is told, all in one step; how many rows that made."""
        if not events:
            return 0
        alerts = {alert.ref: alert for alert in self.ops.rows(Alert)}
        said = Said.of(self.ops, alerts.values(), now=self.now)
        before: dict[tuple[str, str, str], list[AlertDelivery]] = defaultdict(list)
        for row in self.ops.rows_among(AlertDelivery, "ref", (event.ref for event in events)):
            before[row.ref, row.recipient, row.channel].append(row)
        changed: dict[str, AlertDelivery] = {}
        for event in sorted(events, key=lambda event: (event.at, event.event in _OPENING)):
            event.routed_at = self.now
            silence = said.silence(alerts[event.ref], event)
            ended = said.resumed.get(event.ref)
            for row in self._rows(event):
                earlier = before[row.ref, row.recipient, row.channel]
                if row.state == "pending":
                    # Of what goes on people hear by the way; after a silence that has ended, once by itself.
                    heard = ended is None or any(one.at >= ended and one.state != "suppressed" for one in earlier)
                    row.is_alone = event.event != "ongoing" or not heard
                    self._settle(row, event, earlier, silence)
                earlier.append(row)
                changed.update({one.delivery_id: one for one in earlier})
        self.ops.add([*events, *changed.values()])
        return len(changed)

    def _settle(
        self, row: AlertDelivery, event: AlertEvent, earlier: Sequence[AlertDelivery], silence: str | None
    ) -> None:
        """Suppress what need not be told, or what it makes out of date."""
        waiting = [one for one in earlier if one.state == "pending"]
        told = any(one.state in _TOLD for one in earlier)
        if self.dry_run:
            _suppress([row], "dry_run")
        elif silence is not None:
            _suppress([row], silence)
        elif event.event in _CLOSING:
            _suppress(waiting, "over_before_it_was_told")
            if not told:
                _suppress([row], "nothing_was_told")
        elif event.event == "ongoing":
            _suppress([one for one in waiting if not one.is_alone], "superseded")
            if any(one.is_alone and one.state == "pending" for one in waiting):
                _suppress([row], "superseded")
        else:
            _suppress(waiting, "superseded")

    def _rows(self, event: AlertEvent) -> Iterator[AlertDelivery]:
        route = self.routes.of(event.guardrail_id, event.subject_kind)
        roles: Sequence[Role] = route.escalate if event.event == "review_overdue" else route.notify
        if self.audience is None:
            yield self._nobody(event, "", "no_directory")
            return
        seen: set[str] = set()
        for role in roles:
            people = self.audience.people(role, event)
            reachable = [one for one in people if self.audience.directory.people[one].urls]
            if not reachable:
                yield self._nobody(event, role, "no_address" if people else "no_recipient")
                if event.event in _OPENING:
                    yield from self._to_engineers(event, seen)
            for name in reachable:
                if name not in seen:
                    seen.add(name)
                    yield from self._to(event, name, role, route.latency)

    def _to_engineers(self, event: AlertEvent, seen: set[str]) -> Iterator[AlertDelivery]:
        """A line on the data: an alert found nobody."""
        audience = self.audience
        for name in audience.directory.in_role("engineer") if audience is not None else ():
            if name not in seen:
                seen.add(name)
                yield from self._to(event, name, "engineer", "same_run")

    def _to(self, event: AlertEvent, name: str, role: Role, latency: Latency) -> Iterator[AlertDelivery]:
        if self.audience is None:
            return
        person = self.audience.directory.people[name]
        due = due_at(person, latency, self.now, practice_zone=self.practice_zone)
        for channel in channels(person):
            yield AlertDelivery(
                delivery_id=f"{event.event_id}/{name}/{channel}",
                event_id=event.event_id,
                ref=event.ref,
                recipient=name,
                role=role,
                channel=channel,
                latency=latency,
                due_at=due,
                at=self.now,
            )

    def _nobody(self, event: AlertEvent, role: str, reason: str) -> AlertDelivery:
        return AlertDelivery(
            delivery_id=f"{event.event_id}//{role}",
            event_id=event.event_id,
            ref=event.ref,
            role=role,
            state="suppressed",
            reason=reason,
            due_at=self.now,
            at=self.now,
        )


def channels(person: Person) -> list[str]:
    """What a person's addresses are called: the service and a number, nothing of the address."""
    return [
        f"{url.get_secret_value().partition('://')[0].lower()}-{number}" for number, url in enumerate(person.urls, 1)
    ]


def due_at(person: Person, latency: Latency, now: datetime, *, practice_zone: str) -> datetime:
    """The instant from which on a message may go: now, or the beginning of the next digest day or month."""
    local = person.local(now, practice_zone=practice_zone)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if latency == "same_run":
        return now
    if latency == "monthly":
        while day.day != 1:
            day += timedelta(days=1)
    if latency == "weekly" or person.digest == "weekly":
        while not person.is_digest_day(day):
            day += timedelta(days=1)
    return max(day, now)


def overdue_reviews(ops: OpsDatabase, routes: Routes, *, now: datetime) -> list[AlertEvent]:
    """Alerts in breach of which somebody was told long ago, and that nobody has answered: an event each, once."""
    alerts = ops.rows(Alert, state="open", severity="breach")
    said = Said.of(ops, alerts, now=now)
    told: dict[str, datetime] = {}
    refs = [alert.ref for alert in alerts]
    for row in ops.rows_among(AlertDelivery, "ref", refs):
        if row.state in _TOLD:
            told[row.ref] = min(row.due_at, told.get(row.ref, row.due_at))
    past = {event.ref for event in ops.rows_among(AlertEvent, "ref", refs) if event.event == "review_overdue"}
    found = []
    for alert in alerts:
        route: Route = routes.of(alert.guardrail_id, alert.subject_kind)
        since = told.get(alert.ref)
        if alert.ref in past or since is None or route.review_days is None or said.is_answered(alert):
            continue
        if now - since >= timedelta(days=route.review_days):
            found.append(_of_now(alert, "review_overdue", now))
    ops.add(found)
    return found


def standing_again(ops: OpsDatabase, *, now: datetime) -> None:
    """Where people begin to be told, all that stands is one starting position, and all else is the past."""
    if ops.has(AlertDrain, name=_TELLING):
        return
    past = ops.rows(AlertEvent, routed_at=None)
    for event in past:
        event.routed_at = now
    standing = [_of_now(alert, "starting_position", now) for alert in ops.rows(Alert, state="open")]
    ops.add([*past, *standing])


def note_telling(ops: OpsDatabase, *, is_telling: bool, now: datetime) -> None:
    """Put on record that people are told from now on, or no longer."""
    known = ops.rows(AlertDrain, name=_TELLING)
    if is_telling and not known:
        ops.add([AlertDrain(name=_TELLING, at=now)])
    elif not is_telling:
        ops.remove(known)


def _of_now(alert: Alert, event: str, now: datetime) -> AlertEvent:
    """Something that is said of an alert as it stands, whatever the night's verdict."""
    return AlertEvent.of(alert, event, period=alert.last_period, version=alert.last_version, at=now)


def _suppress(rows: Iterable[AlertDelivery], reason: str) -> None:
    for row in rows:
        row.state, row.reason = "suppressed", reason
