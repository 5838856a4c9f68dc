"""What a reader can work out about hidden cells from their shown parents, siblings and children."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

UNBOUNDED = 1 << 40

Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class CellTree:
    """Cells in the order of the input, then one for each parent whose children do not add up to it: the remainder.

    parent, root: rows; parent is -1 at the top. listed: how many cells are not remainders.
    """

    n: Counts
    parent: Rows
    root: Rows
    listed: int

    @classmethod
    def of(cls, cell: pa.Array[Any], parent: pa.Array[Any], n: Counts, known: Flags) -> Self:
        """known: whether n is; an unknown parent has no remainder."""
        if pc.count_distinct(cell, mode="all").as_py() != len(cell) or cell.null_count:
            raise ValueError("suppression: cells are named by a unique column without nulls, and these are not")
        found = pc.index_in(parent, value_set=cell)
        if found.null_count != parent.null_count:
            raise ValueError(
                "suppression: a parent is not among the cells; every total is a row, or its cells have none"
            )
        up = found.fill_null(-1).to_numpy().astype(np.intp)
        rest = n - _sums(up, n, len(n))
        is_parent = np.zeros(len(n), dtype=bool)
        is_parent[up[up >= 0]] = True
        if (rest[is_parent & known] < 0).any():
            raise ValueError(
                "suppression: children hold more units than their parent; cells that share units need no parent"
            )
        short = np.flatnonzero(is_parent & known & (rest > 0))
        parents = np.concatenate((up, short))
        return cls(np.concatenate((n, rest[short])), parents, _roots(parents), len(n))

    def family_sum(self, values: Counts) -> Counts:
        """For every cell the sum over its children."""
        return _sums(self.parent, values, len(self.n))

    def below(self, cells: Flags) -> Flags:
        """Those of the listed cells that descend from these."""
        up = self.parent[: self.listed]
        found = np.zeros(self.listed, dtype=bool)
        while True:
            more = (up >= 0) & (cells | found)[up]
            if (more == found).all():
                return found
            found = more


def _sums(parent: Rows, values: Counts, size: int) -> Counts:
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, parent[parent >= 0], values[parent >= 0])
    return total


def _roots(parent: Rows) -> Rows:
    root = np.where(parent >= 0, parent, np.arange(len(parent)))
    for _ in range(len(parent).bit_length() + 1):
        higher = root[root]
        if (higher == root).all() and (parent[root] < 0).all():
            return root
        root = higher
    raise ValueError("suppression: a cell is its own ancestor")


class HiddenCells:
    """Which cells are hidden, and between which counts a reader knows them to lie.

    protected: cells with a secret; the others are hidden to keep it.
    """

    def __init__(self, tree: CellTree, *, minimum: int) -> None:
        remainder = np.arange(len(tree.n)) >= tree.listed
        self._tree = tree
        self._minimum = minimum
        self._lower = np.where(remainder, 0, tree.n)
        self._upper = np.where(remainder, UNBOUNDED, tree.n)
        self.hidden = remainder
        self.protected = remainder & (tree.n < minimum)

    def hide(self, cells: Flags, *, lower: int, upper: int = UNBOUNDED, secret: bool) -> None:
        """Hide listed cells; their kind tells a reader that n lies from lower to upper."""
        rows = np.flatnonzero(cells)
        self.hidden[rows] = True
        self._lower[rows] = lower
        self._upper[rows] = upper
        self.protected[rows] = secret & (self._tree.n[rows] > 0)

    def complement(self) -> Flags:
        """Hide more cells until no secret can be worked out; the listed ones among them come back."""
        tree, before = self._tree, self.hidden.copy()
        while True:
            more = self._needed()
            if not more.any():
                return (self.hidden & ~before)[: tree.listed]
            self.hide(more, lower=self._minimum, secret=False)

    def _needed(self) -> Flags:
        tree = self._tree
        lower, upper = self._narrowed()
        hidden = self.hidden & (tree.n > 0)
        shown = ~self.hidden & (tree.n > 0)
        hidden_total = tree.family_sum(np.where(hidden, tree.n, 0))
        shown_children = tree.family_sum(shown.astype(np.int64))
        too_few = ~self.hidden & (hidden_total > 0) & ((hidden_total < self._minimum) | (shown_children == 1))
        # The children of a hidden cell add up to it.
        given_away = hidden & (shown_children > 0) & (tree.family_sum(lower) == tree.family_sum(upper))
        needed = self._smallest(shown, tree.parent, too_few | given_away)
        return needed if needed.any() else self._smallest_around(shown, self.protected & (lower == upper))

    def _narrowed(self) -> tuple[Counts, Counts]:
        """Tightest bounds that parents equal to the sum of their children leave."""
        tree = self._tree
        child = np.flatnonzero(tree.parent >= 0)
        parent = tree.parent[child]
        is_parent = np.unique(parent)
        lower, upper = self._lower.copy(), self._upper.copy()
        while True:
            low_sum, high_sum = tree.family_sum(lower), tree.family_sum(upper)
            low, high = lower.copy(), upper.copy()
            low[child] = np.maximum(low[child], lower[parent] - (high_sum[parent] - upper[child]))
            high[child] = np.minimum(high[child], upper[parent] - (low_sum[parent] - lower[child]))
            low[is_parent] = np.maximum(low[is_parent], low_sum[is_parent])
            high[is_parent] = np.minimum(high[is_parent], high_sum[is_parent])
            if (low == lower).all() and (high == upper).all():
                return lower, upper
            lower, upper = low, high

    def _smallest(self, candidates: Flags, group: Rows, wanted: Flags) -> Flags:
        """Of each wanted group the candidate with the fewest units, the first of equals."""
        rows = np.flatnonzero(candidates & (group >= 0) & wanted[group])
        rows = rows[np.lexsort((rows, self._tree.n[rows], group[rows]))]
        _, first = np.unique(group[rows], return_index=True)
        return self._marked(rows[first])

    def _smallest_around(self, shown: Flags, fixed: Flags) -> Flags:
        """For each fixed cell the smallest shown sibling, else the parent, else those a level up, else any relative."""
        tree = self._tree
        found = self._marked(np.array([], dtype=np.intp))
        cells = np.flatnonzero(fixed)
        while len(cells):
            top = tree.parent[cells] < 0
            found |= self._smallest(shown, tree.root, self._marked(cells[top]))
            parents = np.unique(tree.parent[cells[~top]])
            siblings = self._smallest(shown, tree.parent, self._marked(parents))
            found |= siblings
            served = np.isin(parents, tree.parent[siblings])
            parents = parents[~served]
            found |= self._marked(parents[shown[parents]])
            cells = parents[~shown[parents]]
        return found

    def _marked(self, rows: Rows) -> Flags:
        flags = np.zeros(len(self._tree.n), dtype=bool)
        flags[rows] = True
        return flags
