from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, source_code
from pacekeeper.contract.vocabulary import AssignmentEnd


class CaseAssignment(Entity, table=True):
    """A period in which a clinician carries a client's episode."""

    grain: ClassVar[str] = "one row per episode, clinician and period"

    assignment_key: str = column("Key of the assignment.", key=True)
    episode_key: str = column("Key of the episode.")
    client_key: str = column("Key of the client.")
    clinician_key: str = column("Key of the clinician.")
    from_date: date = column("First day, local.")
    to_date: date | None = column("Last day, local, inclusive.", null="still assigned")
    share: float = column("Part of the case that is the clinician's, above 0 and up to 1; 1 unless shared.", gt=0, le=1)
    end_reason: AssignmentEnd | None = coded("Why it ended.", null="not ended, or not said")
    end_reason_source_code: str | None = source_code("end_reason")
