from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, source_code
from pacekeeper.contract.vocabulary import ClinicianRole, LicenseLevel


class Clinician(Entity, table=True):
    """A person who sees clients or supervises, as one source knows them."""

    grain: ClassVar[str] = "one row per clinician record of a source; `person_match` joins the records of one person"

    clinician_key: str = column("Key of the clinician record.", key=True)
    practice_key: str = column("Key of the practice.")
    role: ClinicianRole = coded("What the clinician does.")
    role_source_code: str | None = source_code("role")
    license_level: LicenseLevel = coded("Level of licence.")
    license_level_source_code: str | None = source_code("license_level")
    is_client_facing: bool | None = column("Whether the clinician sees clients.", null="the source does not say")
    home_location_key: str | None = column(
        "Location whose zone is the clinician's local zone.", null="none known; the practice's home zone stands in"
    )
    first_seen: date | None = column("First day the source knows the clinician.", null="the source does not say")
