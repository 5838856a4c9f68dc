from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column
from pacekeeper.contract.vocabulary import ClientMatchedOn


class ClientMatch(Entity, table=True):
    """Which client records are one person."""

    grain: ClassVar[str] = "one row per client key that occurs in any table"
    derived: ClassVar[bool] = True

    client_key: str = column("Key of the client record.", key=True)
    person_key: str = column("Smallest client key of the person's records; the same for all of them.")
    matched_on: ClientMatchedOn = coded("What joined the record to another one.")
