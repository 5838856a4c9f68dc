"""The marts and guardrails: named tables computed from the canonical model, and what the policy judges them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from pacekeeper.measures.guardrail import Catalogue
from pacekeeper.measures.mart import Mart
from pacekeeper.measures.needs import Needs
from pacekeeper.measures.packs import PackFailure, extended, installed_packs
from pacekeeper.policy import plugin_failures

if TYPE_CHECKING:
    from pathlib import Path

    from pacekeeper.engine.session import Session
    from pacekeeper.measures.completeness import SourceCompleteness
    from pacekeeper.policy import Policy

    #: Every mart and guardrail by name, with what plugins add; marts; what each guardrail needs from sources, by its
    #: id; what each measure needs, by `mart.column`.
    CATALOGUE: Catalogue
    MARTS: Mapping[str, Mart]
    NEEDS: Mapping[str, Needs]
    MEASURE_NEEDS: Mapping[str, Needs]

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

__all__ = ["CATALOGUE", "MARTS", "MEASURE_NEEDS", "NEEDS", "Mart", "materialise", "measure_plugin_failures"]

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


@cache
def _catalogue() -> tuple[Catalogue, tuple[PackFailure, ...]]:
    own = Catalogue.of(
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
    return extended(own, installed_packs())


def measure_plugin_failures() -> tuple[str, ...]:
    """Installed measure plugins that are left out, wholly or in the policy, with the reason and the fix."""
    return tuple(dict.fromkeys((*(failure.text for failure in _catalogue()[1]), *plugin_failures())))


def _measure_needs(marts: Iterable[Mart]) -> Mapping[str, Needs]:
    own = {f"{mart.name}.{column.name}": column.needs for mart in marts for column in mart.columns if column.needs}
    return MappingProxyType({**COLUMN_NEEDS, **own})


def __getattr__(name: str) -> object:
    """The catalogue, when it is first asked for: a plugin that adds to it imports this package first."""
    catalogue, _ = _catalogue()
    match name:
        case "CATALOGUE":
            return catalogue
        case "MARTS":
            return catalogue.marts
        case "NEEDS":
            return MappingProxyType({rail.id: rail.needs for rail in catalogue.guardrails.values()})
        case "MEASURE_NEEDS":
            return _measure_needs(catalogue.marts.values())
        case _:
            raise AttributeError(name)


def materialise(
    session: Session,
    *,
    as_of: datetime,
    policy: Policy,
    completeness: Iterable[SourceCompleteness],
    plans: Path,
    keeps: bool = False,
) -> dict[str, int]:
    """Build every mart into schema `marts` of the session's database; rows per mart come back.

    Reads schema `canonical`, which must have every table of the contract. `guardrail_result` gains versions, the
    other marts are replaced. Needs the only writer of the database. plans: folder in which compiled plans are kept.
    keeps: the marts are as the last build left them; weeks of weekly marts in which nothing changed then stay.
    """
    from pacekeeper.measures.materialise import materialise_marts
    from pacekeeper.measures.plan_cache import kept_plan

    plan = kept_plan(plans, _catalogue()[0], policy, dialect=session.dialect)
    return materialise_marts(session, plan, as_of=as_of, completeness=completeness, keeps=keeps)
