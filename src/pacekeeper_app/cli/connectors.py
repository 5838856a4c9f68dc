"""`pacekeeper connectors` and `pacekeeper check <source>`."""

from __future__ import annotations

from typing import Annotated

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_FAILED, Config, named_source, open_home


def connectors() -> None:
    """List installed connectors, and whether each one loads."""
    from rich.markup import escape

    from pacekeeper import registry
    from pacekeeper.errors import PluginError
    from pacekeeper_app.cli.findings import plain_table

    table = plain_table("Installed connectors", ("connector", "distribution", "version", "state", "what it reads"))
    broken = False
    for entry in registry.available():
        try:
            found = registry.load(entry.name)
            state, text = "[green]ok[/]", (found.__doc__ or "").strip().splitlines()[0] if found.__doc__ else ""
        except PluginError as error:
            broken, state, text = True, "[bold red]broken[/]", f"{error.reason}. Fix: {error.fix}"
        table.add_row(entry.name, entry.distribution, entry.version, state, escape(text))
    make_console().print(table)
    if broken:
        raise typer.Exit(EXIT_FAILED)


def check(
    source: Annotated[str, typer.Argument(help="A source's name in the settings.")], config: Config = None
) -> None:
    """Try one source's settings and access with a cheap call; nothing is read or written."""
    from rich.markup import escape

    from pacekeeper.privacy import plugin_border

    home = open_home(config)
    connector = home.connector(named_source(home, source))
    with plugin_border(source, connector.name):
        health = connector.check()
    console = make_console()
    mark = "[green]ok[/]" if health.ok else "[bold red]not ok[/]"
    console.print(f"{mark}  {source} ({connector.name})  {escape(health.message)}", soft_wrap=True)
    for name, value in health.details.items():
        console.print(f"    {escape(name)}: {escape(value)}", soft_wrap=True)
    if not health.ok:
        raise typer.Exit(EXIT_FAILED)
