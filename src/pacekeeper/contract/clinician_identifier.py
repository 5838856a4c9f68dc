from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column
from pacekeeper.contract.vocabulary import MatchDomain


class ClinicianIdentifier(Entity, table=True):
    """An identifier that sources share about a clinician, as a keyed hash."""

    grain: ClassVar[str] = "one row per clinician record, domain and identifier"

    clinician_key: str = column("Key of the clinician record.", key=True)
    domain: MatchDomain = coded("Kind of identifier.", key=True)
    match_key: str = column("Keyed hash of the identifier; equal across sources for equal identifiers.", key=True)
