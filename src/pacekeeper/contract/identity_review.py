from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column
from pacekeeper.contract.vocabulary import MergedEntity, ReviewReason


class IdentityReview(Entity, table=True):
    """A record whose person a human should look at: matched to nobody, or claimed by contradicting identifiers."""

    grain: ClassVar[str] = "one row per record and reason"
    derived: ClassVar[bool] = True

    entity: MergedEntity = coded("Kind of record.", key=True)
    record_key: str = column("Key of the record.", key=True)
    reason: ReviewReason = coded("What is the matter.", key=True)
    of_source: str | None = column("Source the record comes from.", null="the crosswalk file names no known record")
