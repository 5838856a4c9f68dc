"""How the scores of an instrument are read over time."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType


@dataclass(frozen=True)
class TrajectoryRule:
    """What the contract's ranges and cut-offs do not say.

    lowest_band: name of the band under the first cut-off.
    safety_item, safety_from: the item, and its lowest value, that ask for a review; null where it has none.
    alliance_band: band that tells of a strained alliance; null where it does not measure that.
    not_at_intake: it rates a session that a first assessment is not.
    """

    lowest_band: str
    provenance: str
    safety_item: int | None = None
    safety_from: int | None = None
    alliance_band: str | None = None
    not_at_intake: bool = False


@cache
def trajectory_rules() -> Mapping[str, TrajectoryRule]:
    """By instrument code."""
    text = resources.files("pacekeeper.measures").joinpath("trajectory.toml").read_text(encoding="utf-8")
    return MappingProxyType({code: TrajectoryRule(**entry) for code, entry in tomllib.loads(text).items()})
