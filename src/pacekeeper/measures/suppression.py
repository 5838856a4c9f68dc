"""Small cells of a published table are hidden, and so is whatever would give them away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pacekeeper.errors import ConfigError
from pacekeeper.measures.cell_tree import UNBOUNDED, CellTree, HiddenCells
from pacekeeper.measures.differencing import Overlaps

PRIMARY, EXTREME, DIFFERENCING, COMPLEMENTARY = "primary", "extreme", "differencing", "complementary"

_SHOWN = ""


@dataclass(frozen=True)
class SuppressionRule:
    """minimum: the smallest n that is shown, at least 3: of a hidden count under 2 there is nothing to guess.

    zero_shown: whether a cell of nobody is shown.
    extremes_below: a share of 0 or 1, which tells every single answer, is hidden where n is smaller; null hides none.
    """

    minimum: int
    zero_shown: bool
    extremes_below: int | None = None

    def __post_init__(self) -> None:
        if self.minimum < 3:
            raise ConfigError(f"suppression: minimum is {self.minimum}; a hidden count is a secret only from 3 on")
        if self.extremes_below is not None and self.extremes_below < self.minimum + 2:
            raise ConfigError(
                f"suppression: extremes_below is {self.extremes_below}; with a minimum of {self.minimum} it has to be"
                f" {self.minimum + 2} or more, or the rule itself tells the hidden n"
            )


@dataclass(frozen=True)
class CellColumns:
    """Names of the columns of a table of cells.

    cell: unique. parent: the cell that is the sum of its children, each unit in one child; null at the top.
    n: units; null counts as too few. values, shares: hidden together with n; shares lie from 0 to 1.
    wave: when it was asked. series: the same for a cell in every wave.
    """

    cell: str = "cell"
    parent: str = "parent"
    n: str = "n"
    values: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    wave: str | None = None
    series: str | None = None


def suppress(
    cells: pa.Table, rule: SuppressionRule, columns: CellColumns, *, members: pa.Table | None = None
) -> pa.Table:
    """The same rows with n, values and shares null where hidden, and two columns more.

    suppressed: never null. suppression_kind, null where shown:
      primary: n is under the minimum, or the cell lies under one that is.
      extreme: a share of 0 or 1 at small n. Whoever sees this kind knows as much: it is not for readers of the table.
      differencing: together with other cells it would tell of fewer units than the minimum. The later row is hidden, so
        rows come in the order of publication, and an earlier wave stays as it was published.
      complementary: hidden to protect another cell. The next-smallest siblings go until the hidden ones hold the
        minimum together, no sibling is left alone, and totals, shown cells and the kinds above fix no hidden n; where
        siblings do not suffice, their parent goes too.

    Children that hold fewer units than their parent leave a remainder, protected as if it were a cell.
    members: a row for each cell and unit (columns `cell`, `unit`). Without it only parents and children are compared;
    with it any cells of one wave, and a series across waves. Its memory grows with the square of the shown cells.
    Raises ValueError where cells are no tree, or children hold more units than their parent.
    """
    cell = cells[columns.cell].combine_chunks()
    counts = cells[columns.n]
    known = counts.is_valid().to_numpy()
    n = np.nan_to_num(counts.to_numpy()).astype(np.int64)
    tree = CellTree.of(cell, cells[columns.parent].combine_chunks(), n, known)
    hidden = HiddenCells(tree, minimum=rule.minimum)
    kind = _hide_by_itself(hidden, tree, rule, known, [cells[share] for share in columns.shares])
    kind[hidden.complement()] = COMPLEMENTARY
    if members is not None:
        overlaps = Overlaps.of(
            cell,
            wave=cells[columns.wave].combine_chunks() if columns.wave else None,
            series=cells[columns.series].combine_chunks() if columns.series else None,
            members=members,
        )
        close = overlaps.close_to_earlier(kind == _SHOWN, rule.minimum)
        hidden.hide(close, lower=rule.minimum, secret=True)
        kind[close] = DIFFERENCING
        kind[hidden.complement()] = COMPLEMENTARY
        kind[overlaps.telling(kind == _SHOWN, hidden.protected[: len(kind)], rule.minimum)] = DIFFERENCING
    return _published(cells, columns, kind)


def _hide_by_itself(
    hidden: HiddenCells,
    tree: CellTree,
    rule: SuppressionRule,
    known: NDArray[np.bool_],
    shares: list[pa.ChunkedArray[Any]],
) -> NDArray[np.str_]:
    """Hide what its own counts and shares ask for; the kind of every cell comes back."""
    n = tree.n[: tree.listed]
    kind = np.full(len(n), _SHOWN, dtype="U13")
    if rule.extremes_below is not None:
        ends = np.zeros(len(n), dtype=bool)
        for share in shares:
            ends |= pc.is_in(share.cast(pa.float64()), value_set=pa.array([0.0, 1.0])).to_numpy()
        ends &= n < rule.extremes_below
        hidden.hide(ends, lower=rule.minimum, upper=rule.extremes_below - 1, secret=True)
        kind[ends] = EXTREME
    small = known & (n < rule.minimum)
    if rule.zero_shown:
        small &= n > 0
    hidden.hide(small, lower=int(rule.zero_shown), upper=rule.minimum - 1, secret=True)
    hidden.hide(~known, lower=0, upper=UNBOUNDED, secret=False)
    # Under a small cell everything is small; a zero shown there would say where the units are not.
    inside = tree.below(small & (n > 0))
    hidden.hide(inside, lower=0, upper=rule.minimum - 1, secret=True)
    kind[small | ~known | inside] = PRIMARY
    return kind


def _published(cells: pa.Table, columns: CellColumns, kind: NDArray[np.str_]) -> pa.Table:
    suppressed = pa.array(kind != _SHOWN)
    for name in (columns.n, *columns.values, *columns.shares):
        column = cells[name]
        emptied = pc.if_else(suppressed, pa.scalar(None, column.type), column)
        cells = cells.set_column(cells.schema.get_field_index(name), name, emptied)
    kinds = pa.array(kind.tolist(), pa.string(), mask=kind == _SHOWN)
    return cells.append_column("suppressed", suppressed).append_column("suppression_kind", kinds)
