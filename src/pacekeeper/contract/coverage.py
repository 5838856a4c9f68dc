from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import PayerClass
from pacekeeper.contract.entity import Entity, coded, column, source_code


class Coverage(Entity, table=True):
    """A client's insurance, or that there is none."""

    grain: ClassVar[str] = "one row per coverage of a client"

    coverage_key: str = column("Key of the coverage.", key=True)
    client_key: str = column("Key of the client.")
    payer_class: PayerClass = coded("Kind of payer.")
    payer_class_source_code: str | None = source_code("payer_class")
    from_date: date | None = column("First day covered, local.", null="not said")
    to_date: date | None = column("Last day covered, local.", null="still covered, or not said")
    is_active: bool | None = column("Whether it is in force, as the source says.", null="the source does not say")
    priority: int | None = column("Place among the client's coverages, 1 the primary one.", null="not said")
