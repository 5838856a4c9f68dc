"""Reading a policy: a shipped profile or a practice's own TOML file, layered and checked key by key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from pacekeeper.errors import PolicyError
from pacekeeper.policy.lint import lint
from pacekeeper.policy.model import GuardrailPolicy, Policy, PolicyRevision, PolicyValue, RampBand, Section
from pacekeeper.policy.schema import (
    GUARDRAIL_TEXTS,
    GUARDRAILS,
    RAMP_UNITS,
    SECTIONS,
    SEVERITIES,
    fits_unit,
    what_fits,
)

# Parsed TOML is a tree of dicts, lists and scalars; `_Tree` is checked key by key below.
_Tree = dict[str, Any]

_META = frozenset({"extends", "profile", "title", "effective_from", "acknowledge_conflict", "change"})
_BODY = frozenset({*SECTIONS, "ramp", "guardrails"})
_CHANGE_META = frozenset({"effective_from", "reason", "acknowledge_conflict"})
_VALUE_KEYS = frozenset({"value", "unit", "provenance"})


def profiles() -> tuple[str, ...]:
    """Names of the shipped profiles."""
    folder = resources.files("pacekeeper.policy") / "profiles"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def load_policy(profile: str | None = None, *, file: Path | None = None) -> Policy:
    """A policy by shipped profile name (`default` without any argument) or from a file.

    A file may begin with `extends = "<profile>"` and then states only what differs; `[[change]]` entries with their
    own `effective_from` hold for practice weeks that begin on or after that date.
    Raises PolicyError that names file, section and key for what is unknown, missing or in the wrong unit, and for
    contradictions that the policy does not acknowledge.
    """
    if file is not None and profile is not None:
        raise PolicyError("the policy is named twice, as a profile and as a file; keep one of the two")
    tree, label = (_read_file(file), file.name) if file is not None else _read_profile(profile or "default")
    policy = _build(_layered(tree, label), label)
    _refuse_contradictions(policy, label)
    return policy


def _refuse_contradictions(policy: Policy, label: str) -> None:
    found = [finding for finding in lint(policy) if not finding.acknowledged]
    if not found:
        return
    fix = "correct the values"
    if all(finding.is_acknowledgeable for finding in found):
        fix += ", or, where both are meant, write acknowledge_conflict = true at the top or in the [[change]]"
    named = "; ".join(f"{finding.rule} {finding.message}" for finding in found)
    raise PolicyError(f"{label} contradicts itself: {named}. To go on, {fix}")


def _read_file(file: Path) -> _Tree:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(f"policy file {file} does not exist; correct [policy] file in the settings") from None
    except (OSError, UnicodeDecodeError) as exc:
        raise PolicyError(f"policy file {file} cannot be read ({type(exc).__name__})") from None
    except tomllib.TOMLDecodeError as exc:
        raise PolicyError(f"policy file {file} is no valid TOML: {exc}") from None


def _read_profile(name: str) -> tuple[_Tree, str]:
    if name not in profiles():
        raise PolicyError(f"there is no policy profile {name!r}; shipped are {', '.join(profiles())}")
    text = (resources.files("pacekeeper.policy") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text), f"{name}.toml"


def _layered(tree: _Tree, label: str) -> _Tree:
    _refuse_unknown(tree, _META | _BODY, f"{label}: top level")
    base_name = tree.get("extends")
    if base_name is None:
        return tree
    if not isinstance(base_name, str):
        raise PolicyError(f"{label}: extends is {base_name!r}; it must name one of {', '.join(profiles())}")
    base, base_label = _read_profile(base_name)
    own = {key: value for key, value in tree.items() if key != "extends"}
    return _merged(_layered(base, base_label), own)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> _Tree:
    """Sections merge key by key; a value, with its unit and provenance, and a list replace what was there."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and not _is_value(value) and not _is_value(below):
            result[key] = _merged(below, value)
        else:
            result[key] = value
    return result


def _is_value(tree: Mapping[str, Any]) -> bool:
    return "value" in tree


def _build(tree: _Tree, label: str) -> Policy:
    for key in ("profile", "title"):
        if not isinstance(tree.get(key), str):
            raise PolicyError(f"{label}: top level: {key} is missing; it must be a text")
    body = {key: value for key, value in tree.items() if key in _BODY}
    acknowledged = _flag(tree, "acknowledge_conflict", label)
    revisions = [_revision(body, label, _date(tree, label), acknowledged=acknowledged, reason="")]
    changes = tree.get("change", [])
    if not isinstance(changes, list):
        raise PolicyError(f"{label}: change: write it as [[change]], with effective_from in each")
    for number, change in enumerate(changes, start=1):
        where = f"{label}: change {number}"
        _refuse_unknown(change, _CHANGE_META | _BODY, where)
        since = _date(change, where)
        if since <= revisions[-1].effective_from:
            raise PolicyError(
                f"{where}: effective_from {since} is not after {revisions[-1].effective_from}, from which the one"
                " before it holds; put changes in the order of their dates"
            )
        body = _merged(body, {key: value for key, value in change.items() if key in _BODY})
        acknowledged = _flag(change, "acknowledge_conflict", where, default=acknowledged)
        reason = str(change.get("reason", ""))
        revisions.append(_revision(body, where, since, acknowledged=acknowledged, reason=reason))
    return Policy(name=tree["profile"], title=tree["title"], revisions=tuple(revisions))


