"""Facts about instruments inside expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import ibis

from pacekeeper.contract.instruments import Instrument, instruments
from pacekeeper.expr import Value, literal
from pacekeeper.measures.trajectory import TrajectoryRule, trajectory_rules

Fact = Literal["float64", "boolean", "string"]
SCORED = ("complete", "prorated")


def fact(instrument: Value, pick: Callable[[Instrument], float | str | bool | None], kind: Fact = "float64") -> Value:
    """What `pick` takes from the row's instrument; null where it has none."""
    return _by_code(instrument, {code: pick(one) for code, one in instruments().items()}, kind)


def rule(instrument: Value, pick: Callable[[TrajectoryRule], float | str | bool | None], kind: Fact) -> Value:
    """The same of the rule by which the instrument is read over time."""
    return _by_code(instrument, {code: pick(one) for code, one in trajectory_rules().items()}, kind)


def points(instrument: Value, total: Value) -> Value:
    """A total as it is stored, in points."""
    return total.cast("float64") / fact(instrument, lambda one: float(10**one.decimals))


def worse_sign(instrument: Value) -> Value:
    """1 where higher totals are worse, -1 where they are better: score x sign always grows as things get worse."""
    return fact(instrument, lambda one: -1.0 if one.higher_is_better else 1.0)


def severity_band(instrument: Value, score: Value) -> Value:
    """Band of a score in points by the instrument's cut-offs; null without a score."""
    bands = []
    for code, one in instruments().items():
        by_height = sorted(one.cut_offs.items(), key=lambda item: -item[1])
        reached = [(score >= literal(one.points(lowest), "float64"), literal(band)) for band, lowest in by_height]
        bands.append((instrument == code, ibis.cases(*reached, else_=literal(trajectory_rules()[code].lowest_band))))
    return ibis.ifelse(score.isnull(), ibis.null("string"), ibis.cases(*bands, else_=ibis.null("string")))


def is_case(instrument: Value, score: Value) -> Value:
    """Whether a score in points lies on the worse side of the instrument's caseness; null where that is not known."""
    caseness = fact(instrument, lambda one: one.points(one.caseness))
    return ibis.ifelse(worse_sign(instrument) > 0, score >= caseness, score < caseness)


def _by_code(instrument: Value, values: dict[str, float | str | bool | None], kind: Fact) -> Value:
    branches = [(instrument == code, literal(value, kind)) for code, value in values.items() if value is not None]
    return ibis.cases(*branches, else_=ibis.null(kind)) if branches else ibis.null(kind)
