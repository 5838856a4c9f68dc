from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import EntryCancelledBy, TimeEntryKind


class TimeEntry(Entity, table=True):
    """Working time that a person or a time clock recorded."""

    grain: ClassVar[str] = "one row per entry"

    entry_key: str = column("Key of the entry.", key=True)
    clinician_key: str = column("Key of the clinician record.")
    entry_date: date = column("Day the entry is about, local.")
    started_at: datetime | None = instant("Start, UTC.", null="only the day is known")
    minutes: float = column("Minutes, 0 to 960.", ge=0, le=960)
    kind: TimeEntryKind = coded("Kind of work.")
    kind_source_code: str | None = source_code("kind")
    is_paid: bool | None = column("Whether it is paid.", null="the source does not say")
    is_attested: bool | None = column("Whether somebody confirmed it.", null="the source does not say")
    counterpart_key: str | None = column(
        "Key of the other clinician's record, as of the supervisor.", null="alone, in a group, or not said"
    )
    cancelled_by: EntryCancelledBy | None = coded(
        "Who called it off; it did not take place.", null="it took place, or not said"
    )
    cancelled_by_source_code: str | None = source_code("cancelled_by")
