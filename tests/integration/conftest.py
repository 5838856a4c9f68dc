"""A synthetic practice, read once through the real connectors, that several tests look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pacekeeper_app.demo_systems import build_systems
from tests.integration.demo_night import Night, night_of


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The demo practice at its default size after one run. Tests must leave it as it is."""
    with night_of(build_systems(), tmp_path_factory.mktemp("demo")) as night:
        yield night
