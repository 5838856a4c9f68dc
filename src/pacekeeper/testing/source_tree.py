"""A plugin's source tree, as if pip had installed it."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

from pacekeeper.registry import GROUP


@contextmanager
def installed_from(root: Path, site: Path) -> Iterator[None]:
    """The distribution in `root` (pyproject.toml, src/) is installed, for this process and those it starts.

    Where it already is, nothing is changed. site: an empty folder for what pip would write.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    connectors: dict[str, str] = project["entry-points"][GROUP]
    if set(connectors) <= entry_points(group=GROUP).names:
        yield
        return
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"{name} = {place}" for name, place in connectors.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    ours = [str(site), str(root / "src")]
    path, before = list(sys.path), os.environ.get("PYTHONPATH")
    sys.path[:0] = ours
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*ours, before]))
    try:
        yield
    finally:
        sys.path[:] = path
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before
