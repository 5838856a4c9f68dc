"""`pacekeeper quarantine list|show|replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_INCOMPLETE, Config, named_source, open_home

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.home import PracticeHome
    from pacekeeper.mapping import MappingResult

app = typer.Typer(no_args_is_help=True, help="Rows that broke a rule: how many, which, and why. Never their values.")


@app.command("list")
def list_(config: Config = None) -> None:
    """Count quarantined rows by source, table and reason."""
    from pacekeeper_app.cli.findings import print_quarantine

    print_quarantine(make_console(), open_home(config))


@app.command("show")
def show(
    table: Annotated[str, typer.Argument(help="An entity, or raw_<source>__<stream>, as `list` names it.")],
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


@app.command("replay")
def replay(
    source: Annotated[str | None, typer.Argument(help="Only this source.", show_default=False)] = None,
    entity: Annotated[str | None, typer.Argument(help="Only this entity.", show_default=False)] = None,
    config: Config = None,
) -> None:
    """Map again what has landed, after a mapping or a value map was corrected; calls no vendor.

    Builds the marts anew and publishes them, judged by the instant of the last run. Ends with 3 when a slice could
    not be swapped in. Rows that were rejected before they landed have to be read again; it says how.
    """
    from pacekeeper_app.cli.findings import print_unmapped
    from pacekeeper_app.replay import replay as map_again

    home = open_home(config)
    console = make_console()
    _check_names(home, source, entity)
    with console.status("mapping again"):
        results = map_again(home, source=source, entity=entity)
    _print_results(console, results)
    if (last := home.ops.last_run()) is not None:
        print_unmapped(console, home, last.run_id)
    _print_never_landed(console, home, source)
    raise typer.Exit(EXIT_INCOMPLETE if any(not result.is_current for result in results) else 0)


def _check_names(home: PracticeHome, source: str | None, entity: str | None) -> None:
    from pacekeeper.contract import ENTITIES
    from pacekeeper.errors import ConfigError

    if source is not None and named_source(home, source) not in home.sources:
        raise ConfigError(f"source {source} is switched off: set enabled = true in [sources.{source}] to map it again")
    known = sorted(name for name, found in ENTITIES.items() if not found.derived)
    if entity is not None and entity not in known:
        raise ConfigError(f"{entity!r} is no entity a source fills; there are: {', '.join(known)}")


def _print_results(console: Console, results: list[MappingResult]) -> None:
    from rich.markup import escape

    from pacekeeper_app.cli.findings import plain_table

    if not results:
        console.print("No mapping of these sources fills that entity; nothing was mapped again.")
        return
    shown = plain_table("Mapped again", ("source", "entity", "state", "mapped", "quarantined", "out of scope", "why"))
    for found in results:
        counts = (found.mapped, found.quarantined_rows, sum(found.out_of_scope.values()))
        cells = [f"{count:,}" for count in counts]
        shown.add_row(found.source, found.entity, found.state, *cells, escape(found.message or ""))
    console.print(shown)


def _print_never_landed(console: Console, home: PracticeHome, source: str | None) -> None:
    """What no mapping can bring back, because it was rejected at the boundary and no value of it is kept."""
    from pacekeeper.mapping import list_quarantine

    with home.published.connect(read_only=True) as connection:
        counts = [count for count in list_quarantine(connection) if count.table.startswith("raw_")]
    rows: dict[str, int] = {}
    for count in counts:
        if count.source in home.sources and source in {None, count.source}:
            rows[count.source] = rows.get(count.source, 0) + count.rows
    for name, number in sorted(rows.items()):
        console.print(
            f"{number:,} values of {name} were rejected before they landed, and none of them is kept: correct the "
            f"source or its settings, then read it again with `pacekeeper run --reread {name}`.",
            soft_wrap=True,
        )
