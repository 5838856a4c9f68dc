"""The marts: named tables computed from the canonical model, in building order, and how they are materialised."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from pacekeeper.measures.mart import Mart, by_name

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from pacekeeper.measures.completeness import SourceCompleteness
    from pacekeeper.policy import Policy

from pacekeeper_assets.attendance import ATTENDANCE_WEEK
from pacekeeper_assets.caseload import CASELOAD_SNAPSHOT
from pacekeeper_assets.guardrails import GUARDRAIL_RESULT
from pacekeeper_assets.outcomes import MEASURE_TRAJECTORY
from pacekeeper_assets.productivity import CLINICIAN_WEEK

__all__ = ["MARTS", "Mart", "materialise"]

#: Every mart by name; each reads canonical entities and marts before it.
MARTS = by_name((CLINICIAN_WEEK, ATTENDANCE_WEEK, CASELOAD_SNAPSHOT, MEASURE_TRAJECTORY, GUARDRAIL_RESULT))


def materialise(
    con: Backend, *, as_of: datetime, policy: Policy, completeness: Iterable[SourceCompleteness]
) -> dict[str, int]:
    """Build every mart into schema `marts` of the connection; rows per mart come back.

    Reads schema `canonical`; entities without a table count as empty. `guardrail_result` gains versions, the other
    marts are replaced. Needs the only writer of the database.
    """
    from pacekeeper.measures.materialise import materialise_marts

    return materialise_marts(con, tuple(MARTS.values()), as_of=as_of, policy=policy, completeness=completeness)
