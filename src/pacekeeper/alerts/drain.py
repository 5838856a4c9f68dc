"""Seeing to the outbox: derive, decide who is told, send. Whoever ends a run calls it, and so may anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pacekeeper.alerts.audience import Audience, audience
from pacekeeper.alerts.derive import derive
from pacekeeper.alerts.directory import load_directory
from pacekeeper.alerts.facts import facts_of
from pacekeeper.alerts.message import Message, Writer
from pacekeeper.alerts.route import Router, note_telling, overdue_reviews, standing_again
from pacekeeper.alerts.routing import Routes
from pacekeeper.alerts.send import Outbox
from pacekeeper.alerts.transitions import OFF_TRACK
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.errors import ConfigError, PacekeeperError, RetryableError
from pacekeeper.ops import AlertDelivery, AlertDrain, AlertEvent
from pacekeeper.privacy import describe

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome
    from pacekeeper.policy import Policy


#: Two that want to send at once take turns.
_PATIENCE_SECONDS = 60


@dataclass
class Drained:
    """What came of it. events: new ones. sent, failed: messages. messages: what a dry run would have sent.

    next_at: when the first of what waits may go (digest day, end of quiet hours, next try); null = nothing waits.
    """

    events: int = 0
    sent: int = 0
    failed: int = 0
    messages: list[Message] = field(default_factory=list)
    next_at: datetime | None = None


def drain(home: PracticeHome, *, now: datetime, dry_run: bool = False, again: bool = False) -> Drained:
    """Announce what is published and has not been announced.

    dry_run: send nothing; what would have gone comes back, waits, and is marked. again: also try what failed, and what
    a killed process may or may not have sent. Raises ConfigError for a directory or routes that cannot be used and
    before anything is published, and RetryableError while another process is at it.
    """
    settings = home.settings
    policy = home.policy()
    routes = Routes(settings.alerts.routes, policy.guardrail_ids)
    directory = None if settings.directory_file is None else load_directory(settings.directory_file)
    with _only_one(home), home.published.connect(read_only=True) as session:
        drained = Drained(events=len(derive(session, home.ops, now=now)))
        faultpoint("alerts.derived")
        is_telling = directory is not None and not settings.alerts.dry_run
        if is_telling:
            standing_again(home.ops, now=now)
            overdue_reviews(home.ops, routes, now=now)
        unrouted = home.ops.rows(AlertEvent, routed_at=None)
        if directory is None:
            _router(home, routes, None, now).route(unrouted)
            note_telling(home.ops, is_telling=False, now=now)
            return drained
        outbox = Outbox(home.ops, directory, settings.practice.home_tz, now)
        outbox.bury_interrupted()
        if again:
            outbox.send_again()
        waiting = home.ops.rows(AlertDelivery, state="pending")
        named = {row.event_id for row in waiting}
        known = {event.event_id: event for event in home.ops.rows_among(AlertEvent, "event_id", named)}
        known |= {event.event_id: event for event in unrouted}
        who = audience(session, directory, home.hash_key(), known.values())
        _router(home, routes, who, now).route(unrouted)
        note_telling(home.ops, is_telling=is_telling, now=now)
        faultpoint("alerts.routed")
        groups = outbox.due()
        facts = facts_of(session, (known[row.event_id] for rows in groups for row in rows))
        writer = Writer(settings.practice.name, who, routes, _titles(policy), facts, known)
        for rows in groups:
            message = writer.write(rows)
            if dry_run or settings.alerts.dry_run:
                drained.messages.append(message)
                for row in rows:
                    row.reason = "dry_run"
                home.ops.add(rows)
            elif outbox.send(message):
                drained.sent += 1
            else:
                drained.failed += 1
        drained.next_at = outbox.next_at()
    return drained


def is_anything_due(home: PracticeHome, *, now: datetime) -> bool:
    """Whether a message waits that may go now: after quiet hours, or to be tried again."""
    return any(row.is_alone and row.due_at <= now for row in home.ops.rows(AlertDelivery, state="pending"))


def drain_after_run(home: PracticeHome, *, now: datetime) -> None:
    """The same where nobody looks on; raises nothing: what went wrong is on record for `pacekeeper problems`."""
    error: str | None = None
    try:
        drain(home, now=now)
    except PacekeeperError as failure:
        error = str(failure)
    except Exception as failure:  # noqa: BLE001 - the night is published; its text may hold an address
        error = describe(failure)
    home.ops.add([AlertDrain(at=now, error=error)])


def _router(home: PracticeHome, routes: Routes, who: Audience | None, now: datetime) -> Router:
    return Router(home.ops, routes, who, home.settings.practice.home_tz, now, dry_run=home.settings.alerts.dry_run)


def _titles(policy: Policy) -> dict[str, str]:
    titles = {name: guardrail.title for name, guardrail in policy.latest.guardrails.items()}
    return {**titles, OFF_TRACK: "Off track, and nobody has been told yet"}


@contextmanager
def _only_one(home: PracticeHome) -> Iterator[None]:
    lock = FileLock(home.data_dir / "alerts.lock")
    if not home.data_dir.exists():
        raise ConfigError(f"nothing has been published yet in {home.data_dir}: run `pacekeeper run` first")
    try:
        lock.acquire(timeout=_PATIENCE_SECONDS)
    except Timeout:
        raise RetryableError(f"another process is sending alerts of {home.data_dir}; wait until it has ended") from None
    try:
        yield
    finally:
        lock.release()
