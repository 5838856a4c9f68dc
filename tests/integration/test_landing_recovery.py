"""A landing killed at any point, and run again, leaves what a landing that was never killed leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pacekeeper.ops import StreamState
from tests.integration.landing_night import pages, site_in

ROOT = Path(__file__).resolve().parents[2]
POINTS = ("load.found", "load.extracted", "load.normalized", "load.committed")


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, str]]:
    """Content after night 1 and after night 2."""
    folder = tmp_path_factory.mktemp("never_killed")
    found = {}
    for night in (1, 2):
        site = site_in(folder, night)
        site.land(*pages(night))
        found[night] = site.content()
    return found


@pytest.mark.parametrize("night", [1, 2], ids=["first load", "next load"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_and_run_again_is_as_never_killed(
    point: str, night: int, never_killed: dict[int, dict[str, str]], tmp_path: Path
) -> None:
    if night == 2:
        site_in(tmp_path, 1).land(*pages(1))
    watermarks = site_in(tmp_path, 1).ops.rows(StreamState)
    log = tmp_path / "fault.log"
    killed = subprocess.run(
        [sys.executable, "-m", "tests.integration.landing_night", str(tmp_path), str(night)],
        cwd=ROOT,
        env={**os.environ, "PACEKEEPER_FAULT_AT": point, "PACEKEEPER_FAULT_LOG": str(log)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert log.read_text() == f"{point}\n"
    site = site_in(tmp_path, night)
    assert site.ops.rows(StreamState) == watermarks, "stream state moves only when the load is committed"
    site.land(*pages(night))
    assert site.content() == never_killed[night]
    assert not list((tmp_path / "work").rglob("*.parquet"))


def test_killed_while_dlt_loads_a_first_table_leaves_no_row_twice(
    never_killed: dict[int, dict[str, str]], tmp_path: Path
) -> None:
    """One table of the first load is committed, the others are not: what a kill between two of dlt's jobs leaves."""
    site = site_in(tmp_path, 1)
    site.land(*pages(1))
    with site.warehouse.connect() as connection:
        connection.raw.execute("DROP TABLE raw_ehr.part")
        connection.raw.execute("DROP VIEW raw_ehr.part__current")
    site = site_in(tmp_path, 1)
    ledger = site.land(*pages(1))
    assert ledger["visit"].inserted == 0
    assert site.content() == never_killed[1]
