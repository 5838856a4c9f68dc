"""Tables of alerts: what stands, what happened to it, who was told, what people said to it. No client data, no values.

A subject is a keyed hash; the numbers behind an alert stay in the published verdicts.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from pacekeeper.ops.tables import UtcDateTime


class Alert(SQLModel, table=True):
    """One row per guardrail, subject and episode of breach.

    ref: short reference made of these, for messages and commands. opened_period: the period it was announced for;
    since_period: the first of the periods in a row that had failed by then. last_period, last_version: the newest
    failing verdict that was seen. severity: warn | breach. state: open | resolved | retracted.
    """

    ref: str = Field(primary_key=True)
    guardrail_id: str
    subject_kind: str
    subject_key: str
    opened_period: str
    since_period: str
    last_period: str
    last_version: int
    severity: str
    policy_version: str
    state: str = "open"
    opened_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)


class AlertEvent(SQLModel, table=True):
    """The outbox: one row per alert, period, version of the verdict and event, written in one step with the alert.

    event: opened | starting_position | escalated | ongoing | confirmed | resolved | retracted | review_overdue; a
    `confirmed` one is a record only. routed_at: when it was decided who is told; null = not yet.
    """

    event_id: str = Field(primary_key=True)
    ref: str = Field(index=True)
    guardrail_id: str
    subject_kind: str
    subject_key: str
    period: str
    version: int
    event: str
    severity: str
    at: datetime = Field(sa_type=UtcDateTime)
    routed_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)

    @classmethod
    def of(cls, alert: Alert, event: str, *, period: str, version: int, at: datetime) -> AlertEvent:
        """What happened to an alert by a verdict; nobody is told of a `confirmed` one."""
        return cls(
            event_id=f"{alert.ref}/{period}/{version}/{event}",
            ref=alert.ref,
            guardrail_id=alert.guardrail_id,
            subject_kind=alert.subject_kind,
            subject_key=alert.subject_key,
            period=period,
            version=version,
            event=event,
            severity=alert.severity,
            at=at,
            routed_at=at if event == "confirmed" else None,
        )


class AlertDelivery(SQLModel, table=True):
    """One row per event, recipient and channel, or per event that nobody is told of.

    recipient: id in the directory file; empty = nobody. role: what the person is told as. channel: kind of address.
    latency: same_run | weekly | monthly. is_alone: whether it is worth a message by itself. state: pending | sending |
    sent | sent_unconfirmed (killed before the answer was on record) | failed | suppressed. reason: why it waits, was
    suppressed or failed; of an error its class alone. due_at: not before then. message_id: same for what went together.
    """

    delivery_id: str = Field(primary_key=True)
    event_id: str = Field(index=True)
    ref: str = Field(index=True)
    recipient: str = ""
    role: str = ""
    channel: str = ""
    latency: str = "same_run"
    is_alone: bool = True
    state: str = Field(default="pending", index=True)
    reason: str | None = None
    attempts: int = 0
    due_at: datetime = Field(sa_type=UtcDateTime)
    at: datetime = Field(sa_type=UtcDateTime)
    message_id: str | None = None
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AlertNote(SQLModel, table=True):
    """What a person said to an alert: acknowledged | snoozed | waived | reply.

    until: when a snooze or a waiver ends; null = it is neither. by: who said it. reason: in their words, without client
    data.
    """

    note_id: str = Field(primary_key=True)
    ref: str = Field(index=True)
    kind: str
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str | None = None


class AlertDrain(SQLModel, table=True):
    """One row for the last time the outbox was seen to, and one for since when people are told.

    error: why it could not be seen to; null = it went well.
    """

    name: str = Field(default="last", primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    error: str | None = None


class AlertMark(SQLModel, table=True):
    """Up to where verdicts have been looked through: the newest end of a period, by guardrail and kind of subject."""

    guardrail_id: str = Field(primary_key=True)
    subject_kind: str = Field(primary_key=True)
    period_end: datetime = Field(sa_type=UtcDateTime)


class AlertPolicy(SQLModel, table=True):
    """Policy versions whose verdicts have been looked through."""

    policy_version: str = Field(primary_key=True)
