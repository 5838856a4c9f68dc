from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, source_code
from pacekeeper.contract.vocabulary import SessionRole


class SessionClinician(Entity, table=True):
    """A clinician who took part in a session."""

    grain: ClassVar[str] = "one row per session and clinician"

    session_key: str = column("Key of the session.", key=True)
    clinician_key: str = column("Key of the clinician.", key=True)
    role: SessionRole = coded("Part the clinician had.")
    role_source_code: str | None = source_code("role")
    counts_direct: bool = column("Whether the session's time counts as the clinician's direct time.")
