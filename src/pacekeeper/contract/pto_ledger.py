from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, source_code
from pacekeeper.contract.vocabulary import PtoKind


class PtoLedger(Entity, table=True):
    """An entry of a clinician's leave account."""

    grain: ClassVar[str] = "one row per entry"

    pto_entry_key: str = column("Key of the entry.", key=True)
    clinician_key: str = column("Key of the clinician record.")
    entry_date: date = column("Day the entry is about, local.")
    kind: PtoKind = coded("Kind of entry.")
    kind_source_code: str | None = source_code("kind")
    hours: float = column("Hours, as the source signs them.")
    is_approved: bool | None = column("Whether it was approved.", null="the source does not say")
