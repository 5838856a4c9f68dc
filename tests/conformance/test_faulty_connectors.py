"""The suite is worth something: every fault planted in a connector is caught by the test that names it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from pacekeeper.errors import PacekeeperError
from pacekeeper.testing import ConnectorSuite
from pacekeeper.testing.conformance.declarations import Lab
from tests.conformance.faulty import declaring, mapping, reading
from tests.conformance.faulty.birch_suite import BirchSuite
from tests.conformance.faulty.planted import PLANTED, Planted

assert declaring, "importing them plants their faults"
assert mapping, "importing them plants their faults"
assert reading, "importing them plants their faults"


@pytest.mark.parametrize("planted", [pytest.param(p, id=f"{p.name}-{p.caught_by}") for p in PLANTED])
def test_a_planted_fault_is_caught_by_the_test_that_names_it(
    planted: Planted, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    suite = planted.suite()
    test = getattr(suite, planted.caught_by)
    wanted = [name for name in inspect.signature(test).parameters if name != "lab"]
    given = {name: request.getfixturevalue(name) for name in wanted}
    if "lab" in inspect.signature(test).parameters:
        given["lab"] = Lab(suite, tmp_path)
    with pytest.raises((AssertionError, PacekeeperError), match=planted.says):
        test(**given)


def test_every_test_of_the_suite_has_caught_a_fault() -> None:
    tests = {name for name in dir(ConnectorSuite) if name.startswith("test_")}
    assert tests == {planted.caught_by for planted in PLANTED}
    assert not BirchSuite.connector.conformance_skips
