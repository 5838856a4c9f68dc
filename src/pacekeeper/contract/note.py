from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import AuthoringMode, NoteStatus, NoteType


class Note(Entity, table=True):
    """When a clinical note was begun, signed and changed; never its text."""

    grain: ClassVar[str] = "one row per note"

    note_key: str = column("Key of the note.", key=True)
    session_key: str | None = column("Key of the session it is about.", null="not linked")
    appointment_key: str | None = column("Key of the appointment it is about.", null="not linked")
    client_key: str | None = column("Key of the client.", null="not linked")
    clinician_key: str | None = column("Key of the author.", null="not said")
    note_type: NoteType = coded("Kind of note.")
    note_type_source_code: str | None = source_code("note_type")
    service_at: datetime | None = instant("When the service it is about began, UTC.", null="not said")
    created_at: datetime = instant("When it was begun, UTC.")
    signed_at: datetime | None = instant("When its author signed it, UTC.", null="not signed, or not known")
    cosigned_at: datetime | None = instant("When a supervisor signed it, UTC.", null="not countersigned, or not known")
    amended_count: int | None = column("Changes after signing.", null="the source does not count them", ge=0)
    status: NoteStatus = coded("State of the note.")
    status_source_code: str | None = source_code("status")
    authoring_mode: AuthoringMode | None = coded("How it was written.", null="the source does not say")
    authoring_mode_source_code: str | None = source_code("authoring_mode")
    template_id: str | None = column("The source's own code of the template.", null="none, or not said")
    is_risk_reviewed: bool | None = column(
        "Whether the note is marked as reviewed for risk.", null="the source does not say"
    )
