"""`pacekeeper` in a process of its own, on a practice small enough to be run many times."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

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
        timeout=240,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **(environment or {})},
    )


def land_only(config: Path, as_of: datetime, *, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The landing of a night by itself, without Dagster around it: a run takes three times as long."""
    script = (
        "import sys; from datetime import datetime; from pathlib import Path\n"
        "from pacekeeper.home import PracticeHome; from pacekeeper.settings import load_settings\n"
        "from pacekeeper.landing.night import land_sources\n"
        "home = PracticeHome(load_settings(Path(sys.argv[1])))\n"
        "land_sources(home, run_id='landing-only', as_of=datetime.fromisoformat(sys.argv[2]))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, str(config), iso(as_of)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, **environment},
    )


def iso(moment: datetime) -> str:
    """An instant as `--as-of` takes it."""
    return moment.isoformat()
