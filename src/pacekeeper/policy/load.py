"""Reading a policy: a shipped profile or a practice's own TOML file, layered and checked key by key."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

from pacekeeper.errors import PolicyError
from pacekeeper.policy.layers import read_layers
from pacekeeper.policy.lint import lint
from pacekeeper.policy.model import Policy, PolicyRevision, RampBand, Section
from pacekeeper.policy.pay import read_pay
from pacekeeper.policy.rails import guardrail, values
from pacekeeper.policy.schema import RAMP_UNITS, PolicySchema, fits_unit, what_fits
from pacekeeper.policy.shipped import DEFAULT, Shipped, profile_tree, profiles, shipped
from pacekeeper.policy.tree import Tree, day, flag, merged, refuse_unknown, table, tables, text

_META = frozenset({"extends", "profile", "title", "effective_from", "acknowledge_conflict", "change", "layer"})
_CHANGE_META = frozenset({"effective_from", "reason", "acknowledge_conflict"})


def load_policy(profile: str | None = None, *, file: Path | None = None) -> Policy:
    """A policy by shipped profile name (`default` without any argument) or from a file.

    A file may begin with `extends = "<profile>"` and then states only what differs; `[[change]]` entries with their
    own `effective_from` hold for practice weeks that begin on or after that date.
    `[[layer]]` entries hold for some people only. Guardrails that plugins ship are part of every policy.
    Raises PolicyError that names file, section and key for what is unknown, missing or in the wrong unit, and for
    contradictions that the policy does not acknowledge.
    """
    policy = read_policy(profile, file=file)
    _refuse_contradictions(policy, file.name if file is not None else f"{profile or DEFAULT}.toml")
    return policy


def read_policy(profile: str | None = None, *, file: Path | None = None) -> Policy:
    """Like `load_policy`, with its contradictions left in: for whoever asks `lint` about them."""
    if file is not None and profile is not None:
        raise PolicyError("the policy is named twice, as a profile and as a file; keep one of the two")
    known = shipped()
    tree, label = (_read_file(file), file.name) if file is not None else _profile(profile or DEFAULT, known)
    return _build(_with_base(tree, label, known), label, known.schema)


def _refuse_contradictions(policy: Policy, label: str) -> None:
    found = [finding for finding in lint(policy) if not finding.acknowledged]
    if not found:
        return
    fix = "correct the values"
    if all(finding.is_acknowledgeable for finding in found):
        fix += ", or, where both are meant, write acknowledge_conflict = true at the top or in the [[change]]"
    named = "; ".join(f"{finding.rule} {finding.message} ({finding.fix})" for finding in found)
    raise PolicyError(f"{label} contradicts itself: {named}. To go on, {fix}")


def _read_file(file: Path) -> Tree:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(
            f"policy file {file} does not exist; correct --file, or [policy] file in the settings"
        ) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise PolicyError(f"policy file {file} cannot be read ({type(exc).__name__})") from None
    except tomllib.TOMLDecodeError as exc:
        raise PolicyError(f"policy file {file} is no valid TOML: {exc}") from None


def _profile(name: str, known: Shipped) -> tuple[Tree, str]:
    tree, label = profile_tree(name)
    return (known.profile if name == DEFAULT else tree), label


def _with_base(tree: Tree, label: str, known: Shipped) -> Tree:
    refuse_unknown(tree, _META | _body(known.schema), f"{label}: top level")
    base_name = tree.get("extends")
    if base_name is None:
        return merged({"guardrails": known.guardrails}, tree)
    if not isinstance(base_name, str):
        raise PolicyError(f"{label}: extends is {base_name!r}; it must name one of {', '.join(profiles())}")
    own = {key: value for key, value in tree.items() if key != "extends"}
    return merged(_with_base(*_profile(base_name, known), known), own)


def _body(schema: PolicySchema) -> frozenset[str]:
    return frozenset({*schema.sections, "ramp", "guardrails", "pay", "pay_tier"})


def _build(tree: Tree, label: str, schema: PolicySchema) -> Policy:
    name, title = (text(tree, key, f"{label}: top level") for key in ("profile", "title"))
    keys = _body(schema)
    body = {key: value for key, value in tree.items() if key in keys}
    acknowledged = flag(tree, "acknowledge_conflict", label)
    since = day(tree, "effective_from", label)
    revisions = [_revision(body, label, since, schema, acknowledged=acknowledged, reason="")]
    for number, change in enumerate(tables(tree.get("change"), "change", label), start=1):
        where = f"{label}: change {number}"
        refuse_unknown(change, _CHANGE_META | keys, where)
        since = day(change, "effective_from", where)
        if since <= revisions[-1].effective_from:
            raise PolicyError(
                f"{where}: effective_from {since} is not after {revisions[-1].effective_from}, from which the one"
                " before it holds; put changes in the order of their dates"
            )
        body = merged(body, {key: value for key, value in change.items() if key in keys})
        acknowledged = flag(change, "acknowledge_conflict", where, default=acknowledged)
        reason = str(change.get("reason", ""))
        revisions.append(_revision(body, where, since, schema, acknowledged=acknowledged, reason=reason))
    layers = read_layers(tree.get("layer"), schema.guardrails, label)
    return Policy(name=name, title=title, revisions=tuple(revisions), layers=layers)


def _revision(
    body: Tree, label: str, since: date, schema: PolicySchema, *, acknowledged: bool, reason: str
) -> PolicyRevision:
    sections = {
        name: Section(f"{label}: {name}", values(body.get(name), specs, f"{label}: {name}"))
        for name, specs in schema.sections.items()
    }
    rails = table(body.get("guardrails"), f"{label}: guardrails")
    refuse_unknown(rails, schema.guardrails, f"{label}: guardrails")
    return PolicyRevision(
        effective_from=since,
        sections=sections,
        guardrails={
            name: guardrail(name, rails.get(name), spec, f"{label}: guardrails.{name}")
            for name, spec in schema.guardrails.items()
        },
        ramp=_ramp(body.get("ramp"), f"{label}: ramp"),
        pay=read_pay(body, label),
        acknowledge_conflict=acknowledged,
        reason=reason,
    )


def _ramp(tree: object, where: str) -> tuple[RampBand, ...]:
    if not isinstance(tree, list) or not tree:
        raise PolicyError(f"{where} is missing; write one [[ramp]] per tenure month, with month, min, max and unit")
    bands = [_ramp_band(band, f"{where} {number}") for number, band in enumerate(tree, start=1)]
    months = [band.month for band in bands]
    if months != list(range(1, len(months) + 1)):
        raise PolicyError(f"{where}: months are {months}; they must count 1, 2, 3 ... in this order")
    return tuple(bands)


def _ramp_band(tree: object, where: str) -> RampBand:
    band = table(tree, where)
    refuse_unknown(band, frozenset({"month", "min", "max", "unit", "provenance"}), where)
    if not fits_unit(band.get("month"), "months"):
        raise PolicyError(f"{where}: month must be {what_fits('months')}")
    if band.get("unit") not in RAMP_UNITS:
        raise PolicyError(f"{where}: unit is {band.get('unit')!r}; it must be one of {', '.join(RAMP_UNITS)}")
    if not (fits_unit(band.get("min"), "hours") and fits_unit(band.get("max"), "hours")) or band["min"] > band["max"]:
        raise PolicyError(f"{where}: min and max must be numbers, min not above max")
    if not isinstance(band.get("provenance"), str):
        raise PolicyError(f"{where}: provenance is missing; say where the band comes from")
    return RampBand(band["month"], float(band["min"]), float(band["max"]), band["unit"], band["provenance"])
