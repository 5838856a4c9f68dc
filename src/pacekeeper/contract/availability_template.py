from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.entity import Entity, Rule, column


class AvailabilityTemplate(Entity, table=True):
    """The weekly pattern in which a clinician is open for clients."""

    grain: ClassVar[str] = "one row per clinician, weekday and stretch"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="template_length",
            column="end_minute",
            message="A weekly availability must end after it starts, on the same day.",
            passes=lambda row: row("end_minute") > row("start_minute"),
        ),
    )

    template_key: str = column("Key of the entry.", key=True)
    clinician_key: str = column("Key of the clinician.")
    location_key: str | None = column("Location, whose zone the minutes are in.", null="not said; the clinician's zone")
    weekday: int = column("Local weekday, 1 = Monday to 7 = Sunday.", ge=1, le=7)
    start_minute: int = column("Start, minutes after local midnight.", ge=0, le=1440)
    end_minute: int = column("End, minutes after local midnight.", ge=0, le=1440)
