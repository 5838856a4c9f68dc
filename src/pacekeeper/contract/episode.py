from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, source_code
from pacekeeper.contract.vocabulary import ClosureType, EpisodeStatus


class Episode(Entity, table=True):
    """An episode of care of a client."""

    grain: ClassVar[str] = "one row per episode"

    episode_key: str = column("Key of the episode.", key=True)
    client_key: str = column("Key of the client.")
    service_line: str | None = column("The practice's own code of the service line.", null="not said")
    opened_on: date = column("Day the episode began, local.")
    closed_on: date | None = column("Day it ended, local.", null="still open, or not said")
    status: EpisodeStatus = coded("State of the episode.")
    status_source_code: str | None = source_code("status")
    primary_clinician_key: str | None = column("Clinician in charge.", null="none named")
    closure_type: ClosureType | None = coded("How it ended, as recorded.", null="not ended, or not said")
    closure_type_source_code: str | None = source_code("closure_type")
    planned_end_on: date | None = column("Day it is planned to end, local.", null="not planned, or not said")
