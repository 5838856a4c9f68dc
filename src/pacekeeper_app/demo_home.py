"""A practice home whose sources are a synthetic practice: its FHIR server and its CSV files."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from pacekeeper.home import PracticeHome
from pacekeeper.settings import FILE_NAME, load_settings
from pacekeeper.testing import Practice

HOME_TZ = "America/New_York"
_SETTINGS = """\
# The demo practice: synthetic, every person in it is made up. Written anew by each `pacekeeper demo`.
[practice]
name = "Riverbend Counselling (synthetic)"
home_tz = {home_tz}
data_dir = "data"

[sources.ehr]
connector = "fhir"
base_url = {base_url}
token = {token}
default_tz = {home_tz}

[sources.staff]
connector = "tabular"
folder = "files"
quarantine_limit = 0.15        # a short HR file: one bad row is much of it
mapping = "files/mapping.toml"
default_tz = {home_tz}
"""


def write_demo_home(folder: Path, practice: Practice, *, base_url: str, token: str) -> PracticeHome:
    """Write settings and files of a synthetic practice into `folder`; data that lies there already stays.

    base_url, token: of the server that serves `practice.resources`.
    """
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    for name, text in practice.files.items():
        (files / name).write_text(text, encoding="utf-8")
    shipped = resources.files("pacekeeper_connectors.tabular") / "example_mapping.toml"
    (files / "mapping.toml").write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    settings = folder / FILE_NAME
    settings.write_text(
        _SETTINGS.format(home_tz=json.dumps(HOME_TZ), base_url=json.dumps(base_url), token=json.dumps(token)),
        encoding="utf-8",
    )
    settings.chmod(0o600)
    return PracticeHome(load_settings(settings))
