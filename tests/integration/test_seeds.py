"""Practices of other seeds: every planted verdict is found, every verdict is what independent computations give."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from pacekeeper.policy import load_policy
from pacekeeper_app.demo_systems import DemoSystems, build_systems
from tests.integration.demo_night import (
    Night,
    differing_verdicts,
    disagreements,
    enabled_guardrails,
    missed,
    night_of,
    planted_guardrails,
)
from tests.oracle import marts

#: First kind of clinician by seed; twenty from there on are one half of the kinds.
FIRST_KINDS = {1: 0, 2: 20}


@cache
def half_of(seed: int) -> DemoSystems:
    return build_systems(clinicians=20, seed=seed, first_kind=FIRST_KINDS[seed])


@pytest.fixture(scope="module", params=FIRST_KINDS)
def half(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """A night of a practice with one half of the kinds of clinician. Tests must leave it as it is."""
    with night_of(half_of(request.param), tmp_path_factory.mktemp("half")) as night:
        yield night


def test_both_halves_together_have_something_planted_for_every_guardrail() -> None:
    planted = planted_guardrails(*(half_of(seed) for seed in FIRST_KINDS))
    assert planted == enabled_guardrails(load_policy(None))


def test_every_planted_verdict_is_found(half: Night) -> None:
    assert half.result.failures == ()
    assert missed(half) == []


def test_every_verdict_agrees_with_the_independent_computation(half: Night) -> None:
    assert disagreements(half) == {}


def test_every_verdict_is_what_canonical_rows_give_row_by_row(half: Night) -> None:
    judged = half.judged()
    found = {guardrail: differing_verdicts(judged, guardrail) for guardrail in marts.RULES}
    assert {name: differing for name, differing in found.items() if differing} == {}
