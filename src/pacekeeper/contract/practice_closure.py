from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from pacekeeper.contract.entity import Entity, Rule, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import ClosureKind


class PracticeClosure(Entity, table=True):
    """Time in which a location, or the whole practice, is closed; it removes available hours.

    Whole local days in each clinician's own zone, unless both `start_at` and `end_at` are there.
    """

    grain: ClassVar[str] = "one row per closure"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="closure_order",
            column="to_date",
            message="A closure must not end before it begins.",
            passes=lambda row: row("to_date") >= row("from_date"),
        ),
        Rule(
            code="closure_length",
            column="end_at",
            message="A closure of part of a day must end after it starts.",
            passes=lambda row: row("end_at") > row("start_at"),
        ),
    )

    closure_key: str = column("Key of the closure.", key=True)
    location_key: str | None = column("Key of the location.", null="the whole practice")
    from_date: date = column("First day, local.")
    to_date: date = column("Last day, local, inclusive.")
    start_at: datetime | None = instant("Start, UTC, where it is not whole days.", null="from the start of `from_date`")
    end_at: datetime | None = instant("End, UTC, where it is not whole days.", null="to the end of `to_date`")
    kind: ClosureKind = coded("Holiday, or closed for another reason such as a storm or an outage.")
    kind_source_code: str | None = source_code("kind")
