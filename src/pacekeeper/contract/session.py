from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pacekeeper.contract.entity import Entity, Rule, coded, column, instant, source_code
from pacekeeper.contract.vocabulary import DurationSource, Modality, SessionStatus, SessionType


def _lasts_up_to_eight_hours(row: Callable[[str], Any]) -> Any:  # Any: a Polars or an Ibis expression
    longest = timedelta(minutes=480)
    return (row("ended_at") > row("started_at")) & (row("ended_at") <= row("started_at") + longest)


class Session(Entity, table=True):
    """A contact that took place: one occurrence, however many clients attend."""

    grain: ClassVar[str] = "one row per occurrence; clinicians and clients are child tables"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="session_duration",
            column="ended_at",
            message="A session must last longer than 0 and at most 480 minutes.",
            passes=_lasts_up_to_eight_hours,
        ),
    )

    session_key: str = column("Key of the session.", key=True)
    appointment_key: str | None = column("Key of the appointment it kept.", null="none, or several (a group)")
    clinician_key: str = column("Key of the clinician in charge.")
    started_at: datetime = instant("Start, UTC.")
    ended_at: datetime = instant("End, UTC; at most 480 minutes after the start.")
    duration_source: DurationSource = coded("Where the times come from.")
    session_type: SessionType = coded("Kind of session.")
    session_type_source_code: str | None = source_code("session_type")
    modality: Modality = coded("How it was held.")
    modality_source_code: str | None = source_code("modality")
    status: SessionStatus = coded("Completed, partial or voided.")
    status_source_code: str | None = source_code("status")
    is_acuity_event: bool | None = column("Whether it was a crisis or the like.", null="the source does not say")
    is_intake: bool = column("Whether it was a first assessment.")
    group_key: str | None = column("What the records of one group occurrence share.", null="not a group")
    location_key: str | None = column("Key of the location.", null="not said")
    service_line: str | None = column("The practice's own code of the service line.", null="not said; the episode's")
