"""Policy values inside expressions: each week is judged by the revision in force when it began."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import ibis

from pacekeeper.policy import Policy, PolicyRevision

if TYPE_CHECKING:
    import ibis.expr.types as ir


def in_force(policy: Policy, week: ir.Value, pick: Callable[[PolicyRevision], object]) -> ir.Value:
    """What `pick` takes from the revision in force in a week, given its first local day.

    pick: returns a number, a text, a flag, or an expression over the row.
    """
    first, *later = policy.revisions
    value = _value(pick(first))
    if not later:
        return value
    branches = [(week >= ibis.literal(rev.effective_from), _value(pick(rev))) for rev in reversed(later)]
    return ibis.cases(*branches, else_=value)


def number(policy: Policy, week: ir.Value, pick: Callable[[PolicyRevision], float]) -> ir.FloatingValue:
    """Like `in_force`, for a number."""
    value: ir.FloatingValue = in_force(policy, week, pick)
    return value


def whole(policy: Policy, week: ir.Value, pick: Callable[[PolicyRevision], int]) -> ir.IntegerValue:
    """Like `in_force`, for a count."""
    value: ir.IntegerValue = in_force(policy, week, pick)
    return value


def holds(policy: Policy, week: ir.Value, pick: Callable[[PolicyRevision], object]) -> ir.BooleanValue:
    """Like `in_force`, for a flag or a condition."""
    value: ir.BooleanValue = in_force(policy, week, pick)
    return value


def _value(value: object) -> ir.Value:
    import ibis.expr.types as ir

    if isinstance(value, ir.Value):
        return value
    if isinstance(value, float):
        return ibis.literal(value, "float64")
    if isinstance(value, int) and not isinstance(value, bool):
        return ibis.literal(value, "int64")
    return ibis.literal(value)
