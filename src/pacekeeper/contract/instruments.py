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

    cut_offs: lowest total of each severity band. reliable_change: smallest difference of two totals that is more
    than measurement error. caseness: lowest total that counts as a case. remission_below: totals under it count as
    remission; null where no rule is published.
    """

    code: str
    title: str
    total_min: int
    total_max: int
    items: int
    item_min: int
    item_max: int
    cut_offs: Mapping[str, int]
    reliable_change: int
    caseness: int
    scoring_version: str
    provenance: str
    remission_below: int | None = None


@cache
def instruments() -> Mapping[str, Instrument]:
    """Every instrument the contract knows, by its code."""
    text = resources.files("pacekeeper.contract").joinpath("instruments.toml").read_text(encoding="utf-8")
    return MappingProxyType({code: Instrument(code=code, **entry) for code, entry in tomllib.loads(text).items()})
