"""Sums and orders within groups, for all groups at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Positions = NDArray[np.intp]


def floats(values: ArrayLike) -> Floats:
    """NaN stands for null throughout this package."""
    return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True)
class Groups:
    """labels: the distinct groups, sorted. codes: for every row the position of its group in labels."""

    labels: NDArray[Any]  # of whatever type the caller's keys have
    codes: Positions

    @classmethod
    def of(cls, groups: ArrayLike) -> Self:
        labels, codes = np.unique(np.asarray(groups), return_inverse=True)
        return cls(labels, codes)

    def size(self) -> Positions:
        return np.bincount(self.codes, minlength=len(self.labels))

    def sum(self, values: Floats) -> Floats:
        """One per group; NaN where any value is."""
        return np.asarray(np.bincount(self.codes, weights=values, minlength=len(self.labels)), dtype=np.float64)

    def sum_by_row(self, values: Floats) -> Floats:
        return self.sum(values)[self.codes]


@dataclass(frozen=True)
class PerGroup:
    """One row per distinct group; NaN where the group does not tell."""

    labels: NDArray[Any]  # as in Groups
    values: Floats


@dataclass(frozen=True)
class Series:
    """The evaluated rows, group by group in the order they came.

    rows: positions of these rows in the input. codes: their groups. position: 0 for the first of its group.
    """

    rows: Positions
    codes: Positions
    position: Positions

    @classmethod
    def of(cls, groups: ArrayLike, evaluated: Flags) -> Self:
        codes = Groups.of(groups).codes
        rows = np.flatnonzero(evaluated)
        rows = rows[np.argsort(codes[rows], kind="stable")]
        codes = codes[rows]
        starts = np.searchsorted(codes, codes, side="left")
        return cls(rows, codes, np.arange(len(rows)) - starts)

    def mean(self, values: Floats, within: Flags) -> Floats:
        """For every row the mean of its group over the rows `within`; NaN where there are none."""
        size = int(self.codes.max()) + 1 if len(self.codes) else 0
        total = np.bincount(self.codes[within], weights=values[within], minlength=size)
        count = np.bincount(self.codes[within], minlength=size)
        with np.errstate(invalid="ignore"):
            return np.asarray((total / count)[self.codes])

    def count_last(self, flags: Flags, length: int) -> Positions:
        """For every row how many of the last `length` rows of its group, itself included, are flagged."""
        total = np.concatenate(([0], np.cumsum(flags)))
        end = np.arange(len(flags)) + 1
        return np.asarray(total[end] - total[end - np.minimum(length, self.position + 1)])
