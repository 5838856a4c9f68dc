from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, Rule, coded, column, source_code
from pacekeeper.contract.work_vocabulary import SupervisionKind


class SupervisionLink(Entity, table=True):
    """A period in which one clinician supervises another."""

    grain: ClassVar[str] = "one row per clinician, supervisor, kind and first day; who supervises themselves may be one"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="supervision_order",
            column="valid_to",
            message="A supervision must not end before it begins.",
            passes=lambda row: row("valid_to") >= row("valid_from"),
        ),
    )

    clinician_key: str = column("Key of the clinician record of who is supervised.", key=True)
    supervisor_key: str = column("Key of the clinician record of the supervisor.", key=True)
    kind: SupervisionKind = coded("Clinical or administrative.", key=True)
    kind_source_code: str | None = source_code("kind")
    valid_from: date = column("First day, local.", key=True)
    valid_to: date | None = column("Last day, local, inclusive.", null="not ended")
    team_key: str | None = column("Key of the team; a team is no more than its key.", null="not said")
