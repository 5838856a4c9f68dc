"""Off-track algorithms: when a client's scores ask for a second look. The policy names the one that is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import ibis

from pacekeeper.errors import PolicyError
from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.policy.model import Section

_CELL = ("instrument", "respondent", "base_band", "sequence_no")


@dataclass(frozen=True)
class OfftrackAlgorithm:
    """judge: the rows with a flag `on_track`, given the policy's section `outcome`; null where nothing can be said.

    A row is a scored response. Columns: `instrument`, `respondent`, `episode_key`, `sequence_no` (from 1 in its
    series), `session_no` (attended sessions of the episode so far; null without an episode), `worse` (the score, turned
    so that it grows as things get worse), `base_worse` (first of the series), `best_worse` (lowest before this one;
    null at the first), `reliable` (points of a reliable change; null where none is known), `is_base_case`, `base_band`.
    alert_kind: kind of the alerts that follow.
    """

    name: str
    judge: Callable[[Table, Section], Table]
    alert_kind: str = "off_track"


class OfftrackRegistry:
    """Algorithms by name; a plugin adds its own with `add`."""

    def __init__(self, algorithms: Iterable[OfftrackAlgorithm] = ()) -> None:
        self._algorithms = {algorithm.name: algorithm for algorithm in algorithms}

    def add(self, algorithm: OfftrackAlgorithm) -> None:
        if self._algorithms.get(algorithm.name, algorithm) is not algorithm:
            raise PolicyError(f"off-track algorithm {algorithm.name!r} is there already; give yours another name")
        self._algorithms[algorithm.name] = algorithm

    def named(self, name: str) -> OfftrackAlgorithm:
        if name not in self._algorithms:
            known = ", ".join(sorted(self._algorithms))
            raise PolicyError(f"policy outcome.offtrack_algorithm is {name!r}; it must be one of {known}")
        return self._algorithms[name]


def reliable_drop(rows: Table, outcome: Section) -> Table:
    """Off track: worse than the best before by the reliable change or more."""
    return rows.mutate(on_track=_holds_the_best(rows))


def no_gain_by_k(rows: Table, outcome: Section) -> Table:
    """Off track: no reliable gain on the first score although k sessions have been held.

    Who is no case at the first score has little to gain: for them `reliable_drop` holds.
    """
    k = outcome.whole("no_gain_sessions")
    best_so_far = ibis.least(rows.worse, rows.best_worse)
    has_gained = rows.base_worse - best_so_far >= rows.reliable
    on_track = ibis.cases(
        (rows.best_worse.isnull() | rows.reliable.isnull(), ibis.null("boolean")),
        (~ibis.coalesce(rows.is_base_case, literal(value=True)), _holds_the_best(rows)),
        (rows.session_no.isnull(), ibis.null("boolean")),
        (rows.session_no < k, literal(value=True)),
        else_=has_gained,
    )
    return rows.mutate(on_track=on_track)


def percentile_curve(rows: Table, outcome: Section) -> Table:
    """Off track: worse than the policy's percentile of the practice's own episodes of that first band, at that number.

    Null until the practice has enough episodes of the instrument, or for a place on the curve that few have reached.
    """
    own = rows.filter(rows.episode_key.notnull())
    enough = own.group_by("instrument", "respondent").aggregate(episodes_n=own.episode_key.nunique())
    enough = enough.filter(enough.episodes_n >= outcome.whole("curve_min_episodes"))
    places = own.group_by(*_CELL).aggregate(
        highest=own.worse.quantile(outcome.number("curve_percentile")), cell_n=own.episode_key.nunique()
    )
    places = places.filter(places.cell_n >= outcome.whole("curve_min_cell"))
    places = places.semi_join(enough, ["instrument", "respondent"])
    joined = rows.left_join(places.select(*_CELL, "highest"), _CELL)
    joined = joined.drop(*(f"{name}_right" for name in _CELL))
    return joined.mutate(
        on_track=ifelse(joined.sequence_no > 1, joined.worse <= joined.highest, ibis.null("boolean"))
    ).drop("highest")


def _holds_the_best(rows: Table) -> Value:
    return rows.worse - rows.best_worse < rows.reliable


#: The algorithms that a policy can name.
OFFTRACK = OfftrackRegistry(
    (
        OfftrackAlgorithm("reliable_drop", reliable_drop, alert_kind="reliable_drop"),
        OfftrackAlgorithm("no_gain_by_k", no_gain_by_k),
        OfftrackAlgorithm("percentile_curve", percentile_curve),
    )
)
