"""Policy as data: thresholds, windows and owners of every guardrail, effective-dated, with unit and provenance."""

from __future__ import annotations

from pacekeeper.policy.in_weeks import layer_rows, version_rows
from pacekeeper.policy.layers import Layer
from pacekeeper.policy.lint import LintFinding, lint, notices
from pacekeeper.policy.load import load_policy, read_policy
from pacekeeper.policy.model import GuardrailPolicy, Policy, PolicyRevision, PolicyValue, RampBand
from pacekeeper.policy.pay import PayPlan, PayTier
from pacekeeper.policy.shipped import plugin_failures, profiles

__all__ = [
    "GuardrailPolicy",
    "Layer",
    "LintFinding",
    "PayPlan",
    "PayTier",
    "Policy",
    "PolicyRevision",
    "PolicyValue",
    "RampBand",
    "layer_rows",
    "lint",
    "load_policy",
    "notices",
    "plugin_failures",
    "profiles",
    "read_policy",
    "version_rows",
]
