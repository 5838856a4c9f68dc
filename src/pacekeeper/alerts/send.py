"""Handing messages to Apprise. A row is claimed before it is sent, so that a kill in between sends nothing twice."""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pacekeeper.alerts.directory import Directory, Person
from pacekeeper.alerts.message import Message
from pacekeeper.alerts.route import channels
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.log import quiet_http_loggers
from pacekeeper.ops import AlertDelivery

if TYPE_CHECKING:
    from pacekeeper.ops import OpsDatabase

#: A quarter of an hour after the first failure, four times as long after each: the sixth is the last, after 85 hours.
_FIRST_WAIT = timedelta(minutes=15)
_GROWTH = 4
MOST_ATTEMPTS = 6


@dataclass(frozen=True)
class Outbox:
    """Rows that wait, by what goes together. practice_zone: of people who have none of their own."""

    ops: OpsDatabase
    directory: Directory
    practice_zone: str
    now: datetime

    def bury_interrupted(self) -> int:
        """Rows that a killed process had claimed: nobody knows whether they arrived. How many they are."""
        rows = self.ops.rows(AlertDelivery, state="sending")
        for row in rows:
            row.state, row.reason = "sent_unconfirmed", "the process ended before the answer was on record"
        self.ops.add(rows)
        return len(rows)

    def send_again(self) -> int:
        """Have rows that are unconfirmed or have failed tried once more; how many they are."""
        rows = [row for state in ("sent_unconfirmed", "failed") for row in self.ops.rows(AlertDelivery, state=state)]
        for row in rows:
            row.state, row.reason, row.attempts, row.due_at = "pending", "sent again by hand", 0, self.now
        self.ops.add(rows)
        return len(rows)

    def due(self) -> list[list[AlertDelivery]]:
        """Rows that may go now, by recipient, address and latency; those that may not have a later `due_at` then."""
        groups: dict[tuple[str, str, str], list[AlertDelivery]] = defaultdict(list)
        changed: list[AlertDelivery] = []
        for row in self.ops.rows(AlertDelivery, state="pending"):
            person = self.directory.people.get(row.recipient)
            if person is None or row.channel not in channels(person):
                row.state, row.reason = "suppressed", "no_recipient" if person is None else "no_address"
                changed.append(row)
            elif row.due_at <= self.now:
                groups[row.recipient, row.channel, row.latency].append(row)
        for (recipient, channel, latency), rows in sorted(groups.items()):
            until, reason = self._held(self.directory.people[recipient], recipient, channel)
            if until is not None:
                for row in rows:
                    row.due_at, row.reason = until, reason
                changed += rows
                del groups[recipient, channel, latency]
            elif not any(row.is_alone for row in rows):
                del groups[recipient, channel, latency]
        self.ops.add(changed)
        # The clinician hears of their own numbers before others do.
        return sorted(groups.values(), key=lambda rows: all(row.role != "clinician" for row in rows))

    def next_at(self) -> datetime | None:
        """When the first message that waits may go; null = none waits for another time than now."""
        pending = self.ops.rows(AlertDelivery, state="pending")
        return min((row.due_at for row in pending if row.is_alone and row.due_at > self.now), default=None)

    def _held(self, person: Person, recipient: str, channel: str) -> tuple[datetime | None, str | None]:
        """Until when nothing goes to an address, and why; null = it goes."""
        local = person.local(self.now, practice_zone=self.practice_zone)
        quiet = None if person.quiet is None else person.quiet.end(local)
        if quiet is not None:
            return quiet, "quiet_hours"
        if person.digest != "immediate":
            today = local.replace(hour=0, minute=0, second=0, microsecond=0)
            sent = self.ops.rows(AlertDelivery, recipient=recipient, channel=channel, state="sent")
            if any(row.sent_at is not None and row.sent_at >= today for row in sent):
                return today + timedelta(days=1), "digest"
        return None, None

    def send(self, message: Message) -> bool:
        """Claim the rows, hand the message over, and put on record what came of it."""
        rows = list(message.rows)
        message_id = uuid.uuid4().hex
        for row in rows:
            row.state, row.attempts, row.message_id = "sending", row.attempts + 1, message_id
        self.ops.add(rows)
        faultpoint("alerts.claimed")
        person = self.directory.people[message.recipient]
        url = person.urls[channels(person).index(message.channel)]
        failure = _hand_over(url.get_secret_value(), message)
        faultpoint("alerts.handed_over")
        for row in rows:
            self._settle(row, failure)
        self.ops.add(rows)
        return failure is None

    def _settle(self, row: AlertDelivery, failure: str | None) -> None:
        row.reason = failure
        if failure is None:
            row.state, row.sent_at = "sent", self.now
        elif row.attempts >= MOST_ATTEMPTS:
            row.state = "failed"
        else:
            row.state, row.due_at = "pending", self.now + _FIRST_WAIT * _GROWTH ** (row.attempts - 1)


def _hand_over(url: str, message: Message) -> str | None:
    """Why it was not taken; null = it was. Of an error its class alone: its text may hold the address."""
    import apprise

    with _silent():
        try:
            service = apprise.Apprise()
            if not service.add(url):
                return "address_not_understood"
            taken = service.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT)
        except Exception as error:  # noqa: BLE001 - a border: whatever a service raises, others are still served
            return type(error).__name__
    return None if taken else "not_delivered"


@contextmanager
def _silent() -> Iterator[None]:
    """Apprise's own log lines name addresses."""
    quiet_http_loggers()
    logger = logging.getLogger("apprise")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
