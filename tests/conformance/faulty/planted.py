"""The register of planted faults: a connector with one fault, and the test of the suite that has to name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pacekeeper import Connector
from tests.conformance.faulty.birch import Birch
from tests.conformance.faulty.birch_suite import BirchSuite

Class = type[Connector[Any]]


@dataclass(frozen=True)
class Planted:
    """caught_by: the suite's test that fails. says: what its message holds. suite: with the faulty connector in it."""

    name: str
    suite: type[BirchSuite]
    caught_by: str
    says: str


PLANTED: list[Planted] = []


def caught_by(test: str, says: str, **declared: Any) -> Callable[[Class], Class]:
    """Register a connector class. declared: what its suite declares otherwise than Birch's."""

    def register(connector: Class) -> Class:
        suite = type(f"{connector.__name__}Suite", (BirchSuite,), {"connector": connector, **declared})
        PLANTED.append(Planted(connector.__name__, suite, test, says))
        return connector

    return register


def without(entity: str) -> tuple[Any, ...]:
    """Birch's mappings but one."""
    return tuple(mapping for mapping in Birch.mappings if mapping.entity != entity)
