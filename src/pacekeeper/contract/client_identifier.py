from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column
from pacekeeper.contract.vocabulary import ClientDomain


class ClientIdentifier(Entity, table=True):
    """An identifier that sources share about a client, as a keyed hash."""

    grain: ClassVar[str] = "one row per client record, domain and identifier"

    client_key: str = column("Key of the client record.", key=True)
    domain: ClientDomain = coded("Kind of identifier.", key=True)
    match_key: str = column("Keyed hash of the identifier; equal across sources for equal identifiers.", key=True)
