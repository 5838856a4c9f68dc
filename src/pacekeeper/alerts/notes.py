"""What people say to alerts: seen, not now, not at all until a day, this is wrong."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pacekeeper.errors import ConfigError
from pacekeeper.ops import Alert, AlertEvent, AlertNote

if TYPE_CHECKING:
    from pacekeeper.ops import OpsDatabase

Kind = Literal["acknowledged", "snoozed", "waived", "reply"]
_Subject = tuple[str, str, str]
_LONGEST = 500


def put_note(
    ops: OpsDatabase,
    ref: str,
    kind: Kind,
    *,
    by: str,
    now: datetime,
    until: datetime | None = None,
    reason: str | None = None,
) -> AlertNote:
    """A note to an alert, on record. Raises ConfigError for an alert that is not there, or an end that is past."""
    alert = find_alert(ops, ref)
    if not by.strip():
        raise ConfigError("say who says so: --by with a name or an id of the directory file")
    if until is not None and until <= now:
        raise ConfigError(f"{until:%Y-%m-%d %H:%M} UTC is past: give a later --until")
    if reason is not None and not 0 < len(reason.strip()) <= _LONGEST:
        raise ConfigError(f"a reason has 1 to {_LONGEST} characters; it names no client")
    note = AlertNote(note_id=uuid.uuid4().hex, ref=alert.ref, kind=kind, at=now, by=by, until=until, reason=reason)
    ops.add([note])
    return note


def find_alert(ops: OpsDatabase, ref: str) -> Alert:
    """The alert of a reference, in upper or lower case. Raises ConfigError where there is none."""
    found = ops.rows(Alert, ref=ref.strip().upper())
    if not found:
        raise ConfigError(f"there is no alert {ref!r}; `pacekeeper alerts list --all` shows their references")
    return found[0]


@dataclass(frozen=True)
class Said:
    """What holds now. waived: subjects, by guardrail, that a waiver in force names. resumed: alerts
    that are silent no longer, and since when.
    """

    waived: frozenset[_Subject]
    snoozed: frozenset[str]
    acknowledged: frozenset[str]
    answered: frozenset[str]
    resumed: Mapping[str, datetime]

    @classmethod
    def of(cls, ops: OpsDatabase, alerts: Iterable[Alert], *, now: datetime) -> Said:
        by_ref = {alert.ref: alert for alert in alerts}
        notes: dict[str, list[AlertNote]] = defaultdict(list)
        for note in ops.rows(AlertNote):
            if note.ref in by_ref:
                notes[note.ref].append(note)

        def holding(kind: Kind) -> frozenset[str]:
            return frozenset(
                ref
                for ref, own in notes.items()
                if any(note.kind == kind and (note.until is None or note.until > now) for note in own)
            )

        waived, snoozed, acknowledged = holding("waived"), holding("snoozed"), holding("acknowledged")
        quiet = waived | snoozed | acknowledged
        return cls(
            frozenset(_subject(by_ref[ref]) for ref in waived),
            snoozed,
            acknowledged,
            frozenset(quiet | holding("reply")),
            {ref: end for ref, own in notes.items() if ref not in quiet and (end := _ended(own))},
        )

    def silence(self, alert: Alert, event: AlertEvent) -> str | None:
        """Why nobody is told of an event; null = they are. A snooze does not hold back that it became worse."""
        if _subject(alert) in self.waived:
            return "waived"
        if alert.ref in self.snoozed and event.event != "escalated":
            return "snoozed"
        if alert.ref in self.acknowledged and event.event in {"ongoing", "review_overdue"}:
            return "acknowledged"
        return None

    def is_answered(self, alert: Alert) -> bool:
        """Whether somebody has said anything to it that holds."""
        return alert.ref in self.answered or _subject(alert) in self.waived


def _ended(notes: Sequence[AlertNote]) -> datetime | None:
    return max((note.until for note in notes if note.until is not None), default=None)


def _subject(alert: Alert) -> _Subject:
    return alert.guardrail_id, alert.subject_kind, alert.subject_key
