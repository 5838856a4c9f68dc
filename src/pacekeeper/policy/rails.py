"""Values and guardrails out of parsed TOML, by the schema of the shipped defaults."""

from __future__ import annotations

from collections.abc import Mapping

from pacekeeper.errors import PolicyError
from pacekeeper.policy.model import GuardrailPolicy, PolicyValue
from pacekeeper.policy.schema import GUARDRAIL_TEXTS, SEVERITIES, GuardrailSpec, ValueSpec
from pacekeeper.policy.tree import Tree, flag, refuse_unknown, table, text, word

RAIL_KEYS = frozenset({*GUARDRAIL_TEXTS, "enabled", "thresholds", "settings"})
_VALUE_KEYS = frozenset({"value", "unit", "provenance"})


def guardrail(name: str, tree: object, spec: GuardrailSpec, where: str) -> GuardrailPolicy:
    """A guardrail; while it is switched off its values may be left open."""
    rail = table(tree, where)
    refuse_unknown(rail, RAIL_KEYS, where)
    texts = {key: text(rail, key, where) for key in GUARDRAIL_TEXTS}
    word(rail, "severity", SEVERITIES, where)
    enabled = flag(rail, "enabled", where, default=True)
    settings = rail.get("settings", {} if not spec.settings else None)
    if enabled:
        _refuse_open(rail, where)
    return GuardrailPolicy(
        name,
        where=where,
        texts=texts,
        enabled=enabled,
        spec=spec,
        thresholds=values(rail.get("thresholds"), spec.thresholds, f"{where}.thresholds", may_be_open=not enabled),
        settings=values(settings, spec.settings, f"{where}.settings", may_be_open=not enabled),
    )


def _refuse_open(rail: Tree, where: str) -> None:
    for part in ("thresholds", "settings"):
        for key, entry in table(rail.get(part, {}), f"{where}.{part}").items():
            if isinstance(entry, dict) and "value" not in entry:
                raise PolicyError(f"{where}.{part}.{key} has no value; state it, or set enabled = false in {where}")


def values(
    tree: object, specs: Mapping[str, ValueSpec], where: str, *, may_be_open: bool = False
) -> dict[str, PolicyValue]:
    """All values of a section, none missing and none unknown."""
    entries = table(tree, where)
    refuse_unknown(entries, specs, where)
    return {
        key: policy_value(entries.get(key), spec, f"{where}.{key}", may_be_open=may_be_open)
        for key, spec in specs.items()
    }


def policy_value(entry: object, spec: ValueSpec, where: str, *, may_be_open: bool = False) -> PolicyValue:
    """A value with its unit and provenance. may_be_open: it may lack the value itself."""
    if not isinstance(entry, dict) or ("value" not in entry and not may_be_open):
        shape = f'{{ value = ..., unit = "{spec.unit}", provenance = "..." }}'
        raise PolicyError(f"{where} is missing or has no value; write it as {shape}")
    refuse_unknown(entry, _VALUE_KEYS, where)
    if entry.get("unit") != spec.unit:
        raise PolicyError(f"{where}: unit is {entry.get('unit')!r}; it must be {spec.unit!r}")
    if not isinstance(entry.get("provenance"), str) or not entry["provenance"].strip():
        raise PolicyError(f"{where}: provenance is missing; say where the value comes from")
    if "value" not in entry:
        return PolicyValue(None, spec.unit, entry["provenance"])
    value = entry["value"]
    if not spec.fits(value):
        raise PolicyError(
            f"{where}: the value {value!r} does not fit the unit {spec.unit}; it must be {spec.what_fits}"
        )
    return PolicyValue(tuple(value) if isinstance(value, list) else value, spec.unit, entry["provenance"])
