"""`pacekeeper` in a process of its own, on a practice small enough to be run many times."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.ops import SourceRun
from pacekeeper.settings import load_settings
from pacekeeper.testing import FhirServer, Practice
from pacekeeper_app.demo_home import write_demo_home
from tests.marts import CORE, plan_of

#: What the installed `pacekeeper` script does.
_ENTRY = "import sys; from pacekeeper_app.cli import main; sys.argv[0] = 'pacekeeper'; main()"


def pacekeeper(
    *arguments: str, config: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """One command, to its end; output as text."""
    return subprocess.run(
        [sys.executable, "-c", _ENTRY, *arguments, "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **(environment or {})},
    )


def said_by(*arguments: str, config: Path) -> str:
    """What a command that reads writes to standard output and error, run in this process: a new one takes seconds."""
    from pacekeeper_app import cli

    before, written = sys.argv, io.StringIO()
    sys.argv = ["pacekeeper", *arguments, "--config", str(config)]
    try:
        with redirect_stdout(written), redirect_stderr(written):
            cli.main()
    except SystemExit:
        pass
    finally:
        sys.argv = before
    return written.getvalue()


def land_only(
    config: Path, as_of: datetime, *, environment: Mapping[str, str], then_map: bool = False
) -> subprocess.CompletedProcess[str]:
    """The landing of a night, and its mapping, without Dagster around them: a run takes three times as long."""
    script = (
        "import sys; from datetime import datetime; from pathlib import Path\n"
        "from pacekeeper.home import PracticeHome; from pacekeeper.settings import load_settings\n"
        "from pacekeeper.landing.night import land_sources\n"
        "home = PracticeHome(load_settings(Path(sys.argv[1])))\n"
        "as_of = datetime.fromisoformat(sys.argv[2])\n"
        "land_sources(home, run_id='landing-only', as_of=as_of)\n"
    )
    if then_map:
        script += (
            "from pacekeeper.mapping.night import map_sources\nmap_sources(home, run_id='landing-only', as_of=as_of)\n"
        )
    return subprocess.run(
        [sys.executable, "-c", script, str(config), iso(as_of)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        env={**os.environ, **environment},
    )


def write_small_home(folder: Path, practice: Practice, server: FhirServer) -> PracticeHome:
    """The demo's home for a practice so small that one bad row is more than the limit of bad rows."""
    write_demo_home(folder, practice, base_url=server.url, token=server.token or "")
    config = folder / "pacekeeper.toml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("quarantine_limit")]
    limited = "\n".join(lines).replace("\nconnector = ", "\nquarantine_limit = 1.0\nconnector = ")
    config.write_text(limited + "\n")
    return PracticeHome(load_settings(config))


def iso(moment: datetime) -> str:
    """An instant as `--as-of` takes it."""
    return moment.isoformat()


def night_without_dagster(
    home: PracticeHome, as_of: datetime, *, run_id: str, only: tuple[str, ...] = CORE
) -> dict[str, SourceRun]:
    """A night by the functions the assets call: a third of the time. Results by source.

    only: the marts and guardrails that are built; none named = all.
    """
    from pacekeeper.bi.stored import store_contract
    from pacekeeper_assets import CATALOGUE, MARTS
    from pacekeeper_assets.marts import publication_of, source_completeness
    from pacekeeper_assets.practice_resource import start_run

    home.create(MARTS.values())
    start_run(home, run_id, as_of.isoformat())
    results = land_sources(home, run_id=run_id, as_of=as_of)
    map_sources(home, run_id=run_id, as_of=as_of)
    with home.warehouse.connect() as connection:
        store_contract(connection, MARTS.values(), CATALOGUE.guardrails.values())
        materialise_marts(connection, plan_of(home.policy(), only), as_of=as_of, completeness=source_completeness(home))
    home.publish(publication_of(home, run_id=run_id, as_of=as_of))
    home.ops.finish_run(run_id, state="success", ended_at=datetime.now(UTC))
    return {result.source: result for result in results}
