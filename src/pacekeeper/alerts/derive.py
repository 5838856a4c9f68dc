"""Alerts and their outbox, derived from what is published. Repeated for the same publication it adds nothing."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

from pacekeeper.alerts.transitions import Transition, transitions
from pacekeeper.ops import Alert, AlertEvent, AlertMark, AlertPolicy

if TYPE_CHECKING:
    from sqlmodel import SQLModel

    from pacekeeper.engine.session import Session
    from pacekeeper.ops import OpsDatabase

_CLOSED = ("resolved", "retracted")
_REF_LETTERS = 8


def derive(session: Session, ops: OpsDatabase, *, now: datetime) -> list[AlertEvent]:
    """The events that are new, on record with the alerts they belong to: all of them, or after a kill none.

    session: of the published copy. Needs to be the only one at it (`drain` sees to that).
    """
    open_alerts = {alert.ref: alert for alert in ops.rows(Alert, state="open")}
    policies = [row.policy_version for row in ops.rows(AlertPolicy)]
    found, seen = transitions(session, standing=open_alerts.values(), marks=ops.rows(AlertMark), policies=policies)
    alerts: list[SQLModel] = []
    events: dict[str, AlertEvent] = {}
    for step in found:
        alert = _opened(step, now) if step.ref is None else _changed(open_alerts[step.ref], step, now)
        alerts.append(alert)
        event = AlertEvent.of(alert, step.event, period=step.period, version=step.version, at=now)
        events[event.event_id] = event
    known = {event.event_id for event in ops.rows_among(AlertEvent, "event_id", events)}
    new = [event for event_id, event in events.items() if event_id not in known]
    ops.add([*alerts, *new, *seen.marks, *(AlertPolicy(policy_version=version) for version in seen.policies)])
    return new


def alert_ref(*parts: str) -> str:
    """A short reference that says nothing about the subject: eight letters and digits."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return base64.b32encode(digest).decode("ascii")[:_REF_LETTERS]


def _opened(step: Transition, now: datetime) -> Alert:
    return Alert(
        ref=alert_ref(step.guardrail_id, step.subject_kind, step.subject_key, step.period),
        guardrail_id=step.guardrail_id,
        subject_kind=step.subject_kind,
        subject_key=step.subject_key,
        opened_period=step.period,
        since_period=step.since_period or step.period,
        last_period=step.period,
        last_version=step.version,
        severity=step.severity or "warn",
        policy_version=step.policy_version,
        opened_at=now,
        changed_at=now,
    )


def _changed(alert: Alert, step: Transition, now: datetime) -> Alert:
    alert.changed_at = now
    if step.event in _CLOSED:
        alert.state = step.event
    else:
        alert.last_period, alert.last_version = step.period, step.version
        alert.severity = step.severity or alert.severity
        alert.policy_version = step.policy_version
    return alert
