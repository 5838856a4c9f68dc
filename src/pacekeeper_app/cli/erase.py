"""`pacekeeper erase`: a client out of everything, on request."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, Json, login, named_source, open_home, print_json

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome


def erase(
    source: Annotated[
        str | None, typer.Argument(help="The source whose id of the client you will give.", show_default=False)
    ] = None,
    by_key: Annotated[bool, typer.Option("--by-key", help="Give the client's key instead of an id.")] = False,  # noqa: FBT002 - typer
    by: Annotated[
        str | None, typer.Option("--by", help="Who does this, for the record; default: your login.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,  # noqa: FBT002 - typer
    listed: Annotated[bool, typer.Option("--list", help="List the erasures there were.")] = False,  # noqa: FBT002 - typer
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a run that is under way.")] = 60,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - typer
) -> None:
    """Erase a client: every record of the same person in every source, and all that refers to them. Not undone.

    The id is asked for, or read from standard input, never given as an argument: those stand in the shell's history.
    It is hashed in memory and kept nowhere. What the sources say about the client later is not landed any more.
    """
    from pacekeeper.upkeep.erase import client_key_of, erase_client, records_by_source

    home = open_home(config)
    if listed:
        _list(home, as_json=as_json)
        return
    if by_key == (source is not None):
        raise ConfigError("name the source whose id you will give, or say --by-key")
    key = _asked("client key").strip() if by_key else ""
    if source is not None:
        key = client_key_of(home, named_source(home, source), _asked(f"id of the client in {source}"))
    known = records_by_source(home, key)
    console = make_console()
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError("nobody can be asked here whether to erase: say --yes")
        told = ", ".join(f"{records} in {name}" for name, records in known.items()) or "none that is published"
        console.print(f"Records of this client: {told}. All of them, and all that refers to them, will be gone.")
        typer.confirm("Erase?", abort=True)
    with make_console(stderr=True).status("starting", spinner="dots") as status:
        done = erase_client(home, key, by=by or login(), wait_seconds=wait, step=status.update)
    if as_json:
        print_json({"erasure_id": done.erasure_id, "records": done.records, "rows": done.rows})
        return
    if done.is_repeat:
        console.print("This client had been erased already; the files were written anew.")
    else:
        console.print(f"Erased {done.records} records of the client, {done.rows:,} rows in all.")
    console.print(
        "Sums in the marts still count the client until the next run. Beyond reach: backups and exports made before, "
        "files that the sources read, and logs and backups of a database server.",
        soft_wrap=True,
    )


def _asked(what: str) -> str:
    """A line from the terminal, not shown, or from standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"{what} (not shown)", hide_input=True))
    return sys.stdin.readline()


def _list(home: PracticeHome, *, as_json: bool) -> None:
    from pacekeeper.ops.erasure_tables import Erasure
    from pacekeeper_app.cli.findings import plain_table

    found = sorted(home.ops.rows(Erasure), key=lambda erasure: erasure.started_at)
    if as_json:
        print_json([erasure.model_dump() for erasure in found])
        return
    table = plain_table("Erasures", ("when", "by", "records", "rows", ""))
    for one in found:
        ended = "" if one.ended_at else "[red]did not end: repeat it[/]"
        table.add_row(
            f"{one.started_at:%Y-%m-%d %H:%M}", one.erased_by, str(one.client_records), f"{one.rows:,}", ended
        )
    make_console().print(table)
