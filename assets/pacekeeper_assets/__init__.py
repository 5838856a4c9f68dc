"""The marts and guardrails: named tables computed from the canonical model, and what the policy judges them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from pacekeeper.measures.guardrail import Catalogue
from pacekeeper.measures.mart import Mart
from pacekeeper.measures.needs import Needs

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

    from pacekeeper.measures.completeness import SourceCompleteness
    from pacekeeper.policy import Policy

from pacekeeper_assets import (
    breaches,
    denials,
    ehr,
    episodes,
    experiments,
    finance,
    guardrails,
    intake,
    measurement,
    messages,
    notes,
    reconciliation,
    schedule,
    staff_survey,
    systemic,
    trend,
    workforce,
    workload,
)
from pacekeeper_assets.attendance import ATTENDANCE_WEEK
from pacekeeper_assets.caseload import CASELOAD_SNAPSHOT
from pacekeeper_assets.needs import COLUMN_NEEDS
from pacekeeper_assets.outcomes import MEASURE_TRAJECTORY
from pacekeeper_assets.productivity import CLINICIAN_WEEK

__all__ = ["CATALOGUE", "MARTS", "MEASURE_NEEDS", "NEEDS", "Mart", "materialise"]

_SUBJECTS = (
    ehr,
    notes,
    messages,
    schedule,
    workload,
    trend,
    intake,
    episodes,
    measurement,
    finance,
    denials,
    reconciliation,
    workforce,
    staff_survey,
    experiments,
    systemic,
)
#: Every mart and guardrail by name.
CATALOGUE = Catalogue.of(
    marts=(
        CLINICIAN_WEEK,
        ATTENDANCE_WEEK,
        CASELOAD_SNAPSHOT,
        MEASURE_TRAJECTORY,
        *(mart for subject in _SUBJECTS for mart in subject.MARTS),
        guardrails.GUARDRAIL_RESULT,
        *breaches.MARTS,
    ),
    guardrails=(*guardrails.GUARDRAILS, *(rail for subject in _SUBJECTS for rail in subject.GUARDRAILS)),
)
MARTS = CATALOGUE.marts
#: What every guardrail needs from sources, by its id.
NEEDS: Mapping[str, Needs] = MappingProxyType({rail.id: rail.needs for rail in CATALOGUE.guardrails.values()})
#: What every measure needs from sources, by `mart.column`.
MEASURE_NEEDS: Mapping[str, Needs] = MappingProxyType(
    {
        **COLUMN_NEEDS,
        **{
            f"{mart.name}.{column.name}": column.needs
            for mart in MARTS.values()
            for column in mart.columns
            if column.needs is not None
        },
    }
)


def materialise(
    con: Backend, *, as_of: datetime, policy: Policy, completeness: Iterable[SourceCompleteness]
) -> dict[str, int]:
    """Build every mart into schema `marts` of the connection; rows per mart come back.

    Reads schema `canonical`, which must have every table of the contract. `guardrail_result` gains versions, the
    other marts are replaced. Needs the only writer of the database.
    """
    from pacekeeper.measures.materialise import materialise_marts
    from pacekeeper.measures.plan import compile_plan

    return materialise_marts(con, compile_plan(CATALOGUE, policy), as_of=as_of, completeness=completeness)
