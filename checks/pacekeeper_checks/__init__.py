"""Asset checks: what the data must satisfy, and which guardrails are breached or cannot be judged."""

from collections.abc import Sequence

import dagster as dg

from pacekeeper_checks.contract import contract_checks
from pacekeeper_checks.guardrails import guardrail_checks
from pacekeeper_checks.landing import landing_checks
from pacekeeper_checks.plausibility import plausibility_checks
from pacekeeper_checks.plugin_health import plugin_health_checks

__all__ = ["all_checks"]


def all_checks(sources: Sequence[str], guardrails: Sequence[str]) -> list[dg.AssetChecksDefinition]:
    """Every check, for the configured sources and the policy's guardrails."""
    return [
        landing_checks(sources),
        plugin_health_checks(sources),
        contract_checks(),
        guardrail_checks(guardrails),
        plausibility_checks(),
    ]
