"""`pacekeeper demo`: a synthetic practice, read through the real connectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.home import PracticeHome
    from pacekeeper.testing import FhirServer, Practice

_HOME_TZ = "America/New_York"
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
mapping = {mapping}
default_tz = {home_tz}
"""


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo practice lives.")] = Path(".pacekeeper/demo"),
    clinicians: Annotated[int, typer.Option(help="Size of the practice.", min=12)] = 40,
    weeks: Annotated[int, typer.Option(help="Weeks of history.", min=12)] = 26,
    seed: Annotated[int, typer.Option(help="Another seed is another practice.")] = 7,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of reading again.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Serve a synthetic practice on loopback, read it through the real connectors, and print what was found."""
    import shutil

    from rich.console import Console

    from pacekeeper.testing import FhirServer, build_practice
    from pacekeeper_app.cli.run import report_night, run_with_progress

    console = Console(highlight=False)
    folder = folder.resolve()
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    with console.status("making a synthetic practice"):
        practice = build_practice(clinicians=clinicians, weeks=weeks, seed=seed)
    with FhirServer(practice.resources) as server:
        home = _write(folder, practice, server)
        console.print(
            f"[bold]{home.settings.practice.name}[/]: {clinicians} clinicians, {weeks} weeks, "
            f"{sum(map(len, practice.resources.values())):,} FHIR resources at {server.url}, "
            f"{len(practice.files)} CSV files. Judged as of {practice.as_of:%Y-%m-%d %H:%M} UTC."
        )
        night = run_with_progress(home, console, as_of=practice.as_of)
    code = report_night(home, console, night)
    if night.succeeded:
        _next_steps(console, folder)
    raise typer.Exit(code)


def _write(folder: Path, practice: Practice, server: FhirServer) -> PracticeHome:
    from importlib import resources

    from pacekeeper.home import PracticeHome
    from pacekeeper.settings import load_settings

    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    for name, text in practice.files.items():
        (files / name).write_text(text, encoding="utf-8")
    mapping = files / "mapping.toml"
    shipped = resources.files("pacekeeper_connectors.tabular") / "example_mapping.toml"
    mapping.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    settings = folder / "pacekeeper.toml"
    settings.write_text(
        _SETTINGS.format(
            home_tz=json.dumps(_HOME_TZ),
            base_url=json.dumps(server.url),
            token=json.dumps(server.token),
            mapping=json.dumps("files/mapping.toml"),
        ),
        encoding="utf-8",
    )
    settings.chmod(0o600)
    return PracticeHome(load_settings(settings))


def _next_steps(console: Console, folder: Path) -> None:
    config = folder / "pacekeeper.toml"
    shown = config.relative_to(Path.cwd()) if config.is_relative_to(Path.cwd()) else config
    console.print("\n[bold]What to open next[/]")
    for command, text in (
        ("make ui", "Dagster's page with this run, its assets and its checks"),
        (f"pacekeeper verdicts --state breach --config {shown}", "who, in the last week, and why"),
        (f"pacekeeper quarantine list --config {shown}", "rows that broke a rule"),
        (f"pacekeeper status --config {shown}", "the last run and every source"),
    ):
        console.print(f"  {command}\n      [dim]{text}[/]", soft_wrap=True)
