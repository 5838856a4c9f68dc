from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.care_vocabulary import WeightMethod
from pacekeeper.contract.entity import Entity, coded, column, source_code
from pacekeeper.contract.work_vocabulary import StaffRole


class CaseWeight(Entity, table=True):
    """How heavy an episode is to carry, from a day on until the next weight of the episode."""

    grain: ClassVar[str] = "one row per rating; its acuity flags are `case_weight_flag`"

    case_weight_key: str = column("Key of the rating.", key=True)
    episode_key: str = column("Key of the episode.")
    client_key: str | None = column("Key of the client.", null="not said; the episode tells")
    clinician_key: str | None = column("Key of the clinician whose case it is.", null="every clinician of the episode")
    effective_from: date = column("First day the weight holds, local.")
    weight: int = column("Weight, 1 (low) to 3 (high).", ge=1, le=3)
    method: WeightMethod = coded("Who or what set it.")
    method_source_code: str | None = source_code("method")
    rated_by_role: StaffRole | None = coded("Role of who rated.", null="a rule did, or not said")
    rated_by_role_source_code: str | None = source_code("rated_by_role")
