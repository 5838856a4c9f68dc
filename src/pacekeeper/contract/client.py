from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column
from pacekeeper.contract.vocabulary import Part2Flag


class Client(Entity, table=True):
    """A person in care, as one source knows them. No names, addresses or dates of birth."""

    grain: ClassVar[str] = "one row per client record of a source"

    client_key: str = column("Key of the client record.", key=True)
    practice_key: str = column("Key of the practice.")
    birth_year: int | None = column("Year of birth.", null="not known")
    area_code: str | None = column("First three characters of the postal code.", null="not known")
    part2_flag: Part2Flag = coded("Whether 42 CFR Part 2 protects the record; `unknown` counts as yes in extracts.")
    is_deceased: bool | None = column("Whether the client has died.", null="the source does not say")
