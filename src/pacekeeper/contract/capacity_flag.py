from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, column, instant


class CapacityFlag(Entity, table=True):
    """That a clinician said: I am at capacity."""

    grain: ClassVar[str] = "one row per flag"

    flag_key: str = column("Key of the flag.", key=True)
    clinician_key: str = column("Key of the clinician record.")
    raised_at: datetime = instant("When it was raised, UTC.")
    until_date: date | None = column("Last day it holds, local.", null="not said; the policy's weeks count")
