"""`pacekeeper demo`: a synthetic practice, read through the real connectors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper_app.cli.console import make_console

if TYPE_CHECKING:
    from rich.console import Console


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo practice lives.")] = Path(".pacekeeper/demo"),
    clinicians: Annotated[int, typer.Option(help="Size of the practice.", min=12)] = 40,
    weeks: Annotated[int, typer.Option(help="Weeks of history.", min=12)] = 26,
    seed: Annotated[int, typer.Option(help="Another seed is another practice.")] = 7,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of reading again.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Serve a synthetic practice on loopback, read it through the real connectors, and print what was found."""
    import shutil

    from pacekeeper.testing import FhirServer, build_practice
    from pacekeeper_app.cli.run import report_night, run_with_progress
    from pacekeeper_app.demo_home import write_demo_home

    console = make_console()
    folder = folder.resolve()
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    with console.status("making a synthetic practice"):
        practice = build_practice(clinicians=clinicians, weeks=weeks, seed=seed)
    with FhirServer(practice.resources, page_size=500) as server:
        home = write_demo_home(folder, practice, base_url=server.url, token=server.token or "")
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


def _next_steps(console: Console, folder: Path) -> None:
    config = folder / "pacekeeper.toml"
    script = Path(sys.argv[0]).absolute()
    program = script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script.name
    shown = config.relative_to(Path.cwd()) if config.is_relative_to(Path.cwd()) else config
    console.print("\n[bold]What to open next[/]")
    for command, text in (
        ("make ui", "Dagster's page with this run, its assets and its checks"),
        (f"{program} verdicts --state breach --config {shown}", "who, in the last week, and why"),
        (f"{program} quarantine list --config {shown}", "rows that broke a rule"),
        (f"{program} status --config {shown}", "the last run and every source"),
    ):
        console.print(f"  {command}\n      [dim]{text}[/]", soft_wrap=True)
