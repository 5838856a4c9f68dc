"""Layers: values that replace the practice's for some people, in some weeks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from pacekeeper.errors import PolicyError
from pacekeeper.policy.model import PolicyValue
from pacekeeper.policy.rails import policy_value
from pacekeeper.policy.schema import EMPLOYMENT_TYPES, ROLES, GuardrailSpec, fits_unit, is_code, what_fits
from pacekeeper.policy.tree import Tree, day, flag, refuse_unknown, table, tables, text, word

#: Kinds of layers; a later one wins over an earlier one.
KINDS: Final = ("role", "specialty", "employment_type", "tenure", "person", "temporary")
#: What is agreed on for one person: with reason, approver and end.
_PERSONAL: Final = frozenset({"person", "temporary"})
_KEYS = frozenset({"kind", "match", "effective_from", "expires", "reason", "approver", "guardrails"})


@dataclass(frozen=True)
class Layer:
    """What holds instead of the practice's values for the people that match.

    number: its place in the file, from 1. match: a role, specialty, employment type or clinician key; of tenure, its
    months as text. first_month, last_month: of tenure only; null last_month = and later.
    effective_from, expires: it holds in weeks that begin on or between these days; null = without such a limit.
    reason, approver: empty where the kind asks for none; neither leaves the policy.
    thresholds: by guardrail and key. exempt: guardrails of which nothing is asked.
    """

    number: int
    kind: str
    match: str
    first_month: int | None
    last_month: int | None
    effective_from: date | None
    expires: date | None
    reason: str
    approver: str
    thresholds: Mapping[str, Mapping[str, PolicyValue]]
    exempt: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"layer {self.number}: {self.kind} {self.match}"

    @property
    def order(self) -> tuple[int, date, int]:
        """What wins sorts last: by kind, then by the day it begins, then by its place in the file."""
        return KINDS.index(self.kind), self.effective_from or date.min, self.number

    def holds_on(self, week_start: date) -> bool:
        """Whether it is in force in the week that begins on a day."""
        begun = self.effective_from is None or self.effective_from <= week_start
        return begun and (self.expires is None or week_start <= self.expires)


def read_layers(tree: object, specs: Mapping[str, GuardrailSpec], label: str) -> tuple[Layer, ...]:
    """The layers of a policy, in the order in which later ones win."""
    entries = enumerate(tables(tree, "layer", label), start=1)
    return tuple(
        sorted(
            (_layer(entry, specs, number, f"{label}: layer {number}") for number, entry in entries),
            key=lambda layer: layer.order,
        )
    )


def _layer(tree: Tree, specs: Mapping[str, GuardrailSpec], number: int, where: str) -> Layer:
    refuse_unknown(tree, _KEYS, where)
    kind = word(tree, "kind", KINDS, where)
    match, first, last = _match(tree, kind, where)
    needed = kind in _PERSONAL
    begins = day(tree, "effective_from", where) if "effective_from" in tree else None
    expires = day(tree, "expires", where) if needed or "expires" in tree else None
    if begins is not None and expires is not None and expires < begins:
        raise PolicyError(f"{where}: expires {expires} is before effective_from {begins}; correct one of the two")
    rails = table(tree.get("guardrails"), f"{where}: guardrails")
    refuse_unknown(rails, specs, f"{where}: guardrails")
    thresholds, exempt = {}, []
    for name, rail in rails.items():
        at = f"{where}: guardrails.{name}"
        thresholds[name] = _thresholds(table(rail, at), specs[name], at)
        if flag(rail, "exempt", at):
            exempt.append(name)
        if not thresholds[name] and name not in exempt:
            raise PolicyError(f"{at} changes nothing; state thresholds or exempt = true")
    if exempt and not needed:
        raise PolicyError(
            f"{where}: a layer of kind {kind} exempts nobody; write exempt = true in a layer of kind person or "
            "temporary, with reason, approver and expires"
        )
    if not rails:
        raise PolicyError(f"{where}: guardrails is empty; state [layer.guardrails.<id>.thresholds]")
    return Layer(
        number=number,
        kind=kind,
        match=match,
        first_month=first,
        last_month=last,
        effective_from=begins,
        expires=expires,
        reason=text(tree, "reason", where) if needed else str(tree.get("reason", "")),
        approver=text(tree, "approver", where) if needed else str(tree.get("approver", "")),
        thresholds={name: values for name, values in thresholds.items() if values},
        exempt=tuple(exempt),
    )


def _thresholds(rail: Tree, spec: GuardrailSpec, where: str) -> dict[str, PolicyValue]:
    refuse_unknown(rail, {"thresholds", "exempt"}, where)
    if spec.subject != "clinician":
        raise PolicyError(f"{where} judges each {spec.subject}; a layer is for guardrails that judge clinicians")
    entries = table(rail.get("thresholds", {}), f"{where}.thresholds")
    refuse_unknown(entries, spec.thresholds, f"{where}.thresholds")
    return {
        key: policy_value(entry, spec.thresholds[key], f"{where}.thresholds.{key}") for key, entry in entries.items()
    }


def _match(tree: Tree, kind: str, where: str) -> tuple[str, int | None, int | None]:
    if kind == "tenure":
        return _months(tree.get("match"), f"{where}: match")
    if kind == "role":
        return word(tree, "match", ROLES, where), None, None
    if kind == "employment_type":
        return word(tree, "match", EMPLOYMENT_TYPES, where), None, None
    match = tree.get("match")
    if not isinstance(match, str) or not is_code(match):
        right = (
            "a specialty code" if kind == "specialty" else "a clinician key, as `pacekeeper verdicts --json` shows it"
        )
        raise PolicyError(f"{where}: match must be {right}")
    return match, None, None


def _months(tree: object, where: str) -> tuple[str, int, int | None]:
    if not isinstance(tree, dict):
        raise PolicyError(f"{where} must be tenure months, such as {{ from = 2, to = 3 }}; without to, and all later")
    refuse_unknown(tree, {"from", "to"}, where)
    first, last = tree.get("from"), tree.get("to")
    if not isinstance(first, int) or not fits_unit(first, "months"):
        raise PolicyError(f"{where}: from must be {what_fits('months')}")
    if last is None:
        return f"{first}+", first, None
    if not isinstance(last, int) or not fits_unit(last, "months") or last < first:
        raise PolicyError(f"{where}: to must be a whole number, not below from")
    return f"{first}-{last}", first, last
