from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.care_vocabulary import AlertKind, AlertState
from pacekeeper.contract.entity import Entity, coded, column, instant, source_code


class ClinicalAlert(Entity, table=True):
    """A warning about a client's care that somebody has to look at."""

    grain: ClassVar[str] = "one row per alert; what was done about it is `alert_action`"

    alert_key: str = column("Key of the alert.", key=True)
    client_key: str = column("Key of the client.")
    clinician_key: str = column("Key of the clinician record of the therapist.")
    kind: AlertKind = coded("What it warns of.")
    kind_source_code: str | None = source_code("kind")
    created_at: datetime = instant("When it was raised, UTC.")
    trigger_response_key: str | None = column("Key of the measure response that raised it.", null="none, or not said")
    therapist_notified_at: datetime | None = instant("When the therapist was told, UTC.", null="not told, or not known")
    supervisor_notified_at: datetime | None = instant(
        "When the supervisor was told, UTC.", null="not told, or not known"
    )
    state: AlertState = coded("State of the alert.")
    state_source_code: str | None = source_code("state")
