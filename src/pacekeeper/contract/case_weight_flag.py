from __future__ import annotations

from typing import ClassVar

from pacekeeper.contract.care_vocabulary import AcuityFlag
from pacekeeper.contract.entity import Entity, coded, column, source_code


class CaseWeightFlag(Entity, table=True):
    """A reason for which a case is acute."""

    grain: ClassVar[str] = "one row per rating and flag"

    case_weight_key: str = column("Key of the rating.", key=True)
    flag: AcuityFlag = coded("Reason.", key=True)
    flag_source_code: str | None = source_code("flag")
