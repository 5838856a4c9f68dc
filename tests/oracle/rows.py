"""The rows the oracle judges: what one source record says, already cleaned, still one object per record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

LEAVE_KINDS = frozenset({"pto", "sick"})
TAKING_KINDS = LEAVE_KINDS | {"holiday", "closure"}
LEDGER_LEAVE = frozenset({"take", "sick", "unpaid", "parental"})


@dataclass(frozen=True)
class Employment:
    """One contract. end is the last day worked, null while it runs; fte null when nobody wrote it down."""

    person: str
    start: date
    end: date | None
    fte: float | None


@dataclass(frozen=True)
class Assignment:
    """A client entrusted to a clinician from one local date to another, both included; end null = open."""

    person: str
    client: str
    start: date
    end: date | None


@dataclass(frozen=True)
class Appointment:
    """One seat. status is canonical (booked, kept, no_show, cancelled, rescheduled, unknown, entered_in_error).

    cancelled_by: client, clinician, practice, system, other, unknown; null when it was not cancelled.
    """

    key: str
    person: str
    client: str | None
    start: datetime
    booked_at: datetime | None
    status: str
    cancelled_at: datetime | None
    cancelled_by: str | None
    is_group: bool


@dataclass(frozen=True)
class Session:
    """One occurrence. persons: those it counts for as direct time; clients: who attended; expected: who was to.

    status: completed, partial, voided, unknown.
    """

    key: str
    persons: frozenset[str]
    clients: frozenset[str]
    expected: frozenset[str]
    start: datetime
    end: datetime
    session_type: str
    status: str

    @property
    def took_place(self) -> bool:
        return self.status in {"completed", "partial"}


@dataclass(frozen=True)
class Block:
    """A stretch of one clinician's calendar."""

    person: str
    start: datetime
    end: datetime
    kind: str
    is_protected: bool

    @property
    def takes_away(self) -> bool:
        return self.kind in TAKING_KINDS or (self.is_protected and self.kind != "client_available")


@dataclass(frozen=True)
class TemplateHours:
    """Weekly hours for clients, in local minutes after midnight; weekday 1 = Monday."""

    person: str
    weekday: int
    start_minute: int
    end_minute: int


@dataclass(frozen=True)
class LedgerEntry:
    """Hours of one day in the leave ledger; refused entries are not in here."""

    person: str
    day: date
    kind: str
    hours: float


@dataclass
class Practice:
    """Everything the oracle keeps of a corpus.

    people: everybody any file names; in_ehr: those of them the EHR has as practitioners.
    rejected counts the rows it refused, by (where, reason).
    """

    home_tz: str
    zones: dict[str, str] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    in_ehr: set[str] = field(default_factory=set)
    employments: list[Employment] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    template: list[TemplateHours] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)

    def zone_of(self, person: str) -> str:
        return self.zones.get(person, self.home_tz)
