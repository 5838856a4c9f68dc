"""What a policy says about pay: only to be held against its guardrails. No pay is computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pacekeeper.errors import PolicyError
from pacekeeper.policy.rails import policy_value
from pacekeeper.policy.schema import ValueSpec, fits_unit, what_fits
from pacekeeper.policy.tree import Tree, refuse_unknown, table, tables, text

#: Length of a session where the practice states none: 50 minutes.
_USUAL_SESSION_H: Final = 50 / 60
INDIVIDUAL_OUTCOMES: Final = "individual_outcomes"
_SPECS: Final = {
    "session_hours": ValueSpec("hours"),
    "bonus_basis": ValueSpec("word", ("none", "collections", "team_goals", INDIVIDUAL_OUTCOMES)),
}


@dataclass(frozen=True)
class PayTier:
    """Share of collections for the sessions of a practice week from one number to another, both included.

    last: null = and all beyond.
    """

    first: int
    last: int | None
    share: float
    provenance: str


@dataclass(frozen=True)
class PayPlan:
    """session_hours: to compare sessions with hours; is_session_stated: by the practice, and not assumed.

    bonus_basis: null = not stated.
    """

    session_hours: float
    is_session_stated: bool
    bonus_basis: str | None
    tiers: tuple[PayTier, ...]


def read_pay(body: Mapping[str, object], label: str) -> PayPlan:
    """The optional `[pay]` and `[[pay_tier]]` of a policy or a change."""
    where = f"{label}: pay"
    section = table(body.get("pay", {}), where)
    refuse_unknown(section, _SPECS, where)
    stated = {key: policy_value(entry, _SPECS[key], f"{where}.{key}").value for key, entry in section.items()}
    hours, basis = stated.get("session_hours"), stated.get("bonus_basis")
    if hours == 0:
        raise PolicyError(f"{where}.session_hours is 0; write the length of a session, such as 0.83")
    return PayPlan(
        session_hours=float(hours) if isinstance(hours, int | float) else _USUAL_SESSION_H,
        is_session_stated=hours is not None,
        bonus_basis=basis if isinstance(basis, str) else None,
        tiers=_tiers(body.get("pay_tier"), label),
    )


def _tiers(tree: object, label: str) -> tuple[PayTier, ...]:
    found = [_tier(entry, f"{label}: pay_tier {n}") for n, entry in enumerate(tables(tree, "pay_tier", label), start=1)]
    for number, (below, above) in enumerate(pairwise(found), start=2):
        if below.last is None or above.first <= below.last:
            raise PolicyError(f"{label}: pay_tier {number}: from {above.first} is not above the tier before it")
    return tuple(found)


def _tier(tree: Tree, where: str) -> PayTier:
    refuse_unknown(tree, {"from", "to", "unit", "share", "provenance"}, where)
    if tree.get("unit") != "sessions":
        raise PolicyError(f"{where}: unit is {tree.get('unit')!r}; it must be 'sessions'")
    first, last, share = tree.get("from"), tree.get("to"), tree.get("share")
    if not isinstance(first, int) or not fits_unit(first, "sessions"):
        raise PolicyError(f"{where}: from must be {what_fits('sessions')}")
    if last is not None and (not isinstance(last, int) or not fits_unit(last, "sessions") or last < first):
        raise PolicyError(f"{where}: to must be a whole number, not below from; leave it out in the last tier")
    if not isinstance(share, int | float) or not fits_unit(share, "ratio") or share > 1:
        raise PolicyError(f"{where}: share must be a number from 0 to 1, such as 0.55")
    return PayTier(first, last, float(share), text(tree, "provenance", where))
