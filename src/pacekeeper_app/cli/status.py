"""`pacekeeper status`: the last run, every source, and how fresh it is, in one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, open_home

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.home import PracticeHome


def status(config: Config = None) -> None:
    """Show the last run, how every source did, up to when it is complete, and what is published."""
    from datetime import UTC, datetime

    from rich.markup import escape

    from pacekeeper.ops import MappingRun, SourceRun
    from pacekeeper.ops.problems import standing_problems
    from pacekeeper_app.cli import findings

    home = open_home(config)
    console = make_console()
    console.print(f"[bold]{escape(home.settings.practice.name)}[/]  {home.data_dir}")
    last = home.ops.last_run() if home.ops.path.exists() else None
    if last is None:
        console.print("No run yet. Next: [bold]pacekeeper check <source>[/], then [bold]pacekeeper run[/].")
        return
    ended = (
        f"ended {last.ended_at:%Y-%m-%d %H:%M} UTC"
        if last.ended_at
        else "has not ended: it is under way, or was killed"
    )
    mapped = bool(home.ops.rows(MappingRun, run_id=last.run_id))
    what = "Last run" if home.ops.rows(SourceRun, run_id=last.run_id) or not mapped else "Last replay (no source read)"
    console.print(f"{what} {last.run_id[:8]}: {last.state}, as of {last.as_of:%Y-%m-%d %H:%M} UTC, {ended}.")
    _print_sources(console, home)
    if home.read_copy.exists():
        made = datetime.fromtimestamp(home.read_copy.stat().st_mtime, UTC)
        console.print(f"Published {made:%Y-%m-%d %H:%M} UTC: {home.bi_copy} (marts), {home.read_copy} (everything).")
        findings.print_verdicts(console, home)
    if found := standing_problems(home.ops, sources=list(home.sources), now=datetime.now(UTC)):
        errors = sum(problem.severity == "error" for problem in found)
        console.print(f"{errors} errors and {len(found) - errors} warnings stand: [bold]pacekeeper problems[/]")


def _print_sources(console: Console, home: PracticeHome) -> None:
    """Every source of the settings: its latest read, up to when all its streams are complete, and why it failed."""
    from rich.markup import escape

    from pacekeeper.ops import Run, SourceRun, StreamState
    from pacekeeper_app.cli import findings

    started = {run.run_id: run.started_at for run in home.ops.rows(Run)}
    newest_read = max((started[r.run_id] for r in home.ops.rows(SourceRun) if r.run_id in started), default=None)
    table = findings.plain_table("Sources", ("source", "connector", "last read", "complete through", "message"))
    for source, settings in home.sources.items():
        reads = [result for result in home.ops.rows(SourceRun, source=source) if result.run_id in started]
        latest = max(reads, key=lambda result: started[result.run_id], default=None)
        marks = [state.complete_through for state in home.ops.rows(StreamState, source=source)]
        known = [mark for mark in marks if mark is not None]
        through = f"{min(known):%Y-%m-%d %H:%M} UTC" if known and len(known) == len(marks) else "[magenta]never[/]"
        if latest is None:
            shown = "[dim]never[/]"
        else:
            shown = {"ok": "[green]ok[/]", "failed": "[bold red]failed[/]"}.get(latest.state, latest.state)
            if started[latest.run_id] != newest_read:
                shown += f" [dim]on {started[latest.run_id]:%Y-%m-%d %H:%M} UTC[/]"
        table.add_row(source, settings.connector, shown, through, escape((latest.message if latest else None) or ""))
    console.print(table)
    findings.print_incomplete(console, home)
