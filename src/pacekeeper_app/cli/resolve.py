"""`pacekeeper resolve`: from a key to the record in the source, for people who may know."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_INCOMPLETE, Config, Json, login, open_home, print_json

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome


def resolve(
    key: Annotated[
        str, typer.Argument(help="Key of a client or a clinician, or the reference of an alert.", show_default=False)
    ],
    by: Annotated[
        str | None, typer.Option("--by", help="Who asks, for the record; default: your login.", show_default=False)
    ] = None,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - typer
) -> None:
    """Tell which record of which source a key stands for, by the id that the source itself has.

    Nothing here keeps what a key was made from: the sources are read again, and matched in memory. That you asked is on
    record; the answer is not. Ends with 3 where a source could not be asked, or no longer has the record.
    """
    from datetime import UTC, datetime

    from rich.markup import escape

    from pacekeeper.probe.named import resolve_key
    from pacekeeper_app.cli.findings import plain_table

    if not (as_json or sys.stdout.isatty()):
        raise ConfigError("the answer tells who somebody is: it goes to a terminal, or with --json to a script")
    home = open_home(config)
    with make_console(stderr=True).status("asking", spinner="dots") as status:
        named = resolve_key(
            home,
            _subject(home, key),
            by=by or login(),
            now=datetime.now(UTC),
            on_read=lambda source, records: status.update(f"{source}: {records:,} records looked at"),
        )
    if as_json:
        print_json([{**vars(one.record), "id": one.identity, "error": one.error} for one in named])
    else:
        table = plain_table("Records", ("source", "what", "id in the source"))
        for one in named:
            missing = f"[yellow]{escape(one.error or 'the source does not have it now')}[/]"
            told = missing if one.identity is None else escape(one.identity)
            table.add_row(one.record.source, one.record.kind, told)
        make_console().print(table)
    if any(one.identity is None for one in named):
        raise typer.Exit(EXIT_INCOMPLETE)


def _subject(home: PracticeHome, text: str) -> str:
    """The key that was given, or that of the subject of the alert that was."""
    from pacekeeper.ops import Alert

    found = home.ops.rows(Alert, ref=text.strip().upper())
    # The subject of an alert that Pacekeeper found itself ends in the key of its client.
    return found[0].subject_key.rpartition(":")[2] if found else text.strip().lower()
