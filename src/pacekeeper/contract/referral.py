from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pacekeeper.contract.care_vocabulary import ScreenResult
from pacekeeper.contract.entity import Entity, coded, column, instant, source_code
from pacekeeper.contract.work_vocabulary import Direction, ReferralChannel, ReferralOutcome


class Referral(Entity, table=True):
    """A request for care: an inquiry that came in, or one the practice sent out."""

    grain: ClassVar[str] = "one row per request"

    referral_key: str = column("Key of the referral.", key=True)
    client_key: str | None = column("Key of the client.", null="no client record yet")
    clinician_key: str | None = column("Key of the clinician asked for.", null="nobody in particular")
    direction: Direction = coded("Into or out of the practice.")
    channel: ReferralChannel = coded("Way it came.")
    channel_source_code: str | None = source_code("channel")
    inquiry_at: datetime | None = instant("When help was asked for, UTC.", null="not known; left out of waits")
    responded_at: datetime | None = instant("First answer, UTC.", null="none yet, or not known")
    screened_at: datetime | None = instant("When it was screened, UTC.", null="not screened, or not known")
    accepted_at: datetime | None = instant("When it was accepted, UTC.", null="not accepted, or not known")
    first_offered_at: datetime | None = instant(
        "Start of the first appointment offered, UTC.", null="none, or not known"
    )
    outcome: ReferralOutcome = coded("What became of it.")
    outcome_source_code: str | None = source_code("outcome")
    service_line: str | None = column("Service asked for, the practice's own code.", null="not said")
    screen_result: ScreenResult | None = coded("What screening found.", null="not screened, or not said")
    screen_result_source_code: str | None = source_code("screen_result")
    first_attended_at: datetime | None = instant(
        "Start of the first appointment attended, UTC.", null="none yet, or not linked"
    )
    closed_at: datetime | None = instant(
        "When it stopped waiting without an appointment, UTC.", null="still waiting, or not known"
    )
    requested_specialty: str | None = column("Specialty asked for, the practice's own code.", null="none, or not said")
    needs_high_acuity: bool | None = column("Whether the need is of high acuity.", null="the source does not say")
