"""What a table expression can say in each column, found by reading the expression; nothing is executed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.operations as ops

from pacekeeper.expr import Table, Value

#: What a column that tells nothing holds.
_NOTHING = frozenset({None, "unknown"})


@dataclass(frozen=True)
class Told:
    """What one column can hold.

    values: every constant it can hold, null among them; null = whatever the source sends.
    reads: columns of named tables its value is made from, as (table, column).
    """

    values: frozenset[object] | None
    reads: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_filled(self) -> bool:
        """Whether it can hold anything but null and `unknown`."""
        return self.values is None or not self.values <= _NOTHING

    def can_be(self, value: str) -> bool:
        """Whether it can hold this value."""
        return self.values is None or value in self.values

    def __or__(self, other: Told) -> Told:
        """What a column can hold that is filled by either."""
        both = None if self.values is None or other.values is None else self.values | other.values
        return Told(both, self.reads | other.reads)


_NULL = Told(frozenset({None}))


def told_by(table: Table) -> Mapping[str, Told]:
    """What each column of a table expression can hold, down to the named tables it is made from."""
    reader = _Reader()
    relation = table.op()
    return {name: reader.column(relation, name) for name in table.columns}


def told_of(value: Value) -> Told:
    """What one value expression can hold."""
    return _Reader().value(value.op())


def reads_of(table: Table) -> frozenset[tuple[str, str]]:
    """Columns of named tables that an expression reads anywhere, in conditions and joins too."""
    reader = _Reader()
    fields = table.op().find(ops.Field)
    return frozenset[tuple[str, str]]().union(*(reader.column(one.rel, one.name).reads for one in fields))


class _Reader:
    """Reads operations, each once."""

    def __init__(self) -> None:
        self._known: dict[Any, Told] = {}  # Any: an Ibis operation, or one with a column's name

    def column(self, relation: ops.Relation, name: str) -> Told:
        key = (relation, name)
        if key not in self._known:
            self._known[key] = self._column(relation, name)
        return self._known[key]

    def _column(self, relation: Any, name: str) -> Told:  # Any: each relation has its own fields
        match relation:
            case ops.UnboundTable():
                return Told(None, frozenset({(relation.name, name)}))
            case ops.Set():
                return self.column(relation.left, name) | self.column(relation.right, name)
            case ops.Reference():
                return self.column(relation.parent, name)
            case _ if name in relation.values:
                return self.value(relation.values[name])
            case _ if hasattr(relation, "parent") and name in relation.parent.schema:
                return self.column(relation.parent, name)
        return Told(None)

    def value(self, operation: ops.Value) -> Told:
        if operation not in self._known:
            self._known[operation] = self._value(operation)
        return self._known[operation]

    def _value(self, operation: Any) -> Told:  # Any: each operation has its own fields
        match operation:
            case ops.Literal():
                return Told(frozenset({operation.value}))
            case ops.Field():
                return self.column(operation.rel, operation.name)
            case ops.Alias() | ops.Cast() | ops.TryCast():
                return self.value(operation.arg)
            case ops.Coalesce():
                return self._any_of(operation.arg)
            case ops.IfElse():
                return self._case([operation.bool_expr], [operation.true_expr, operation.false_null_expr])
            case ops.SearchedCase():
                return self._case(operation.cases, [*operation.results, operation.default])
            case ops.SimpleCase():
                base = self.value(operation.base)
                if base == _NULL:
                    return self.value(operation.default)
                found = self._any_of([*operation.results, operation.default])
                return Told(found.values, found.reads | base.reads)
        return self._computed(operation)

    def _case(self, conditions: Iterable[Any], results: Iterable[Any]) -> Told:
        found = self._any_of(results)
        reads = [self.value(condition).reads for condition in conditions]
        return Told(found.values, found.reads.union(*reads))

    def _any_of(self, operations: Iterable[Any]) -> Told:
        found = [self.value(operation) for operation in operations]
        merged = found[0]
        for told in found[1:]:
            merged = merged | told
        return merged

    def _computed(self, operation: Any) -> Told:
        """Null where all it is computed from is null, as in nearly every function; otherwise anything."""
        found = [self.value(argument) for argument in _arguments(operation)]
        reads = frozenset[tuple[str, str]]().union(*(told.reads for told in found))
        is_null = bool(found) and all(told.values == _NULL.values for told in found)
        if is_null and not isinstance(operation, ops.IsNull | ops.NotNull | ops.Reduction):
            return _NULL
        return Told(None, reads)


def _arguments(operation: Any) -> Iterable[Any]:
    for argument in operation.args:
        for one in argument if isinstance(argument, tuple) else (argument,):
            if isinstance(one, ops.Value):
                yield one
