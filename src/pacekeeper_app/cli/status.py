"""`pacekeeper status`: the last run, every source, and how fresh it is, in one screen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, Json, open_home, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.home import PracticeHome
    from pacekeeper.ops import Run
    from pacekeeper.ops.costs import SourceCost


@dataclass(frozen=True)
class _SourceStatus:
    """A source of the settings. complete_through: of all its streams; null = one was never read completely.

    cost: null = it has not been read.
    """

    source: str
    connector: str
    complete_through: datetime | None
    message: str
    cost: SourceCost | None


def status(config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002 - typer
    """Show the last run, how every source did and what it cost, up to when it is complete, and what is published."""
    from rich.markup import escape

    from pacekeeper.ops.standing import problems_now
    from pacekeeper_app.cli import findings

    home = open_home(config)
    last = home.ops.last_run() if home.ops.path.exists() else None
    sources = [] if last is None else _sources(home)
    problems = [] if last is None else problems_now(home, now=datetime.now(UTC))
    errors = sum(problem.severity == "error" for problem in problems)
    published = datetime.fromtimestamp(home.read_copy.stat().st_mtime, UTC) if home.read_copy.exists() else None
    if as_json:
        print_json(
            {
                "practice": home.settings.practice.name,
                "last_run": None if last is None else last.model_dump(),
                "published_at": published,
                "sources": [asdict(source) for source in sources],
                "errors": errors,
                "warnings": len(problems) - errors,
            }
        )
        return
    console = make_console()
    console.print(f"[bold]{escape(home.settings.practice.name)}[/]  {home.data_dir}")
    if last is None:
        console.print("No run yet. Next: [bold]pacekeeper check <source>[/], then [bold]pacekeeper run[/].")
        return
    console.print(_told(home, last))
    _print_sources(console, home, sources)
    if published is not None:
        console.print(f"Published {published:%Y-%m-%d %H:%M} UTC: {home.bi_copy} (marts), {home.read_copy} (all).")
        findings.print_verdicts(console, home)
    if problems:
        console.print(f"{errors} errors and {len(problems) - errors} warnings stand: [bold]pacekeeper problems[/]")


def _told(home: PracticeHome, last: Run) -> str:
    """How the last run went."""
    from pacekeeper.ops import MappingRun, SourceRun

    ended = (
        f"ended {last.ended_at:%Y-%m-%d %H:%M} UTC"
        if last.ended_at
        else "has not ended: it is under way, or was killed"
    )
    mapped = bool(home.ops.rows(MappingRun, run_id=last.run_id))
    what = "Last run" if home.ops.rows(SourceRun, run_id=last.run_id) or not mapped else "Last replay (no source read)"
    return f"{what} {last.run_id[:8]}: {last.state}, as of {last.as_of:%Y-%m-%d %H:%M} UTC, {ended}."


def _sources(home: PracticeHome) -> list[_SourceStatus]:
    """Every source that is switched on: its latest read, and up to when all its streams are complete."""
    from pacekeeper.ops import Run, SourceRun, StreamState
    from pacekeeper.ops.costs import source_costs

    started = {run.run_id: run.started_at for run in home.ops.rows(Run)}
    costs = {cost.source: cost for cost in source_costs(home.ops, sources=list(home.sources))}
    found = []
    for source, settings in home.sources.items():
        reads = [result for result in home.ops.rows(SourceRun, source=source) if result.run_id in started]
        latest = max(reads, key=lambda result: started[result.run_id], default=None)
        marks = [state.complete_through for state in home.ops.rows(StreamState, source=source)]
        known = [mark for mark in marks if mark is not None]
        through = min(known) if known and len(known) == len(marks) else None
        message = (latest.message if latest else None) or ""
        found.append(_SourceStatus(source, settings.connector, through, message, costs.get(source)))
    return found


def _print_sources(console: Console, home: PracticeHome, sources: list[_SourceStatus]) -> None:
    from rich.markup import escape

    from pacekeeper_app.cli import findings

    newest = max((one.cost.started_at for one in sources if one.cost is not None), default=None)
    columns = ("source", "connector", "last read", "complete through", "minutes", "calls", "message")
    table = findings.plain_table("Sources", columns)
    for one in sources:
        through = f"{one.complete_through:%Y-%m-%d %H:%M} UTC" if one.complete_through else "[magenta]never[/]"
        if one.cost is None:
            table.add_row(one.source, one.connector, "[dim]never[/]", through, "", "", "")
            continue
        shown = {"ok": "[green]ok[/]", "failed": "[bold red]failed[/]"}.get(one.cost.state, one.cost.state)
        if one.cost.started_at != newest:
            shown += f" [dim]on {one.cost.started_at:%Y-%m-%d %H:%M} UTC[/]"
        calls = f"{one.cost.calls:,}" if one.cost.calls else "·"
        table.add_row(one.source, one.connector, shown, through, f"{one.cost.minutes:.1f}", calls, escape(one.message))
    console.print(table)
    findings.print_incomplete(console, home)
