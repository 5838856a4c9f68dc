"""Measuring instruments, read from `instruments.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType


@dataclass(frozen=True)
class Instrument:
    """Ranges and cut-offs of one instrument; how a source codes it is its connector's business.

    decimals: totals, and every number about them here, are whole multiples of 10^-decimals points: 253 is 25.3 with 1.
    cut_offs: lowest total of each severity band. reliable_change: smallest difference of two totals that is more
    than measurement error. caseness: lowest total that counts as a case; where higher is better, the lowest that counts
    as none. remission_below: totals under it count as remission. elevated_from: lowest first total of which response
    and remission are asked. Null where no rule is published that we could verify.
    items: 0 where answers to items are not taken in.
    """

    code: str
    title: str
    total_min: int
    total_max: int
    items: int
    item_min: int
    item_max: int
    cut_offs: Mapping[str, int]
    scoring_version: str
    provenance: str
    reliable_change: int | None = None
    caseness: int | None = None
    remission_below: int | None = None
    elevated_from: int | None = None
    higher_is_better: bool = False
    decimals: int = 0

    def points(self, total: int | None) -> float | None:
        """A total, or a difference of totals, in points."""
        return None if total is None else total / 10**self.decimals


@cache
def instruments() -> Mapping[str, Instrument]:
    """Every instrument the contract knows, by its code."""
    text = resources.files("pacekeeper.contract").joinpath("instruments.toml").read_text(encoding="utf-8")
    return MappingProxyType({code: Instrument(code=code, **entry) for code, entry in tomllib.loads(text).items()})
