"""`pacekeeper doctor`: which guardrails these sources can measure, and what is missing for the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_INCOMPLETE, Config, open_home

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.capability import Finding, Mapped, PracticeCapability

_STATE = {
    "measurable": "[green]measurable[/]",
    "missing": "[magenta]missing[/]",
    "unfilled": "[yellow]never filled[/]",
}


def doctor(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,  # noqa: FBT002 - typer
    measures: Annotated[  # noqa: FBT002 - typer
        bool, typer.Option("--measures", help="List every measure of the marts, not only those that lack something.")
    ] = False,
) -> None:
    """Say which guardrails and measures the configured sources support, and what would supply the rest.

    Asks no source: it reads what the connectors map and, after a run, what the published copy holds. Ends with 3 when
    a source cannot be set up.
    """
    from pacekeeper.capability import findings, practice_capability
    from pacekeeper_assets import MEASURE_NEEDS
    from pacekeeper_assets.explanation import guardrail_findings

    home = open_home(config)
    found = practice_capability(home)
    guardrails = guardrail_findings(found, home.policy().guardrail_ids)
    marts = findings(MEASURE_NEEDS, found.sources, filled=found.filled)
    if as_json:
        typer.echo(json.dumps(_document(found, guardrails, marts), indent=2))
    else:
        _print(make_console(), found, guardrails, marts, all_measures=measures)
    if found.broken:
        raise typer.Exit(EXIT_INCOMPLETE)


def _print(
    console: Console,
    found: PracticeCapability,
    guardrails: dict[str, Finding],
    marts: dict[str, Finding],
    *,
    all_measures: bool,
) -> None:
    from rich.markup import escape

    from pacekeeper_app.cli.findings import plain_table

    for source, message in found.broken.items():
        console.print(f"[bold red]cannot be set up[/]  {source}  {escape(message)}", soft_wrap=True)
    if not found.sources:
        console.print("No source can be asked: add one to the settings, then run this again.")
        return
    table = plain_table("Guardrails", ("guardrail", "state", "what is missing, and which kind of source supplies it"))
    for one in guardrails.values():
        table.add_row(one.name, _STATE[one.state], escape("\n".join(map(str, one.missing)) or f"by {_list(one.by)}"))
    console.print(table)
    _print_without(console, guardrails)
    shown = [one for one in marts.values() if all_measures or one.state != "measurable"]
    if shown:
        lacking = sum(one.state != "measurable" for one in marts.values())
        title = f"Measures: {len(marts) - lacking} of {len(marts)} can be computed"
        table = plain_table(title, ("measure", "state", "what is missing"))
        for one in shown:
            table.add_row(one.name, _STATE[one.state], escape("\n".join(map(str, one.missing))))
        console.print(table)
    _print_never_filled(console, found)


def _print_without(console: Console, guardrails: dict[str, Finding]) -> None:
    from rich.markup import escape

    by_text: dict[str, list[str]] = {}
    for one in guardrails.values():
        for text in one.without if one.state == "measurable" else ():
            by_text.setdefault(text, []).append(one.name)
    for text, names in by_text.items():
        console.print(f"[dim]{_list(names)}:[/] {escape(text)}", soft_wrap=True)


def _print_never_filled(console: Console, found: PracticeCapability) -> None:
    from pacekeeper_app.cli.findings import plain_table

    if not found.filled:
        console.print("After a first run this also tells what is declared and never filled.")
        return
    if not found.never_filled:
        return
    by_stream: dict[tuple[str, str, int], list[str]] = {}
    for one in found.never_filled:
        by_stream.setdefault((one.source, one.of, one.rows), []).append(one.column)
    table = plain_table("Declared, and never filled by this server", ("source", "stream", "records", "columns"))
    for (source, stream, rows), names in by_stream.items():
        table.add_row(source, stream, f"{rows:,}", ", ".join(names))
    console.print(table)


def _document(
    found: PracticeCapability, guardrails: dict[str, Finding], marts: dict[str, Finding]
) -> dict[str, Any]:  # Any: JSON
    return {
        "guardrails": {name: _finding(one) for name, one in guardrails.items()},
        "measures": {name: _finding(one) for name, one in marts.items()},
        "sources": {name: _filled_columns(mapped) for name, mapped in found.sources.items()},
        "broken": dict(found.broken),
        "never_filled": [
            {"source": one.source, "stream": one.of, "column": one.column, "records": one.rows}
            for one in found.never_filled
        ],
    }


def _filled_columns(mapped: Mapped) -> dict[str, list[str]]:
    return {
        entity: sorted(column for column in columns if mapped.fills(entity, column))
        for entity, columns in mapped.entities.items()
    }


def _finding(one: Finding) -> dict[str, Any]:  # Any: JSON
    return {
        "state": one.state,
        "by": list(one.by),
        "missing": [{"entities": m.entities, "kind_of_source": m.kind, "text": m.text} for m in one.missing],
        "without": list(one.without),
    }


def _list(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
