from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, coded, column, source_code
from pacekeeper.contract.vocabulary import EmploymentEnd, EmploymentType
from pacekeeper.contract.work_vocabulary import ScheduleTemplate, TargetUnit


class Employment(Entity, table=True):
    """A period of employment of a clinician."""

    grain: ClassVar[str] = "one row per employment of a clinician record; overlapping ones add up"

    employment_key: str = column("Key of the employment.", key=True)
    clinician_key: str = column("Key of the clinician record.")
    start_date: date = column("First day, local.")
    end_date: date | None = column("Last day, local, inclusive.", null="not ended")
    end_reason: EmploymentEnd | None = coded("Why it ended.", null="not ended, or not said")
    end_reason_source_code: str | None = source_code("end_reason")
    employment_type: EmploymentType = coded("Legal form.")
    employment_type_source_code: str | None = source_code("employment_type")
    fte: float | None = column(
        "Full-time equivalent, above 0 and up to 1.2.", null="unknown; limits are then not scaled", gt=0, le=1.2
    )
    contract_h_week: float | None = column("Contracted hours a week.", null="not said", ge=0, le=168)
    comp_plan_key: str | None = column("Key of the compensation plan.", null="not said")
    schedule_template: ScheduleTemplate | None = coded("How the week is laid out.", null="not said")
    schedule_template_source_code: str | None = source_code("schedule_template")
    target_override: float | None = column(
        "Weekly target agreed for this person, in place of the policy's.", null="the policy's holds", ge=0
    )
    target_override_unit: TargetUnit | None = coded("What the agreed target counts.", null="no agreed target")
    target_override_unit_source_code: str | None = source_code("target_override_unit")
    target_override_reason: str | None = column("Code of why it was agreed.", null="no agreed target, or not said")
    target_override_until: date | None = column("Last day it holds, local.", null="no agreed target, or no end")
