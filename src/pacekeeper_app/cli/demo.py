"""`pacekeeper demo`: a synthetic practice, read through the real connectors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper_app.cli.console import make_console

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper_app.demo_systems import ServedPractice


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo practice lives.")] = Path(".pacekeeper/demo"),
    clinicians: Annotated[int, typer.Option(help="Size of the practice.", min=12)] = 40,
    weeks: Annotated[int, typer.Option(help="Weeks of history.", min=12)] = 28,
    seed: Annotated[int, typer.Option(help="Another seed is another practice.")] = 7,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of reading again.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Serve a synthetic practice on loopback, read it through the real connectors, and print what was found."""
    import shutil

    from pacekeeper_app.cli.run import report_night, run_with_progress
    from pacekeeper_app.demo_systems import build_systems, serve_practice

    console = make_console()
    folder = folder.resolve()
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    with console.status("making a synthetic practice"):
        systems = build_systems(clinicians=clinicians, weeks=weeks, seed=seed)
    as_of = systems.practice.as_of
    with serve_practice(systems, folder, with_directory=True) as served:
        home = served.home
        console.print(
            f"[bold]{home.settings.practice.name}[/]: {clinicians} clinicians, {weeks} weeks. "
            f"Judged as of {as_of:%Y-%m-%d %H:%M} UTC."
        )
        _describe(console, served)
        night = run_with_progress(home, console, as_of=as_of)
    code = report_night(home, console, night)
    if night.succeeded:
        _next_steps(console, folder)
    raise typer.Exit(code)


def _describe(console: Console, served: ServedPractice) -> None:
    """One line per source: which connector reads what, from where."""
    systems = served.systems
    practice = systems.practice
    resources = sum(map(len, practice.resources.values()))
    logged = sum(text.count("\n") - 1 for text in practice.activity.values())
    files = len(practice.files) + len(practice.office)
    for source, connector, what in (
        ("ehr", "fhir", f"{resources:,} resources of an EHR at {served.ehr.url}"),
        ("billing", "x12", f"{len(systems.billing.files)} files: claims (837P), answers (277CA), remittances (835)"),
        ("surveys", "redcap", f"PHQ-9 and GAD-7 of {len(systems.surveys.mrns)} clients at {served.redcap.api_url}"),
        ("pulse", "redcap", f"{systems.surveys.sheets} sheets of an anonymous staff survey, on the same server"),
        ("staff", "tabular", f"{files} CSV files: employment, leave, calendar, time sheets, reminders, pay, rates ..."),
        ("activity", "tabular", f"{logged:,} entries of the EHR's activity log, a file a month"),
    ):
        console.print(f"  {source:<8} {connector:<8} [dim]{what}[/]")


def _next_steps(console: Console, folder: Path) -> None:
    config = folder / "pacekeeper.toml"
    script = Path(sys.argv[0]).absolute()
    program = script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script.name
    shown = config.relative_to(Path.cwd()) if config.is_relative_to(Path.cwd()) else config
    console.print("\n[bold]What to open next[/]")
    for command, text in (
        ("make ui", "Dagster's page with this run, its assets and its checks"),
        (f"{program} verdicts --state breach --config {shown}", "who, in the last week, and why"),
        (f"{program} report --config {shown}", "pages for the practice, its supervisors and its clinicians"),
        (f"{program} quarantine list --config {shown}", "rows that broke a rule"),
        (f"{program} status --config {shown}", "the last run and every source"),
        (f"{program} identity --config {shown}", "who was found in more than one source, and by what"),
        (f"{program} doctor --config {shown}", "what these sources can and cannot measure, and why"),
    ):
        console.print(f"  {command}\n      [dim]{text}[/]", soft_wrap=True)
