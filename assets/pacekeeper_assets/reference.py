"""Reference pages about marts and guardrails, generated from mart definitions, policy profiles and reasons."""

from __future__ import annotations

import inspect

from pacekeeper.measures import Mart, MartColumn, Reason, State
from pacekeeper.measures.needs import Needs, supplier
from pacekeeper.policy import GuardrailPolicy, Policy, PolicyRevision, PolicyValue, lint, load_policy, profiles
from pacekeeper_assets import MARTS, NEEDS

_MARTS = """\
# Marts

Generated from the mart definitions in `pacekeeper_assets`; do not edit.

All tables are in schema `marts`, those that tell of one person's pay or leave in schema `restricted`, which no copy for
BI has. They are replaced as a whole each night, `guardrail_result` excepted: it only gains versions.
Instants are UTC, dates are local to the row's zone. Null means not known, never zero. Decision 1.9 is point 9 of
[decision 1](../decisions/0001-measures-where-the-domain-leaves-room.md); published definitions and practice articles
are listed in [sources](../sources.md).
"""

_GUARDRAILS = """\
# Guardrails

Generated from the shipped policy profiles; do not edit.

The numbers are practice policy taken from the articles named (S0 to S4, see [sources](../sources.md)), not evidence.
A practice states its own in a TOML file that begins with `extends = "default"`; each week is judged by the revision in
force when it began. Decision 1.9 is point 9 of
[decision 1](../decisions/0001-measures-where-the-domain-leaves-room.md).
"""


def marts_markdown() -> str:
    """Every mart with its columns, in building order."""
    return "\n".join([_MARTS, *(_mart(mart) for mart in MARTS.values())])


def guardrails_markdown() -> str:
    """Every guardrail of every shipped profile, the states and the reasons."""
    loaded = [load_policy(profile) for profile in profiles()]
    return "\n".join([_GUARDRAILS, _states(), *(_profile(policy) for policy in loaded)])


def _mart(mart: Mart) -> str:
    lines = [f"## {mart.name}", "", mart.description, ""]
    lines += [f"Grain: {mart.grain}.", f"Primary key: {', '.join(f'`{name}`' for name in mart.primary_key)}."]
    if mart.restricted:
        lines += ["Restricted: it tells of one person's pay or leave, and stays out of the copy for BI."]
    lines += [f"Reads: {', '.join(f'`{name}`' for name in mart.inputs)}.", ""]
    lines += ["| column | type | unit | description |", "|---|---|---|---|", *map(_column, mart.columns)]
    return "\n".join([*lines, ""])


def _column(column: MartColumn) -> str:
    return f"| `{column.name}` | {column.type} | {column.unit} | {column.description} |"


def _states() -> str:
    reasons = [line for line in inspect.cleandoc(Reason.__doc__ or "").splitlines()[1:] if line]
    states = ", ".join(f"`{state.value}`" for state in State)
    lines = ["## States and reasons", "", f"States: {states}. {inspect.cleandoc(State.__doc__ or '')}", ""]
    return "\n".join([*lines, *(f"- {reason}" for reason in reasons), ""])


def _profile(policy: Policy) -> str:
    revision = policy.latest
    lines = [f"## Profile `{policy.name}`", "", f"{policy.title}. Policy version `{revision.version}`.", ""]
    findings = lint(policy)
    if findings:
        lines += ["Contradictions it acknowledges:", "", *(f"- {finding.message}" for finding in findings), ""]
    for guardrail in revision.guardrails.values():
        lines += _guardrail(guardrail)
    return "\n".join([*lines, *_other_values(revision)])


def _guardrail(guardrail: GuardrailPolicy) -> list[str]:
    needs = NEEDS[guardrail.id]
    required = " and ".join(" or ".join(f"`{name}`" for name in group) for group in needs.required_entities)
    supporting = ", ".join(f"`{name}`" for name in needs.supporting_entities) or "nothing else"
    lines = [f"### {guardrail.id}", "", f"{guardrail.title}, per {guardrail.period}.", ""]
    lines += [f"Acts on it: {guardrail.owner}. Severity of a breach: {guardrail.severity}."]
    lines += [f"Needs {required}; reads {supporting} where a source has it.", *_fed_by(needs), ""]
    lines += ["| kind | key | value | unit | provenance |", "|---|---|---|---|---|"]
    lines += [_value("threshold", key, entry) for key, entry in guardrail.thresholds.values.items()]
    lines += [_value("setting", key, entry) for key, entry in guardrail.settings.values.items()]
    return [*lines, ""]


def _fed_by(needs: Needs) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for entity in needs.entities:
        kinds.setdefault(supplier(entity), []).append(f"`{entity}`")
    return [
        "",
        "| fed by | with |",
        "|---|---|",
        *(f"| {kind} | {', '.join(names)} |" for kind, names in kinds.items()),
    ]


def _other_values(revision: PolicyRevision) -> list[str]:
    lines = ["### Shared values", "", "| section | key | value | unit | provenance |", "|---|---|---|---|---|"]
    for name, section in revision.sections.items():
        lines += [_value(name, key, entry) for key, entry in section.values.items()]
    for band in revision.ramp:
        last = " and later" if band is revision.ramp[-1] else ""
        lines.append(
            f"| ramp | month {band.month}{last} | {band.low:g} to {band.high:g} | {band.unit} | {band.provenance} |"
        )
    return [*lines, ""]


def _value(kind: str, key: str, entry: PolicyValue) -> str:
    value = ", ".join(entry.value) if isinstance(entry.value, tuple) else str(entry.value).lower()
    if entry.unit == "definition":
        value = str(entry.value)
    return f"| {kind} | `{key}` | {value} | {entry.unit} | {entry.provenance} |"
