from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import Direction, MessageCategory, MessageStatus, StaffRole, Urgency


class Message(Entity, table=True):
    """That a message was sent or received; never what it says."""

    grain: ClassVar[str] = "one row per message"

    message_key: str = column("Key of the message.", key=True)
    thread_key: str | None = column("What the messages of one conversation share.", null="not said")
    in_reply_to_key: str | None = column("Key of the message it answers.", null="answers none, or not said")
    clinician_key: str | None = column("Key of the clinician who wrote or received it.", null="nobody in particular")
    client_key: str | None = column("Key of the client it is about.", null="not linked")
    direction: Direction = coded("Into or out of the practice.")
    category: MessageCategory = coded("What it is about.")
    category_source_code: str | None = source_code("category")
    urgency: Urgency = coded("How soon it wants an answer.")
    urgency_source_code: str | None = source_code("urgency")
    sent_at: datetime | None = instant("When it was sent, UTC.", null="not said")
    received_at: datetime | None = instant("When it was received, UTC.", null="not said")
    status: MessageStatus = coded("State of the message.")
    status_source_code: str | None = source_code("status")
    read_at: datetime | None = instant("When it was first read, UTC.", null="not read, or not known")
    replied_at: datetime | None = instant("When it was first answered, UTC.", null="not answered, or not known")
    handled_by_role: StaffRole | None = coded("Role of who dealt with it.", null="nobody, or not said")
    handled_by_role_source_code: str | None = source_code("handled_by_role")
    minutes: float | None = column("Minutes it took.", null="the source does not measure them", ge=0)
    is_billed: bool | None = column("Whether the time was billed.", null="the source does not say")
