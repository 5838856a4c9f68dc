from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant
from pacekeeper.contract.vocabulary import AppointmentChange, AppointmentStatus, AtPrecision


class AppointmentEvent(Entity, table=True):
    """What happened to an appointment, from its raw versions."""

    grain: ClassVar[str] = "one row per appointment and landed version"

    appointment_key: str = column("Key of the appointment.", key=True)
    seq: int = column("Number of the raw version, from 1.", key=True, ge=1)
    at: datetime = instant("When it changed, UTC, by the source's clock where it has one.")
    at_precision: AtPrecision = coded("How exactly `at` is known.")
    from_status: AppointmentStatus | None = coded("State before.", null="first version")
    to_status: AppointmentStatus = coded("State after.")
    change: AppointmentChange = coded("What changed; `status` where several things did.")
