from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column
from pacekeeper.contract.vocabulary import WeekStart


class Practice(Entity, table=True):
    """The practice itself, as its settings describe it."""

    grain: ClassVar[str] = "one row per practice; there is one"
    derived: ClassVar[bool] = True
    zones: ClassVar[tuple[str, ...]] = ("home_tz",)

    practice_key: str = column("Key of the practice.", key=True)
    name: str = column("Name of the practice, from the settings.")
    home_tz: str = column("IANA zone in which the practice keeps its weeks.")
    week_start: WeekStart = coded("Local weekday on which a practice week begins.")
