"""`pacekeeper run`: one night, with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_FAILED, EXIT_INCOMPLETE, Config, named_source, open_home, parse_as_of

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.home import PracticeHome
    from pacekeeper_app.night import NightResult

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="Judge by this instant: a date (its end, in the practice's zone) or a time. Default: now.",
        show_default=False,
    ),
]


Reread = Annotated[
    list[str] | None,
    typer.Option(
        "--reread",
        metavar="SOURCE",
        help="Ask this source for everything again, not only for what changed; may be given several times. "
        "Finds deletions a server does not report, and rows that were rejected before.",
        show_default=False,
    ),
]


Full = Annotated[
    bool,
    typer.Option("--full", help="Make every table again from what has landed, also what nothing has changed for."),
]


Source = Annotated[
    str | None,
    typer.Option("--source", help="Read this source alone, for the days --from to --to.", show_default=False),
]
First = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help="First day, with --source.", show_default=False)
]
Last = Annotated[
    str | None,
    typer.Option("--to", metavar="DAY", help="Last day, with --source. Default: today.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", help="With --source: do not ask whether to read it.")]


def run(
    config: Config = None,
    as_of: AsOf = None,
    reread: Reread = None,
    full: Full = False,  # noqa: FBT002 - typer
    source: Source = None,
    first: First = None,
    last: Last = None,
    yes: Yes = False,  # noqa: FBT002 - typer
) -> None:
    """Read every source, land, map, build the marts, judge, check and publish. Costs what changed.

    Ends with 0 when everything worked (breaches are findings, not failures), 3 when a source failed or a slice was
    kept back, 1 when the run failed and yesterday's tables are still published. Safe to repeat, safe to kill.
    """
    home = open_home(config)
    console = make_console()
    if source is not None or first is not None or last is not None:
        raise typer.Exit(_run_backfill(home, console, source, first, last, is_agreed=yes, others=(as_of, reread, full)))
    moment = parse_as_of(as_of, home.settings.practice.home_tz)
    for name in reread or ():
        home.ops.read_whole_next(named_source(home, name))
    night = run_with_progress(home, console, as_of=moment, full=full)
    raise typer.Exit(report_night(home, console, night))


def _run_backfill(
    home: PracticeHome,
    console: Console,
    source: str | None,
    first: str | None,
    last: str | None,
    *,
    is_agreed: bool,
    others: tuple[object, ...],
) -> int:
    """The exit code of a backfill. others: options that it does not go with."""
    from pacekeeper_app.cli.backfill import parse_backfill, run_backfill

    if any(others):
        raise ConfigError("--source reads one source for a window: --as-of, --reread and --full do not go with it")
    if source is None:
        raise ConfigError("--from and --to need --source, the source to read")
    wanted = parse_backfill(home, source, first, last)
    return report_night(home, console, run_backfill(home, console, wanted, is_agreed=is_agreed))


def run_with_progress(
    home: PracticeHome, console: Console, *, as_of: datetime | None, full: bool = False
) -> NightResult:
    """Run the night while saying what is being done."""
    from pacekeeper_app.night import run_night

    with console.status("starting", spinner="dots") as status, _told(console, status.update) as listener:
        return run_night(home, as_of=as_of, full=full, listener=listener)


def report_night(home: PracticeHome, console: Console, night: NightResult) -> int:
    """Print what the run found; the exit code comes back."""
    from rich.markup import escape

    from pacekeeper.ops import MappingRun, SourceRun
    from pacekeeper_app.cli import findings

    sources = home.ops.rows(SourceRun, run_id=night.run_id)
    findings.print_sources(console, home, night.run_id)
    for failure in night.failures:
        console.print(f"[bold red]failed[/]  {escape(failure)}", soft_wrap=True)
    if night.failures:
        console.print("Yesterday's tables are still published. Mend what is named above and run again.")
        return EXIT_FAILED
    findings.print_notes(console, home, night.run_id)
    findings.print_incomplete(console, home)
    findings.print_quarantine(console, home)
    findings.print_unmapped(console, home, night.run_id)
    findings.print_verdicts(console, home)
    findings.print_breaches(console, home)
    findings.print_checks(console, night.checks)
    kept_back = [run for run in home.ops.rows(MappingRun, run_id=night.run_id) if not run.is_current]
    console.print(f"Run {night.run_id[:8]} as of {night.as_of:%Y-%m-%d %H:%M} UTC took {night.seconds:.0f} s.")
    return EXIT_INCOMPLETE if kept_back or any(source.state != "ok" for source in sources) else 0


@contextmanager
def _told(console: Console, update: Callable[[str], None]) -> Iterator[Callable[[str, str, int], None]]:
    """A listener that keeps one line up to date on a terminal, and prints one per finished table elsewhere."""
    words = {"read": "reading", "land": "landed", "map": "mapped", "mart": "built"}

    def listen(step: str, what: str, rows: int) -> None:
        if not rows and step != "read":
            return  # many a source fills few of the tables there are
        line = f"{words.get(step, step)} [bold]{what}[/]  {rows:,} rows"
        update(line)
        if step != "read":
            console.print(f"  {line}", style="dim")

    yield listen
