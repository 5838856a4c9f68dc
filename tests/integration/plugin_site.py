"""Distributions that register connectors, as pip leaves them, in a folder that goes on PYTHONPATH."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

#: A connector that reads nothing and maps nothing; a plugin under test differs from it in one thing.
SOUND = """
    from pacekeeper import Code, Connector, Instant, Key, Page, Stream

    class Plugin(Connector):
        name = "{name}"
        streams = (Stream("visits", columns={"id": Key("session"), "state": Code(), "at": Instant()}),)

        def read_stream(self, stream, window):
            yield Page("visits", [])
"""


@dataclass(frozen=True)
class PluginSite:
    """A folder with plugins. environment: what a process needs to find them, besides what it has."""

    folder: Path

    def install(self, name: str, source: str = SOUND, *, version: str = "1.0") -> None:
        """A distribution `pacekeeper-<name>` with connector `name`; `{name}` in the source is replaced."""
        info = self.folder / f"pacekeeper_{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pacekeeper-{name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[pacekeeper.connectors]\n{name} = pacekeeper_{name}_plugin:Plugin\n")
        (self.folder / f"pacekeeper_{name}_plugin.py").write_text(dedent(source).replace("{name}", name))

    @property
    def environment(self) -> dict[str, str]:
        paths = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths)}
