from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, column


class ClinicianSpecialty(Entity, table=True):
    """A field a clinician works in."""

    grain: ClassVar[str] = "one row per clinician record and specialty"

    clinician_key: str = column("Key of the clinician record.", key=True)
    specialty: str = column("The practice's own code of the specialty.", key=True)
