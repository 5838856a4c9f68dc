"""Measuring instruments, read from `instruments.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Instrument:
    """Ranges, cut-offs and codes of one instrument.

    cut_offs: lowest total of each severity band. reliable_change: smallest difference of two totals that is more
    than measurement error. caseness: lowest total that counts as a case. remission_below: totals under it count as
    remission. loinc_items: by item number, from 1.
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
    remission_below: int
    scoring_version: str
    provenance: str
    loinc_panel: str
    loinc_total: str
    loinc_items: Mapping[str, int]


@cache
def instruments() -> Mapping[str, Instrument]:
    """Every instrument the contract knows, by its code."""
    text = resources.files("pacekeeper.contract").joinpath("instruments.toml").read_text(encoding="utf-8")
    return MappingProxyType({code: _instrument(code, entry) for code, entry in tomllib.loads(text).items()})


def _instrument(code: str, entry: dict[str, Any]) -> Instrument:  # Any: TOML
    loinc = entry.pop("loinc")
    item_codes = {item: number for number, item in enumerate(loinc["items"], start=1)}
    return Instrument(
        code=code, loinc_panel=loinc["panel"], loinc_total=loinc["total"], loinc_items=item_codes, **entry
    )
