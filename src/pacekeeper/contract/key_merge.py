from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant
from pacekeeper.contract.vocabulary import MergedEntity


class KeyMerge(Entity, table=True):
    """A source's statement that one of its records was merged into another."""

    grain: ClassVar[str] = "one row per record that was merged away"

    entity: MergedEntity = coded("What was merged.", key=True)
    from_key: str = column("Key of the record that was merged away.", key=True)
    into_key: str = column("Key of the record that remains.")
    effective_at: datetime | None = instant("When they were merged, UTC.", null="the source does not say")
