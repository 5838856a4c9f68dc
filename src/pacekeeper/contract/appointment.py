from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.vocabulary import AppointmentStatus, BookedVia, CancelledBy, Modality


class Appointment(Entity, table=True):
    """A client's place in a clinician's calendar: the current truth about it."""

    grain: ClassVar[str] = "one row per client seat; a group of eight is eight appointments with one `group_key`"

    appointment_key: str = column("Key of the appointment.", key=True)
    episode_key: str | None = column("Key of the episode.", null="not linked")
    client_key: str | None = column("Key of the client.", null="no client on it yet")
    group_key: str | None = column("What the seats of one group occurrence share.", null="not a group, or not linked")
    clinician_key: str = column("Key of the clinician.")
    location_key: str | None = column("Key of the location.", null="not said")
    start_at: datetime = instant("Planned start, UTC.")
    end_at: datetime | None = instant("Planned end, UTC.", null="not said")
    booked_at: datetime | None = instant("When it was booked, UTC.", null="not known")
    booked_via: BookedVia = coded("How it was booked.")
    modality_planned: Modality = coded("How the session is planned to be held.")
    modality_planned_source_code: str | None = source_code("modality_planned")
    service_code: str | None = column("The practice's own service code.", null="not said")
    status: AppointmentStatus = coded("State of the appointment.")
    status_source_code: str | None = source_code("status")
    cancelled_at: datetime | None = instant(
        "When it was cancelled, UTC.", null="not cancelled, or the time is not known"
    )
    cancelled_by: CancelledBy | None = coded("Who cancelled.", null="not cancelled, or not said")
    cancelled_by_source_code: str | None = source_code("cancelled_by")
    source_updated_at: datetime | None = instant(
        "Last change, as the source says, UTC.", null="the source does not say"
    )
    capacity: int | None = column("Seats of the group occurrence.", null="not a group, or not said", ge=1)
    rescheduled_to_key: str | None = column(
        "Key of the appointment in its place.", null="not rescheduled, or not linked"
    )
    is_billable_cancel: bool | None = column(
        "Whether the cancellation or no-show is charged.", null="the source does not say"
    )
