from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, source_code
from pacekeeper.contract.vocabulary import LocationKind, TzSource


class Location(Entity, table=True):
    """A place, physical or virtual, where clinicians work."""

    grain: ClassVar[str] = "one row per location of a source"
    zones: ClassVar[tuple[str, ...]] = ("tz",)

    location_key: str = column("Key of the location.", key=True)
    practice_key: str = column("Key of the practice.")
    tz: str = column("IANA zone of the location; local days and weeks of the clinicians at home here follow it.")
    tz_source: TzSource = coded("Where `tz` comes from.")
    kind: LocationKind = coded("Kind of location.")
    kind_source_code: str | None = source_code("kind")
