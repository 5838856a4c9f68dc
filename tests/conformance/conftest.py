"""Distributions of the connectors under test here, as pip leaves them, on the path."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

ENTRIES = """[pacekeeper.connectors]
birch = tests.conformance.faulty.birch:Birch
eager = tests.conformance.faulty.eager:Eager
elder = tests.conformance.faulty.elder:Elder
"""


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The connectors of this folder are registered."""
    site = tmp_path_factory.mktemp("site")
    info = site / "pacekeeper_birch-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pacekeeper-birch\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    sys.path.insert(0, str(site))
    yield
    sys.path.remove(str(site))
