"""Instruments of staff surveys and their scales, read from `staff_instruments.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal


@dataclass(frozen=True)
class StaffScale:
    """A scale of one instrument.

    items: codes of the items, all of which must be answered. reversed: those scored from the other end.
    line: lowest score that counts as present; null = no cut-off is published.
    """

    instrument: str
    name: str
    version: str
    items: tuple[str, ...]
    reversed: tuple[str, ...]
    value_min: float
    value_max: float
    score: Literal["mean", "sum"]
    line: float | None

    @property
    def rule(self) -> str | None:
        """What counts as present, in words."""
        return None if self.line is None else f"{self.score} of items >= {self.line:g}"


@cache
def staff_scales() -> tuple[StaffScale, ...]:
    """Every scale of every instrument the contract knows."""
    text = resources.files("pacekeeper.contract").joinpath("staff_instruments.toml").read_text(encoding="utf-8")
    return tuple(
        StaffScale(
            instrument=code,
            name=name,
            version=entry["version"],
            items=tuple(scale["items"]),
            reversed=tuple(scale.get("reversed", ())),
            value_min=float(entry["value_min"]),
            value_max=float(entry["value_max"]),
            score=scale["score"],
            line=scale.get("line"),
        )
        for code, entry in tomllib.loads(text).items()
        for name, scale in entry["scales"].items()
    )
