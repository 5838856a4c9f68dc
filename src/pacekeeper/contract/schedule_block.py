from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, Rule, coded, column, instant, source_code
from pacekeeper.contract.vocabulary import BlockKind, BlockSource


class ScheduleBlock(Entity, table=True):
    """A stretch of a clinician's calendar set aside for something."""

    grain: ClassVar[str] = "one row per block; blocks may overlap"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="block_length",
            column="end_at",
            message="A schedule block must end after it starts.",
            passes=lambda row: row("end_at") > row("start_at"),
        ),
    )

    block_key: str = column("Key of the block.", key=True)
    clinician_key: str = column("Key of the clinician record.")
    location_key: str | None = column("Key of the location.", null="not said")
    start_at: datetime = instant("Start, UTC.")
    end_at: datetime = instant("End, UTC.")
    kind: BlockKind = coded("What the time is for.")
    kind_source_code: str | None = source_code("kind")
    is_protected: bool = column("Whether nothing may be booked over it.")
    block_source: BlockSource = coded("Whether it stands in a calendar or comes from a template.")
