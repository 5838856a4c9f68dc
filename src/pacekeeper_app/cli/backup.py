"""`pacekeeper backup` and `pacekeeper restore`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, Json, open_home, print_json

if TYPE_CHECKING:
    from pacekeeper.upkeep.kept_files import Told

Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a run that is under way.")]


def backup(
    folder: Annotated[Path, typer.Argument(help="Gets a folder per backup, named after the moment.")],
    key_to: Annotated[
        Path | None,
        typer.Option(
            help="Also copy the hash secret, to this file. Keep it apart from the backup: who has both can tell "
            "whether a person is in the data.",
            show_default=False,
        ),
    ] = None,
    wait: Wait = 60,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - typer
) -> None:
    """Copy everything the practice needs to go on: warehouse, ledgers and alerts, with versions and digests.

    Not in it: the hash secret (see --key-to), the settings and the files they name, Dagster's own history.
    """
    from rich.markup import escape

    from pacekeeper.upkeep.backup import back_up

    home = open_home(config)
    with _progress() as told:
        made, manifest = back_up(home, folder, key_to=key_to, wait_seconds=wait, told=told)
    size = sum(kept.bytes for kept in manifest.files.values())
    if as_json:
        print_json({"folder": str(made), "bytes": size, "key_id": manifest.key_id, "as_of": manifest.as_of})
        return
    console = make_console()
    console.print(f"Backed up {size / 2**20:,.0f} MiB: {escape(str(made))}", soft_wrap=True)
    if key_to is None:
        console.print(
            f"[yellow]The hash secret is not in it.[/] Without the one with id {manifest.key_id} the backup cannot go "
            f"on: keep a copy of {escape(str(home.key_path))} elsewhere, or say --key-to.",
            soft_wrap=True,
        )
    else:
        console.print(
            f"[yellow]{escape(str(key_to))} holds the hash secret.[/] Keep it on another medium than the backup.",
            soft_wrap=True,
        )


def restore(
    folder: Annotated[Path, typer.Argument(help="The folder of one backup.")],
    force: Annotated[bool, typer.Option("--force", help="Also where there are data, which are lost.")] = False,  # noqa: FBT002 - typer
    key_from: Annotated[
        Path | None,
        typer.Option(help="The file with the hash secret, where the data folder has none.", show_default=False),
    ] = None,
    wait: Wait = 60,
    config: Config = None,
) -> None:
    """Put a backup in the place of the practice's data, and publish it. The next run goes on from there.

    Checks first that it is whole, of a contract this Pacekeeper knows, and made under the same hash secret.
    """
    from rich.markup import escape

    from pacekeeper.upkeep.restore import restore as put_back

    home = open_home(config)
    with _progress() as told:
        found = put_back(home, folder, force=force, key_from=key_from, wait_seconds=wait, told=told)
    of = f"as of {found.as_of}" if found.as_of else "before the first run"
    make_console().print(
        f"Restored the backup of {found.made_at}, {of}, into {escape(str(home.data_dir))}. Next: pacekeeper run",
        soft_wrap=True,
    )


@contextmanager
def _progress() -> Iterator[Told]:
    """Keeps a line on standard error up to date: what is copied or checked, and how much of it."""
    console = make_console(stderr=True)
    with console.status("starting", spinner="dots") as status:
        yield lambda what, done, of: status.update(f"{what}: {done / 2**20:,.0f} of {of / 2**20:,.0f} MiB")
