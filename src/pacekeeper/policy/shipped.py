"""Shipped defaults - the default profile and what plugins add - and the schema that follows from them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from pacekeeper.errors import PolicyError
from pacekeeper.policy.rails import RAIL_KEYS, guardrail
from pacekeeper.policy.schema import (
    FREE_LIST_UNITS,
    SUBJECTS,
    THRESHOLD_UNITS,
    UNITS,
    WORD_UNITS,
    GuardrailSpec,
    PolicySchema,
    ValueSpec,
)
from pacekeeper.policy.tree import Tree, merged, refuse_unknown, table, word

DEFAULT = "default"
#: What a guardrail's shipped block says once for all policies.
_SHIPPED_ONLY = ("subject", "rules", "ascending", "excludes")
_SHIPPED_VALUE_KEYS = frozenset({"value", "unit", "provenance", "choices"})
_RULE = re.compile(r"[A-Z][0-9]{2}")


@dataclass(frozen=True)
class Shipped:
    """What holds for every policy.

    profile: the default profile with the plugins' guardrails. guardrails: those of the plugins alone, which lie under a
    policy that does not extend a profile, too. failures: plugins whose guardrails cannot be used and are left out,
    with the reason and the fix.
    """

    schema: PolicySchema
    profile: Tree
    guardrails: Tree
    failures: tuple[str, ...] = ()


def plugin_failures() -> tuple[str, ...]:
    """Installed measure plugins that are left out, wholly or in the policy, with the reason and the fix."""
    from pacekeeper.measures.packs import installed_packs

    return (*(failure.text for failure in installed_packs().failures), *shipped().failures)


def profiles() -> tuple[str, ...]:
    """Names of the shipped profiles."""
    folder = resources.files("pacekeeper.policy") / "profiles"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def profile_tree(name: str) -> tuple[Tree, str]:
    """A shipped profile as it is written, and its file name."""
    if name not in profiles():
        raise PolicyError(f"there is no policy profile {name!r}; shipped are {', '.join(profiles())}")
    text = (resources.files("pacekeeper.policy") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text), f"{name}.toml"


def shipped() -> Shipped:
    """Everything shipped. A plugin at fault is left out as a whole: the others go on."""
    from pacekeeper.measures.packs import installed_packs

    tree, label = profile_tree(DEFAULT)
    specs = {name: _spec(rail, f"{label}: guardrails.{name}") for name, rail in tree["guardrails"].items()}
    tree["guardrails"] = {name: _for_all(rail) for name, rail in tree["guardrails"].items()}
    owners = dict.fromkeys(specs, label)
    added: Tree = {}
    failures = []
    for name, pack in installed_packs().found.items():
        try:
            own = _from_plugin(name, pack.policy_toml, owners)
        except PolicyError as error:
            failures.append(str(error))
            continue
        owners |= dict.fromkeys(own, name)
        specs |= {rail: spec for rail, (spec, _) in own.items()}
        added |= {rail: block for rail, (_, block) in own.items()}
    sections = {
        name: {key: _value_spec(entry, f"{label}: {name}.{key}") for key, entry in section.items()}
        for name, section in tree.items()
        if isinstance(section, dict) and name != "guardrails"
    }
    return Shipped(PolicySchema(sections, specs), merged(tree, {"guardrails": added}), added, tuple(failures))


def _from_plugin(label: str, text: str, owners: Mapping[str, str]) -> dict[str, tuple[GuardrailSpec, Tree]]:
    """A plugin's guardrails: its own fault is told as its own, not as the practice's."""
    fix = f"Fix: update or uninstall {label}, or report this to its author"
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{label}: policy_toml is no valid TOML: {error}. {fix}") from None
    rails = tree.pop("guardrails", {})
    if tree or not isinstance(rails, dict):
        raise PolicyError(f"{label}: policy_toml may hold [guardrails.<id>] tables only. {fix}")
    found = {}
    for name, rail in rails.items():
        if name in owners:
            raise PolicyError(
                f"{label}: guardrail {name} is defined already, by {owners[name]}. "
                "Fix: uninstall one of the two, or ask its author for another id"
            )
        where = f"{label}: guardrails.{name}"
        try:
            spec, block = _spec(rail, where), _for_all(table(rail, where))
            guardrail(name, block, spec, where)
        except PolicyError as error:
            raise PolicyError(f"{error}. {fix}") from None
        found[name] = spec, block
    return found


def _for_all(rail: Tree) -> Tree:
    """A shipped block in the form in which a practice would write it."""
    kept = {key: entry for key, entry in rail.items() if key not in _SHIPPED_ONLY}
    for part in ("thresholds", "settings"):
        if part in kept:
            kept[part] = {key: _without_choices(entry) for key, entry in kept[part].items()}
    return kept


def _without_choices(entry: Tree) -> Tree:
    return {key: value for key, value in entry.items() if key != "choices"}


def _spec(tree: object, where: str) -> GuardrailSpec:
    rail = table(tree, where)
    refuse_unknown(rail, {*RAIL_KEYS, *_SHIPPED_ONLY}, where)
    thresholds = _value_specs(rail.get("thresholds"), f"{where}.thresholds")
    if not thresholds:
        raise PolicyError(f"{where}.thresholds is empty; a guardrail has at least one threshold")
    for key, spec in thresholds.items():
        if spec.unit not in THRESHOLD_UNITS:
            raise PolicyError(f"{where}.thresholds.{key}: {spec.unit} is no unit of a number")
    rules = _words(rail, "rules", where)
    if not all(_RULE.fullmatch(rule) for rule in rules):
        raise PolicyError(f"{where}: rules are {', '.join(rules)}; each must be a letter and two digits, such as W01")
    ascending = _words(rail, "ascending", where)
    refuse_unknown(dict.fromkeys(ascending), thresholds, f"{where}.ascending")
    return GuardrailSpec(
        thresholds=thresholds,
        settings=_value_specs(rail.get("settings", {}), f"{where}.settings"),
        subject=word(rail, "subject", SUBJECTS, where) if "subject" in rail else "clinician",
        rules=rules,
        ascending=ascending,
        excludes=_words(rail, "excludes", where),
    )


def _value_specs(tree: object, where: str) -> dict[str, ValueSpec]:
    return {key: _value_spec(entry, f"{where}.{key}") for key, entry in table(tree, where).items()}


def _value_spec(entry: object, where: str) -> ValueSpec:
    value = table(entry, where)
    refuse_unknown(value, _SHIPPED_VALUE_KEYS, where)
    unit = word(value, "unit", sorted(UNITS), where)
    choices = _words(value, "choices", where)
    if choices and unit not in WORD_UNITS | FREE_LIST_UNITS:
        raise PolicyError(f"{where}: choices are for words; a value in {unit} has none")
    return ValueSpec(unit, choices)


def _words(tree: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    found = tree.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise PolicyError(f"{where}: {key} must be a list of texts")
    return tuple(found)