def _revision(body: _Tree, label: str, since: date, *, acknowledged: bool, reason: str) -> PolicyRevision:
    sections = {
        name: Section(f"{label}: {name}", _values(body.get(name), units, f"{label}: {name}"))
        for name, units in SECTIONS.items()
    }
    rails = _table(body.get("guardrails"), f"{label}: guardrails")
    _refuse_unknown(rails, frozenset(GUARDRAILS), f"{label}: guardrails")
    return PolicyRevision(
        effective_from=since,
        sections=sections,
        guardrails={name: _guardrail(name, rails.get(name), label) for name in GUARDRAILS},
        ramp=_ramp(body.get("ramp"), f"{label}: ramp"),
        acknowledge_conflict=acknowledged,
        reason=reason,
    )


def _guardrail(name: str, tree: object, label: str) -> GuardrailPolicy:
    where = f"{label}: guardrails.{name}"
    rail = _table(tree, where)
    _refuse_unknown(rail, frozenset({*GUARDRAIL_TEXTS, "enabled", "thresholds", "settings"}), where)
    for key in GUARDRAIL_TEXTS:
        if not isinstance(rail.get(key), str):
            raise PolicyError(f"{where}: {key} is missing; it must be a text")
    if rail["severity"] not in SEVERITIES:
        raise PolicyError(f"{where}: severity is {rail['severity']!r}; it must be one of {', '.join(SEVERITIES)}")
    spec = GUARDRAILS[name]
    return GuardrailPolicy(
        name,
        where=where,
        texts={key: rail[key] for key in GUARDRAIL_TEXTS},
        enabled=_flag(rail, "enabled", where, default=True),
        thresholds=_values(rail.get("thresholds"), spec.thresholds, f"{where}.thresholds"),
        settings=_values(rail.get("settings"), spec.settings, f"{where}.settings"),
    )


def _values(tree: object, units: Mapping[str, str], where: str) -> dict[str, PolicyValue]:
    entries = _table(tree, where)
    _refuse_unknown(entries, frozenset(units), where)
    return {key: _value(entries.get(key), unit, f"{where}.{key}") for key, unit in units.items()}


def _value(entry: object, unit: str, where: str) -> PolicyValue:
    if not isinstance(entry, dict) or "value" not in entry:
        shape = f'{{ value = ..., unit = "{unit}", provenance = "..." }}'
        raise PolicyError(f"{where} is missing or has no value; write it as {shape}")
    _refuse_unknown(entry, _VALUE_KEYS, where)
    if entry.get("unit") != unit:
        raise PolicyError(f"{where}: unit is {entry.get('unit')!r}; it must be {unit!r}")
    if not isinstance(entry.get("provenance"), str) or not entry["provenance"].strip():
        raise PolicyError(f"{where}: provenance is missing; say where the value comes from")
    value = entry["value"]
    if not fits_unit(value, unit):
        raise PolicyError(f"{where}: the value {value!r} does not fit the unit {unit}; it must be {what_fits(unit)}")
    return PolicyValue(tuple(value) if isinstance(value, list) else value, unit, entry["provenance"])


def _ramp(tree: object, where: str) -> tuple[RampBand, ...]:
    if not isinstance(tree, list) or not tree:
        raise PolicyError(f"{where} is missing; write one [[ramp]] per tenure month, with month, min, max and unit")
    bands = [_ramp_band(band, f"{where} {number}") for number, band in enumerate(tree, start=1)]
    months = [band.month for band in bands]
    if months != list(range(1, len(months) + 1)):
        raise PolicyError(f"{where}: months are {months}; they must count 1, 2, 3 ... in this order")
    return tuple(bands)


def _ramp_band(tree: object, where: str) -> RampBand:
    band = _table(tree, where)
    _refuse_unknown(band, frozenset({"month", "min", "max", "unit", "provenance"}), where)
    if not fits_unit(band.get("month"), "months"):
        raise PolicyError(f"{where}: month must be {what_fits('months')}")
    if band.get("unit") not in RAMP_UNITS:
        raise PolicyError(f"{where}: unit is {band.get('unit')!r}; it must be one of {', '.join(RAMP_UNITS)}")
    if not (fits_unit(band.get("min"), "hours") and fits_unit(band.get("max"), "hours")) or band["min"] > band["max"]:
        raise PolicyError(f"{where}: min and max must be numbers, min not above max")
    if not isinstance(band.get("provenance"), str):
        raise PolicyError(f"{where}: provenance is missing; say where the band comes from")
    return RampBand(band["month"], float(band["min"]), float(band["max"]), band["unit"], band["provenance"])


def _table(tree: object, where: str) -> _Tree:
    if not isinstance(tree, dict):
        raise PolicyError(f'{where} is missing; add the section, or begin the file with extends = "default"')
    return tree


def _refuse_unknown(tree: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(set(tree) - known)
    if unknown:
        raise PolicyError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}")


def _date(tree: Mapping[str, Any], where: str) -> date:
    found = tree.get("effective_from")
    if not isinstance(found, date) or isinstance(found, datetime):
        raise PolicyError(f"{where}: effective_from must be a date without quotes, such as 2026-01-05")
    return found


def _flag(tree: Mapping[str, Any], key: str, where: str, *, default: bool = False) -> bool:
    found = tree.get(key, default)
    if not isinstance(found, bool):
        raise PolicyError(f"{where}: {key} is {found!r}; it must be true or false")
    return found
