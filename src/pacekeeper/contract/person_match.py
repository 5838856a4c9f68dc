from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column
from pacekeeper.contract.vocabulary import MatchedOn


class PersonMatch(Entity, table=True):
    """Which clinician records are one person."""

    grain: ClassVar[str] = "one row per clinician key that occurs in any table"
    derived: ClassVar[bool] = True

    clinician_key: str = column("Key of the clinician record.", key=True)
    person_key: str = column("Smallest clinician key of the person's records; the same for all of them.")
    matched_on: MatchedOn = coded("Identifier by which the record met another one.")
