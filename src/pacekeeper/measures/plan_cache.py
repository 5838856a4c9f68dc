"""Plans kept on disk: compiling every mart takes longer than running them, and nothing in a plan changes by the night.

A plan is SQL text; it holds no row and no value of a client.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from pacekeeper.engine.made import digest
from pacekeeper.fingerprint import code_fingerprint
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
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return _from_text(kept, catalogue, policy)
    except (OSError, ValueError, KeyError):
        plan = compile_plan(catalogue, policy, dialect=dialect)
    _keep(file, json.dumps(_as_text(plan)))
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


def _from_text(kept: list[list[object]], catalogue: Catalogue, policy: Policy) -> Plan:
    steps = {step.name: step for mart in catalogue.marts.values() for step in _all_steps(mart.steps)}
    items: list[PlannedStep | PlannedMart] = []
    for kind, name, sql in kept:
        if kind == "step" and isinstance(sql, list):
            items.append(PlannedStep(steps[str(name)], tuple(map(str, sql))))
        else:
            items.append(PlannedMart(catalogue.marts[str(name)], str(sql)))
    return Plan(tuple(items), policy, policy_tables(catalogue.guardrails.values(), policy))


def _all_steps(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        yield step
        yield from _all_steps(step.reads)


def _keep(file: Path, text: str) -> None:
    """Written whole or not at all; a folder that cannot be written to costs time, and nothing else."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(file)
        by_age = sorted(file.parent.glob("plan-*.json"), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in by_age[_KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def _code() -> str:
    """Fingerprint of the code that makes plans: ours by content, libraries and plugins by version."""
    plugins = [
        f"{point.value} {point.dist.version if point.dist is not None else ''}"
        for point in metadata.entry_points(group=GROUP)
    ]
    return "\n".join([code_fingerprint(_PACKAGES, _LIBRARIES), *sorted(plugins)])
