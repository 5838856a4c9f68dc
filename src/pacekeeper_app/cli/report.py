"""`pacekeeper report`: pages for the practice, its supervisors and its clinicians."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, Json, open_home, print_json


def report(
    month: Annotated[
        str | None, typer.Option(help="Month, as 2026-03; default: the last that was over.", show_default=False)
    ] = None,
    quarter: Annotated[
        str | None, typer.Option(help="Quarter, as 2026-Q1: its last month.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Gets a folder per month; default: reports beside the settings.", show_default=False),
    ] = None,
    readers: Annotated[
        Literal["practice", "supervisors", "clinicians", "all"], typer.Option("--for", help="Whose pages.")
    ] = "all",
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - typer
) -> None:
    """Write the quarter's page of the practice, a page per supervisor, and each clinician's own month, as HTML files.

    They need no server and no network, and print well. The same night gives the same pages; who got what is on record.
    """
    from rich.markup import escape

    from pacekeeper.reports.write import write_reports

    home = open_home(config)
    folder = (home.settings.home / "reports" if out is None else out).resolve()
    written = write_reports(
        home, folder, definitions=_definitions(), month=month, quarter=quarter, readers=readers, now=datetime.now(UTC)
    )
    if as_json:
        files = [str(file) for file in written.files]
        print_json({"month": str(written.period.month), "files": files, "new": written.new, "unnamed": written.unnamed})
        return
    console = make_console()
    for file in written.files:
        if file.parent.name not in {"clinicians", "supervisors"}:
            console.print(escape(str(file)), soft_wrap=True)
    for kind in ("supervisors", "clinicians"):
        pages = [file for file in written.files if file.parent.name == kind]
        if pages:
            console.print(f"{escape(str(pages[0].parent))}: {len(pages)} pages", soft_wrap=True)
    console.print(f"{written.period.month_name}: {len(written.files)} pages, {written.new} hand-overs put on record.")
    if written.unnamed:
        console.print(
            f"[yellow]No page for {written.unnamed} clinicians whom the directory does not name[/] "
            "(docs/how-to/reports.md).",
            soft_wrap=True,
        )


def _definitions() -> Mapping[str, str]:
    """How the value of each guardrail is computed, from the description of its column."""
    from pacekeeper_assets import CATALOGUE

    found = {}
    for rail in CATALOGUE.guardrails.values():
        for column in CATALOGUE.marts[rail.mart].columns:
            if column.name == rail.column:
                text = column.description.split(" Null")[0]
                found[rail.id] = re.sub(r" \(decision[^)]*\)", "", text)
    return found
