"""The plugin as an installed distribution, and the recordings of a real OpenEMR.

Where it is not installed, its entry point and its code are put on the path, as pip would have left them.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Distribution `pacekeeper-openemr` is there, for this process and those it starts."""
    if "openemr" in entry_points(group="pacekeeper.connectors").names:
        yield
        return
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    site = tmp_path_factory.mktemp("site")
    info = site / f"pacekeeper_openemr-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"{name} = {place}" for name, place in project["entry-points"]["pacekeeper.connectors"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[pacekeeper.connectors]", *lines, ""]))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), str(ROOT / "src"), before]))
    sys.path.insert(0, str(site))
    yield
    sys.path.remove(str(site))
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Folder with recordings of a real OpenEMR 7.0.2; the test is skipped, with this reason, where it is absent."""
    folder = Path(os.environ.get("PACEKEEPER_TESTDATA", ROOT.parents[2] / "shared" / "data")) / "openemr-recorded"
    if not folder.is_dir():
        if os.environ.get("PACEKEEPER_REQUIRE_TESTDATA"):
            pytest.fail(f"PACEKEEPER_REQUIRE_TESTDATA is set, but {folder.name} is not in its folder")
        pytest.skip("no recordings: set PACEKEEPER_TESTDATA to a folder with openemr-recorded")
    return folder
