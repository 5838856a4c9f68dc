"""Which published cells, subtracted from each other, would tell of a few units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Overlaps:
    """units: sparse, one row per cell and one column per unit, 1 where the cell holds the unit.

    wave, series: a code per cell; series is -1 where a cell has none.
    """

    units: Any  # a SciPy matrix, which has no types
    wave: Codes
    series: Codes

    @classmethod
    def of(
        cls, cell: pa.Array[Any], *, wave: pa.Array[Any] | None, series: pa.Array[Any] | None, members: pa.Table
    ) -> Self:
        """members: columns `cell` and `unit`; cells that are not in the table are left out."""
        from scipy.sparse import csr_array

        found = pc.index_in(members["cell"].combine_chunks(), value_set=cell)
        row = found.drop_null().to_numpy().astype(np.intp)
        unit = _codes(members["unit"].combine_chunks().filter(found.is_valid()))
        pairs = np.unique(np.stack((row, unit)), axis=1)
        shape = (len(cell), int(unit.max(initial=-1)) + 1)
        units = csr_array((np.ones(pairs.shape[1], dtype=np.int64), (pairs[0], pairs[1])), shape=shape)
        nothing = np.zeros(len(cell), dtype=np.intp)
        return cls(units, nothing if wave is None else _codes(wave), nothing - 1 if series is None else _codes(series))

    def close_to_earlier(self, shown: Flags, minimum: int) -> Flags:
        """Shown cells that differ from a shown cell of an earlier row by 1 to minimum - 1 units.

        Compared are cells of one wave, and cells of one series in any two waves. A cell that is flagged is no longer
        compared with. One cell in turn, of those that come close to any: each verdict needs the earlier ones.
        """
        rows = np.flatnonzero(shown)
        units = self.units[rows]
        size = np.asarray(units.sum(axis=1))
        apart = size[:, None] + size[None, :] - 2 * (units @ units.T).toarray()
        wave, series = self.wave[rows], self.series[rows]
        same_series = (series[:, None] == series[None, :]) & (series >= 0)[:, None]
        compared = (wave[:, None] == wave[None, :]) | same_series
        close = compared & (apart > 0) & (apart < minimum)
        flagged = np.zeros(len(rows), dtype=bool)
        for row in np.flatnonzero(close.any(axis=1)):
            flagged[row] = (close[row, :row] & ~flagged[:row]).any()
        return _marked(rows[flagged], len(shown))

    def telling(self, shown: Flags, secret: Flags, minimum: int) -> Flags:
        """Shown cells to hide so that no sum and difference of the shown cells of a wave is a secret.

        Secret are the cells so flagged, and each set of fewer than `minimum` units that the same cells hold. Of the
        cells that make up a secret the last row is hidden. One wave in turn.
        """
        hidden = np.zeros(len(shown), dtype=bool)
        for wave in np.unique(self.wave):
            of_wave = np.flatnonzero(self.wave == wave)
            hidden[of_wave] = _telling(self.units[of_wave].toarray(), shown[of_wave], secret[of_wave], minimum)
        return hidden


def _telling(units: NDArray[np.int64], shown: Flags, secret: Flags, minimum: int) -> Flags:
    atoms, size = np.unique(units, axis=1, return_counts=True)
    few = np.identity(len(size))[(size < minimum) & atoms.any(axis=0)]
    secrets = np.concatenate((atoms[secret & atoms.any(axis=1)], few)).astype(np.float64)
    hidden = np.zeros(len(shown), dtype=bool)
    while True:
        rows = np.flatnonzero(shown & ~hidden)
        published = atoms[rows].astype(np.float64)
        if not len(rows) or not len(secrets):
            return hidden
        share = np.linalg.lstsq(published.T, secrets.T, rcond=None)[0]
        told = np.abs(published.T @ share - secrets.T).max(axis=0) < 1e-8
        if not told.any():
            return hidden
        used = np.abs(share[:, told]) > 1e-8
        hidden[rows[len(rows) - 1 - used[::-1].argmax(axis=0)]] = True


def _codes(values: pa.Array[Any]) -> Codes:
    """Equal values have one code; null is -1."""
    codes = values.dictionary_encode().indices
    return np.asarray(codes.fill_null(-1).to_numpy(), dtype=np.intp)


def _marked(rows: Codes, size: int) -> Flags:
    flags = np.zeros(size, dtype=bool)
    flags[rows] = True
    return flags
