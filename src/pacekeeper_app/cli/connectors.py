"""`pacekeeper connectors` with its sub-commands, and `pacekeeper check <source>`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_FAILED, Config, named_source, open_home

if TYPE_CHECKING:
    from pacekeeper.registry import ConnectorEntry

app = typer.Typer(help="List installed connectors, and hold them against what they released.", add_completion=False)
_Name = Annotated[str, typer.Argument(help="A connector's name.")]


@app.callback(invoke_without_command=True)
def connectors(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per connector.")] = False,  # noqa: FBT002
) -> None:
    """List installed connectors: whether each one loads, what it maps, and which conformance tests it skips."""
    if context.invoked_subcommand is not None:
        return
    from rich.markup import escape

    from pacekeeper import registry
    from pacekeeper_app.cli.findings import plain_table

    found = [_listed(entry) for entry in registry.available()]
    if as_json:
        for one in found:
            typer.echo(json.dumps(one))
    else:
        console = make_console()
        table = plain_table("Installed connectors", ("connector", "distribution", "version", "state", "what it reads"))
        for one in found:
            state = "[green]ok[/]" if one["state"] == "ok" else "[bold red]broken[/]"
            told = [one["text"], f"[dim]fills {', '.join(one['entities'])}[/]" if one["entities"] else ""]
            told[0] = escape(told[0])
            table.add_row(one["name"], one["distribution"], one["version"], state, "\n".join(filter(None, told)))
        console.print(table)
        for one in found:
            for test, reason in one["skips"].items():
                console.print(f"[yellow]{one['name']} skips[/] {escape(test)}: {escape(reason)}", soft_wrap=True)
    if any(one["state"] != "ok" for one in found):
        raise typer.Exit(EXIT_FAILED)


@app.command("snapshot")
def snapshot(
    name: _Name,
    output: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
) -> None:
    """Write what a connector promises as JSON: settings, streams, columns, entities. Keep it when you release."""
    from pacekeeper import compatibility
    from pacekeeper.errors import ConfigError

    text = compatibility.snapshot_text(compatibility.snapshot(name))
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output} cannot be written ({type(error).__name__}): name another file") from None
    make_console().print(f"Wrote {output}.")


@app.command("check-compat")
def check_compat(
    name: _Name,
    against: Annotated[
        Path | None,
        typer.Option(help="Snapshot to hold it against; default: released.json beside its code.", show_default=False),
    ] = None,
) -> None:
    """Fail where a stream, column, key or setting was removed or changed its type since a snapshot."""
    from rich.markup import escape

    from pacekeeper import compatibility
    from pacekeeper.errors import ConfigError

    before = compatibility.read_snapshot(against) if against is not None else compatibility.released(name)
    if before is None:
        raise ConfigError(
            f"connector {name} has no {compatibility.FILE_NAME} beside its code: name a snapshot with --against, or "
            f"write one with `pacekeeper connectors snapshot {name} --output {compatibility.FILE_NAME}`"
        )
    found = compatibility.compare(before, compatibility.snapshot(name))
    console = make_console()
    for text in found.added:
        console.print(f"[green]added[/]     {escape(text)}", soft_wrap=True)
    for text in found.breaking:
        console.print(f"[bold red]breaking[/]  {escape(text)}", soft_wrap=True)
    version = before.get("version", "unknown")
    if found.breaking:
        console.print(f"{name} breaks {len(found.breaking)} promises of version {version}. See the deprecation page.")
        raise typer.Exit(EXIT_FAILED)
    console.print(f"{name} keeps every promise of version {version}.")


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


def _listed(entry: ConnectorEntry) -> dict[str, Any]:  # Any: JSON
    from pacekeeper import registry
    from pacekeeper.errors import PluginError

    row: dict[str, Any] = {"name": entry.name, "distribution": entry.distribution, "version": entry.version}
    try:
        found = registry.load(entry.name)
    except PluginError as error:
        return {**row, "state": "broken", "text": f"{error.reason}. Fix: {error.fix}", "entities": [], "skips": {}}
    return {
        **row,
        "state": "ok",
        "text": (found.__doc__ or "").strip().partition("\n")[0],
        "entities": list(dict.fromkeys(mapping.entity for mapping in found.mappings)),
        "skips": dict(found.conformance_skips),
    }
