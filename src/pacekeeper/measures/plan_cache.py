"""Plans kept on disk: compiling every mart takes longer than running them, and nothing in a plan changes by the night.

A plan is SQL text; it holds no row and no value of a client.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from pacekeeper.engine.made import digest
from pacekeeper.fingerprint import code_fingerprint
from pacekeeper.kept_file import keep, kept
from pacekeeper.measures.bands import policy_tables
from pacekeeper.measures.guardrail import Catalogue
from pacekeeper.measures.mart import Step
from pacekeeper.measures.packs import GROUP
from pacekeeper.measures.plan import Plan, PlannedMart, PlannedStep, compile_plan
from pacekeeper.policy import Policy

#: What the SQL of a plan is made by.
_PACKAGES = ("pacekeeper.contract", "pacekeeper.measures", "pacekeeper.policy", "pacekeeper_assets")
_LIBRARIES = ("ibis-framework", "sqlglot")
_KEPT = 4


def kept_plan(folder: Path, catalogue: Catalogue, policy: Policy, *, dialect: str = "duckdb") -> Plan:
    """The plan for a catalogue and a policy: from the folder where it was compiled before, else compiled and kept.

    A file that cannot be read is compiled anew; of old plans the latest few stay.
    """
    file = folder / f"plan-{plan_digest(catalogue, policy, dialect=dialect)[:32]}.json"
    found = kept(file)
    if isinstance(found, list):
        try:
            return _from_text(found, catalogue, policy)
        except (KeyError, ValueError):
            pass
    plan = compile_plan(catalogue, policy, dialect=dialect)
    keep(file, _as_text(plan), like="plan-*.json", most=_KEPT)
    return plan


def plan_digest(catalogue: Catalogue, policy: Policy, *, dialect: str = "duckdb") -> str:
    """What tells the plan for a catalogue and a policy from all others."""
    return digest(dialect, _code(), policy.fingerprint, *catalogue.marts, *catalogue.guardrails)


def _as_text(plan: Plan) -> list[list[object]]:
    return [
        ["step", item.step.name, list(item.sql)]
        if isinstance(item, PlannedStep)
        else ["mart", item.mart.name, item.sql]
        for item in plan.items
    ]


def _from_text(texts: list[list[object]], catalogue: Catalogue, policy: Policy) -> Plan:
    steps = {step.name: step for mart in catalogue.marts.values() for step in _all_steps(mart.steps)}
    items: list[PlannedStep | PlannedMart] = []
    for kind, name, sql in texts:
        if kind == "step" and isinstance(sql, list):
            items.append(PlannedStep(steps[str(name)], tuple(map(str, sql))))
        else:
            items.append(PlannedMart(catalogue.marts[str(name)], str(sql)))
    return Plan(tuple(items), policy, policy_tables(catalogue.guardrails.values(), policy))


def _all_steps(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        yield step
        yield from _all_steps(step.reads)


def _code() -> str:
    """Fingerprint of the code that makes plans: ours by content, libraries and plugins by version."""
    plugins = [
        f"{point.value} {point.dist.version if point.dist is not None else ''}"
        for point in metadata.entry_points(group=GROUP)
    ]
    return "\n".join([code_fingerprint(_PACKAGES, _LIBRARIES), *sorted(plugins)])
