"""Fixtures every test may use."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.postgres_cluster import Cluster, MissingPart

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Programs that tests start end at a signal, also where this run was started by one that ignores signals."""
    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)
    # Nights of tests share what they compile; settings of a test's own win.
    shared = Path(tempfile.gettempdir()) / f"pacekeeper-plans-{os.getuid()}"
    os.environ.setdefault("PACEKEEPER_WAREHOUSE__PLANS_DIR", str(shared))
    # The same examples every time. HYPOTHESIS_PROFILE=explore looks for new ones.
    hypothesis.settings.register_profile("fixed", derandomize=True)
    hypothesis.settings.register_profile("explore", derandomize=False)
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Folder with files of real systems; the test is skipped, with this reason, where it is absent."""
    folder = Path(os.environ.get("PACEKEEPER_TESTDATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        if os.environ.get("PACEKEEPER_REQUIRE_TESTDATA"):
            pytest.fail(f"PACEKEEPER_REQUIRE_TESTDATA is set, but {folder} is no folder")
        pytest.skip(f"no test data: {folder} is no folder; set PACEKEEPER_TESTDATA")
    return folder.resolve()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server of this run's own; the test is skipped, with this reason, where there are no programs."""
    try:
        cluster = Cluster()
    except MissingPart as missing:
        if os.environ.get("PACEKEEPER_REQUIRE_POSTGRES"):
            pytest.fail(f"PACEKEEPER_REQUIRE_POSTGRES is set, but {missing}")
        pytest.skip(str(missing))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; the test is skipped, with this reason, where there is none."""
    found = os.environ.get("PACEKEEPER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("PACEKEEPER_REQUIRE_BROWSER"):
            pytest.fail("PACEKEEPER_REQUIRE_BROWSER is set, but there is no chromium")
        pytest.skip("no chromium: install one, or name it in PACEKEEPER_CHROMIUM")
    return found
