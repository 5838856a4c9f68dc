from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import ReminderChannel


class Reminder(Entity, table=True):
    """A reminder of an appointment that was due; never its text."""

    grain: ClassVar[str] = "one row per appointment, offset and channel"

    reminder_key: str = column("Key of the reminder.", key=True)
    appointment_key: str = column("Key of the appointment.")
    due_at: datetime = instant("When it was to be sent, UTC.")
    offset_h: int = column("Hours before the start at which it was to be sent.", ge=0)
    channel: ReminderChannel = coded("Way it was sent.")
    channel_source_code: str | None = source_code("channel")
    sent_at: datetime | None = instant("When it was sent, UTC.", null="not sent, or not known")
    is_delivered: bool | None = column("Whether it arrived.", null="the source does not say")
    is_confirmed: bool | None = column("Whether the client confirmed.", null="the source does not say")
