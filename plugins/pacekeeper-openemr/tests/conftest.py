"""The plugin as an installed distribution, and the recordings of a real OpenEMR."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pacekeeper.testing import installed_from

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Distribution `pacekeeper-openemr` is there, for this process and those it starts."""
    with installed_from(ROOT, tmp_path_factory.mktemp("site")):
        yield


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Folder with recordings of a real OpenEMR 7.0.2; the test is skipped, with this reason, where it is absent."""
    folder = Path(os.environ.get("PACEKEEPER_TESTDATA", ROOT.parents[2] / "shared" / "data")) / "openemr-recorded"
    if not folder.is_dir():
        if os.environ.get("PACEKEEPER_REQUIRE_TESTDATA"):
            pytest.fail(f"PACEKEEPER_REQUIRE_TESTDATA is set, but {folder.name} is not in its folder")
        pytest.skip("no recordings: set PACEKEEPER_TESTDATA to a folder with openemr-recorded")
    return folder
