"""The plugin as an installed distribution."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pacekeeper.testing import installed_from

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Distribution `pacekeeper-gnuhealth` is there, for this process and those it starts."""
    with installed_from(ROOT, tmp_path_factory.mktemp("site")):
        yield
