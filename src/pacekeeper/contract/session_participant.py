from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class SessionParticipant(Entity, table=True):
    """A client who was expected in a session."""

    grain: ClassVar[str] = "one row per session and client"

    session_key: str = column("Key of the session.", key=True)
    client_key: str = column("Key of the client.", key=True)
    episode_key: str | None = column("Key of the episode.", null="not linked")
    attended: bool = column("Whether the client attended.")
