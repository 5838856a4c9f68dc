"""What happened in the practice, kept while it is built: the other systems' records are made from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Held:
    """A session that took place. start, minutes: epoch minute and length; clients: Patient ids of who was there."""

    person: int
    account: str
    start: int
    minutes: int
    session: str
    clients: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Seat:
    """One client's appointment. created, cancelled: epoch minutes; null = not known, not cancelled."""

    person: int
    account: str
    appointment: str
    client: str
    start: int
    created: int | None
    cancelled: int | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A new case of somebody the practice did not know; day: its first, local."""

    person: int
    client: str
    day: date


@dataclass(frozen=True, slots=True)
class Closed:
    """A case that ended. why: closure type as the EHR says it."""

    person: int
    client: str
    day: date
    why: str


@dataclass
class Diary:
    """Everything so far, clinician by clinician, each in order of time."""

    held: list[Held] = field(default_factory=list)
    #: Sessions of which a status or a length leaves open what they were.
    doubtful: list[Held] = field(default_factory=list)
    seats: list[Seat] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    #: Ends so far by first day of their quarter; they decide how the next one ends.
    ends: dict[date, int] = field(default_factory=dict)
