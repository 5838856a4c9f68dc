"""`pacekeeper quarantine list|show`."""

from __future__ import annotations

from typing import Annotated

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, open_home

app = typer.Typer(no_args_is_help=True, help="Rows that broke a rule: how many, which, and why. Never their values.")


@app.command("list")
def list_(config: Config = None) -> None:
    """Count quarantined rows by source, table and reason."""
    from pacekeeper_app.cli.findings import print_quarantine

    print_quarantine(make_console(), open_home(config))


@app.command("show")
def show(
    table: Annotated[str, typer.Argument(help="An entity, or raw_<source>_<stream>, as `list` names it.")],
    config: Config = None,
    source: Annotated[str | None, typer.Option(help="Only this source.", show_default=False)] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="At most so many rows.", min=1)] = 100,
) -> None:
    """Show quarantined rows of one table: key, column, reason and where it was found."""
    from rich.markup import escape

    from pacekeeper.mapping import show_quarantine
    from pacekeeper_app.cli.findings import plain_table

    home = open_home(config)
    with home.published.connect(read_only=True) as connection:
        rows = show_quarantine(connection, table, source=source, reason=reason, limit=limit)
    console = make_console()
    if not rows:
        console.print(f"Nothing of {table} is in quarantine.")
        return
    shown = plain_table(f"Quarantined rows of {table}", ("source", "key", "column", "reason", "where", "what it means"))
    for row in rows:
        shown.add_row(
            row.source, row.row_key or "·", row.column or "·", row.reason, row.place or "·", escape(row.sentence)
        )
    console.print(shown)
