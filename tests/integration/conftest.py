"""A synthetic practice, read once through the real connectors, that several tests look at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.testing import FhirServer, Practice, build_practice
from pacekeeper_app.demo_home import write_demo_home
from pacekeeper_app.night import NightResult, run_night


@dataclass(frozen=True)
class Night:
    """A practice, its served sources, its home, and the run that read them."""

    practice: Practice
    server: FhirServer
    home: PracticeHome
    result: NightResult


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The demo practice at its default size after one run. Tests must leave it as it is."""
    folder: Path = tmp_path_factory.mktemp("demo")
    os.environ.pop("PACEKEEPER_CONFIG", None)
    practice = build_practice()
    with FhirServer(practice.resources, page_size=500) as server:
        home = write_demo_home(folder, practice, base_url=server.url, token=server.token or "")
        yield Night(practice, server, home, run_night(home, as_of=practice.as_of))
