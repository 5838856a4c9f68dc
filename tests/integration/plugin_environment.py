"""An environment of its own into which a test may install plugins, with everything this one has, and no network."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_COMMAND = """#!{python}
import sys
from pacekeeper_app.cli import main
sys.argv[0] = "pacekeeper"
sys.exit(main())
"""
#: pip as a page has it: what it would fetch is here already.
_PREAMBLE = """
set -e
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
pip() { python -m pip --disable-pip-version-check "$1" --no-deps --no-build-isolation --no-index --quiet "${@:2}"; }
"""
_LEFT_OUT = ("PACEKEEPER_", "PYTEST_", "PYTHON", "VIRTUAL_ENV", "COV_")


@dataclass(frozen=True)
class PluginEnvironment:
    """A virtual environment in `folder`, and `work`, where its scripts run."""

    folder: Path
    work: Path

    def bash(self, script: str, *, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """A script to its end, or to its first failing command; both outputs in one text."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
        own = {"PATH": f"{self.folder / 'bin'}{os.pathsep}{inherited['PATH']}", "COLUMNS": "200"}
        return subprocess.run(
            ["bash", "-c", _PREAMBLE + script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=800,
            cwd=self.work,
            env={**inherited, **own, **(environment or {})},
        )


def make_environment(folder: Path) -> PluginEnvironment:
    """A new one, which sees the packages of the environment the tests run in."""
    place, work = folder / "environment", folder / "work"
    venv.create(place, with_pip=False, symlinks=True)
    (found,) = place.glob("lib/python*/site-packages")
    parent = sysconfig.get_path("purelib")
    (found / "parent.pth").write_text(f"import site; site.addsitedir({parent!r})\n", encoding="utf-8")
    command = place / "bin" / "pacekeeper"
    command.write_text(_COMMAND.format(python=place / "bin" / Path(sys.executable).name), encoding="utf-8")
    command.chmod(0o755)
    work.mkdir()
    return PluginEnvironment(place, work)
