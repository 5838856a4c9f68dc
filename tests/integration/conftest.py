"""A synthetic practice, read once through the real connectors, that several tests look at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.testing import FhirServer, Practice
from pacekeeper_app.demo_systems import DemoSystems, build_systems, serve_practice
from pacekeeper_app.night import NightResult, run_night


@dataclass(frozen=True)
class Night:
    """A practice, its served sources, its home, and the run that read them."""

    practice: Practice
    systems: DemoSystems
    server: FhirServer
    home: PracticeHome
    result: NightResult


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The demo practice at its default size after one run. Tests must leave it as it is."""
    folder: Path = tmp_path_factory.mktemp("demo")
    os.environ.pop("PACEKEEPER_CONFIG", None)
    systems = build_systems()
    with serve_practice(systems, folder) as served:
        result = run_night(served.home, as_of=systems.practice.as_of)
        yield Night(systems.practice, systems, served.ehr, served.home, result)
