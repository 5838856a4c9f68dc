"""`pacekeeper export`: readers' tables as Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, Json, open_home, print_json


def export(
    folder: Annotated[Path, typer.Argument(help="Gets a folder per version, and `current`, a link to the newest.")],
    keep: Annotated[int, typer.Option("--keep", min=1, help="Versions that are kept, the new one included.")] = 3,
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - typer
) -> None:
    """Write what BI reads as Parquet files: one per mart, a new folder per version, `current` moved in one step.

    The same night is not written twice. Nothing restricted is in it: it is the copy that BI tools open.
    """
    from rich.markup import escape

    from pacekeeper.engine.parquet_export import export_parquet

    made = export_parquet(open_home(config).bi_copy, folder.resolve(), keep=keep)
    if as_json:
        print_json({"folder": str(made.folder), "is_new": made.is_new, "rows": made.rows})
        return
    done = "Exported" if made.is_new else "Nothing new: the newest version holds"
    rows = sum(made.rows.values())
    make_console().print(f"{done} {len(made.rows)} tables, {rows:,} rows: {escape(str(made.folder))}", soft_wrap=True)
