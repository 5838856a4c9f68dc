"""`pacekeeper status`: the last run, every source, and how fresh it is, in one screen."""

from __future__ import annotations

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, open_home


def status(config: Config = None) -> None:
    """Show the last run, how every source did, up to when it is complete, and what is published."""
    from datetime import UTC, datetime

    from rich.markup import escape

    from pacekeeper.ops import SourceRun, StreamState
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
    console.print(f"Last run {last.run_id[:8]}: {last.state}, as of {last.as_of:%Y-%m-%d %H:%M} UTC, {ended}.")
    table = findings.plain_table("Sources", ("source", "connector", "last read", "complete through", "message"))
    results = {result.source: result for result in home.ops.rows(SourceRun, run_id=last.run_id)}
    for source, settings in home.sources.items():
        result = results.get(source)
        marks = [s.complete_through for s in home.ops.rows(StreamState, source=source)]
        known = [mark for mark in marks if mark is not None]
        state = "[dim]not in the last run[/]" if result is None else result.state
        through = f"{min(known):%Y-%m-%d %H:%M} UTC" if known and len(known) == len(marks) else "[magenta]never[/]"
        colour = {"ok": "[green]ok[/]", "failed": "[bold red]failed[/]"}.get(state, state)
        message = escape((result.message if result else None) or "")
        table.add_row(source, settings.connector, colour, through, message)
    console.print(table)
    if home.read_copy.exists():
        made = datetime.fromtimestamp(home.read_copy.stat().st_mtime, UTC)
        console.print(f"Published {made:%Y-%m-%d %H:%M} UTC: {home.bi_copy} (marts), {home.read_copy} (everything).")
        findings.print_verdicts(console, home)
