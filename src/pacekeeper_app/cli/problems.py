"""`pacekeeper problems`: what does not work now."""

from __future__ import annotations

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_INCOMPLETE, Config, Json, open_home, print_json


def problems(config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002 - typer
    """List what does not work now: runs, sources, slices kept back, rows left out; and what to do about each.

    Ends with 3 while figures are missing or old, else with 0.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from rich.markup import escape

    from pacekeeper.ops.standing import problems_now
    from pacekeeper_app.cli.findings import plain_table

    home = open_home(config)
    found = problems_now(home, now=datetime.now(UTC))
    if as_json:
        print_json([asdict(problem) for problem in found])
    elif not found:
        make_console().print("Nothing is known to be broken.")
    else:
        table = plain_table("What does not work now", ("", "what", "where", "since", "why, and what to do"))
        for problem in found:
            severity = "[bold red]error[/]" if problem.severity == "error" else "[yellow]warn[/]"
            since = "" if problem.since is None else f"{problem.since:%Y-%m-%d %H:%M}"
            told = f"{escape(problem.message)}\n[dim]{escape(problem.fix)}[/]"
            table.add_row(severity, problem.what, escape(problem.where), since, told)
        make_console().print(table)
    raise typer.Exit(EXIT_INCOMPLETE if any(problem.severity == "error" for problem in found) else 0)
