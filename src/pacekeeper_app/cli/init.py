"""`pacekeeper init`: a settings file to edit, the data folder and the hash secret."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console

_TEMPLATE = """\
# Pacekeeper settings. Every value can also come from the environment, which wins:
# PACEKEEPER_SOURCES__EHR__TOKEN is `token` in [sources.ehr]. Keep secrets there, not here.

[practice]
name = {name}
home_tz = {zone}            # IANA zone; decides weeks. Local times of a source need its default_tz
week_start = "monday"
data_dir = ".pacekeeper"    # warehouse, ledgers, hash secret: back it up, keep it private

[policy]
profile = "default"         # or: file = "policy.toml"

# One table per source; `pacekeeper connectors` lists what is installed.
#
# [sources.ehr]
# connector = "fhir"
# base_url = "https://ehr.example/fhir"      # or: folder = "export", with NDJSON, JSON or Bundles
# default_tz = {zone}
# requests_per_second = 10
#
# [sources.hr]
# connector = "tabular"
# folder = "hr"                              # CSV files, described by hr/mapping.toml
"""


def init(
    folder: Annotated[Path, typer.Argument(help="Where to put pacekeeper.toml.")] = Path("."),
    name: Annotated[str, typer.Option(help="The practice's name.")] = "My practice",
    home_tz: Annotated[str, typer.Option(help="The practice's IANA time zone.")] = "America/New_York",
) -> None:
    """Write a settings file to edit, and make the data folder with its hash secret (mode 0600)."""
    import json

    from pacekeeper.home import PracticeHome
    from pacekeeper.settings import FILE_NAME, load_settings

    path = folder / FILE_NAME
    if path.exists():
        home = PracticeHome(load_settings(path))
        if home.key_path.exists():
            raise ConfigError(f"{path} and its data folder exist already; edit the file, or name another folder")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(_TEMPLATE.format(name=json.dumps(name), zone=json.dumps(home_tz)), encoding="utf-8")
        try:
            home = PracticeHome(load_settings(path))
        except ConfigError:
            path.unlink()
            raise
    from pacekeeper_assets import MARTS

    home.create(MARTS.values())
    console = make_console()
    console.print(f"Wrote {path} and {home.data_dir}.")
    console.print("Next: add a source to it, then [bold]pacekeeper check <source>[/] and [bold]pacekeeper run[/].")
