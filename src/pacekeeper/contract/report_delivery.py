from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import ReportKind


class ReportDelivery(Entity, table=True):
    """That a report was handed over; never what it says."""

    grain: ClassVar[str] = "one row per report, month and reader"

    delivery_key: str = column("Key of the delivery.", key=True)
    clinician_key: str | None = column("Key of the clinician record of who got it.", null="the whole practice")
    kind: ReportKind = coded("Kind of report.")
    kind_source_code: str | None = source_code("kind")
    period_month: date = column("First day of the month it is about; of a quarter, its last month.")
    delivered_at: datetime = instant("When it was handed over, UTC.")
