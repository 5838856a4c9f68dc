"""Sums of fractions that do not depend on the order of rows, so that a repeated night gives the same digits.

An engine adds in whatever order its threads deliver rows, and binary fractions added in another order differ in the
last digit. Every sum and mean of fractions is therefore taken over decimals of `SCALE` places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops

if TYPE_CHECKING:
    from pacekeeper.expr import Table

#: Places after the point: well under what a measure is compared to, with 23 digits left before it.
SCALE = 15
_EXACT = dt.Decimal(38, SCALE)


def with_exact_sums(table: Table) -> Table:
    """The same rows; sums and means of fractions, windowed ones too, are exact to `SCALE` places."""
    rewritten: Table = table.op().replace(_rewritten).to_expr()
    return rewritten


def _rewritten(node: ops.Node, changed: Mapping[str, object] | None) -> ops.Node:
    fields = dict(zip(node.argnames, node.args, strict=True)) if changed is None else changed
    if _adds_fractions(node):
        return _exactly(type(node), fields)
    if isinstance(node, ops.WindowFunction) and _adds_fractions(node.func):
        return _windowed(fields)
    return node if changed is None else node.__recreate__(changed)


def _adds_fractions(node: ops.Node) -> bool:
    return isinstance(node, ops.Sum | ops.Mean) and node.arg.dtype.is_floating()


def _exactly(kind: type[ops.Node], fields: Mapping[str, object]) -> ops.Node:
    total = ops.Cast(ops.Sum(ops.Cast(fields["arg"], _EXACT), where=fields["where"]), dt.float64)
    return total if kind is ops.Sum else ops.Divide(total, ops.Count(fields["arg"], where=fields["where"]))


def _windowed(fields: Mapping[str, object]) -> ops.Node:
    """A window goes around the aggregates alone, and inside of what is computed from them."""
    frame = {name: value for name, value in fields.items() if name != "func"}
    func = fields["func"]
    if isinstance(func, ops.Divide):
        return ops.Divide(_windowed({**frame, "func": func.left}), ops.WindowFunction(func=func.right, **frame))
    if not isinstance(func, ops.Cast):
        raise TypeError(f"{type(func).__name__} is no exact sum")
    return ops.Cast(ops.WindowFunction(func=func.arg, **frame), dt.float64)
