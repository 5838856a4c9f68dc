"""Policy as data: thresholds, windows and owners of every guardrail, effective-dated, with unit and provenance."""

from __future__ import annotations

from pacekeeper.policy.lint import LintFinding, lint
from pacekeeper.policy.load import load_policy
from pacekeeper.policy.model import GuardrailPolicy, Policy, PolicyRevision, PolicyValue, RampBand
from pacekeeper.policy.shipped import profiles

__all__ = [
    "GuardrailPolicy",
    "LintFinding",
    "Policy",
    "PolicyRevision",
    "PolicyValue",
    "RampBand",
    "lint",
    "load_policy",
    "profiles",
]
