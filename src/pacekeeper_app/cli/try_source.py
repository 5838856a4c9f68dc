"""`pacekeeper try <source>`: a live look at a source that writes nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_INCOMPLETE, Config, named_source, open_home

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.probe import Probe, StreamFinding

_SPAN = re.compile(r"([1-9]\d{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_SHOWN_NAMES = 12


def try_source(
    source: Annotated[str, typer.Argument(help="A source's name in the settings.")],
    config: Config = None,
    since: Annotated[
        str, typer.Option(help="How far back streams with a cursor are asked: 12h, 7d or 4w.", metavar="SPAN")
    ] = "7d",
    limit: Annotated[int, typer.Option(help="At most so many records of each stream.", min=1, max=100_000)] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Read a little of one source through the real boundary and mappings, and write nothing.

    Shows fields against what is declared (names only), codes against value maps, whether the cursor can be trusted,
    rows mapped and rejected with reasons, and declared columns this server never fills. Ends with 3 when a stream
    could not be read or an entity not be mapped.
    """
    from datetime import UTC, datetime

    from pacekeeper.probe import probe_source

    span = _span(since)
    home = open_home(config)
    now = datetime.now(UTC)
    found = probe_source(home, named_source(home, source), since=now - span, now=now, limit=limit)
    if as_json:
        typer.echo(json.dumps(_document(found), indent=2, default=str))
    else:
        _print(make_console(), found)
    if not found.is_whole:
        raise typer.Exit(EXIT_INCOMPLETE)


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ConfigError(f"--since {text!r} is no span; write a number and h, d or w: 12h, 7d, 4w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _print(console: Console, found: Probe) -> None:
    from rich.markup import escape

    _print_streams(console, found)
    for one in found.streams:
        if one.error is not None:
            console.print(f"[bold red]{one.stream}[/]  {escape(one.error)}", soft_wrap=True)
        for warning in one.cursor.warnings if one.cursor is not None else ():
            console.print(f"[yellow]cursor of {one.stream}[/]  {escape(warning)}", soft_wrap=True)
    unordered = [one.stream for one in found.streams if one.cursor is not None and one.cursor.order == "unordered"]
    if unordered:
        console.print(
            f"[dim]Pages do not come in the order of the cursor, so none is a place to resume from: "
            f"{', '.join(unordered)}[/]",
            soft_wrap=True,
        )
    _print_codes(console, found)
    _print_rejected(console, found)
    if found.mapping_error is not None:
        console.print(f"[bold red]mapping[/]  {escape(found.mapping_error)}", soft_wrap=True)
    _print_mappings(console, found)
    records = sum(one.read for one in found.streams)
    console.print(
        f"{records:,} records of {found.source} ({found.connector}) read in {found.seconds:.1f} s with {found.calls} "
        f"requests; nothing was written. Asked for changes since {found.since:%Y-%m-%d %H:%M} UTC."
    )


def _print_streams(console: Console, found: Probe) -> None:
    from rich.markup import escape

    from pacekeeper_app.cli.findings import plain_table

    table = plain_table("Fields", ("stream", "read", "kept", "never filled", "fields nobody declared (records)"))
    for one in found.streams:
        undeclared = [f"{name} ({rows})" for name, rows in one.undeclared.items()]
        read = f"{one.read:,}{'+' if one.is_cut else ''}"
        never = ", ".join(one.never_filled) or "·"
        table.add_row(one.stream, read, f"{one.kept:,}", escape(never), escape(_few(undeclared)))
    for column in table.columns[3:]:
        column.no_wrap = False
    console.print(table)


def _print_codes(console: Console, found: Probe) -> None:
    from rich.markup import escape

    from pacekeeper_app.cli.findings import plain_table

    table = plain_table("Codes against value maps", ("stream", "column", "code", "rows", "means"))
    for one in found.streams:
        for code in one.codes:
            told = [f"{value} ({name})" for name, value in code.meaning.items() if value is not None]
            means = escape(", ".join(told)) if told else f"[yellow]unknown: not in {', '.join(code.meaning)}[/]"
            table.add_row(one.stream, code.column, escape(code.code), f"{code.rows:,}", means)
    if table.row_count:
        console.print(table)


def _print_rejected(console: Console, found: Probe) -> None:
    from pacekeeper.landing.typing_sql import REASONS
    from pacekeeper_app.cli.findings import plain_table

    table = plain_table("Records rejected at the boundary", ("stream", "column", "reason", "rows", "what it means"))
    for one in found.streams:
        for (column, reason), rows in one.rejected.items():
            table.add_row(one.stream, column or "(record)", reason, f"{rows:,}", REASONS.get(reason, ""))
        for reason, rows in one.out_of_scope.items():
            table.add_row(one.stream, "", reason, f"{rows:,}", "out of the stream's scope")
    if table.row_count:
        console.print(table)


def _print_mappings(console: Console, found: Probe) -> None:
    from rich.markup import escape

    from pacekeeper.contract.reason import sentence
    from pacekeeper_app.cli.findings import plain_table

    table = plain_table("Rows mapped", ("entity", "of", "mapped", "out of scope", "quarantined, and why"))
    for one in found.mappings:
        skipped = ", ".join(f"{rows} {reason}" for reason, rows in one.out_of_scope.items()) or "·"
        why = "\n".join(f"{rows} {reason}: {sentence(reason)}" for reason, rows in one.quarantined.items())
        if one.state == "failed":
            why = f"[bold red]failed[/] {escape(one.message or '')}"
        table.add_row(one.entity, f"{one.in_scope:,}", f"{one.mapped:,}", skipped, why or "·")
    for column in table.columns[3:]:
        column.no_wrap = False
    console.print(table)


def _few(texts: list[str]) -> str:
    more = f", and {len(texts) - _SHOWN_NAMES} more" if len(texts) > _SHOWN_NAMES else ""
    return (", ".join(texts[:_SHOWN_NAMES]) + more) or "·"


def _document(found: Probe) -> dict[str, Any]:  # Any: JSON
    return {
        "source": found.source,
        "connector": found.connector,
        "since": found.since.isoformat(),
        "calls": found.calls,
        "streams": {one.stream: _stream(one) for one in found.streams},
        "mapping_error": found.mapping_error,
        "entities": {
            one.entity: {
                "state": one.state,
                "in_scope": one.in_scope,
                "mapped": one.mapped,
                "quarantined": dict(one.quarantined),
                "out_of_scope": dict(one.out_of_scope),
                "unmapped": [list(value) for value in one.unmapped],
                "message": one.message,
            }
            for one in found.mappings
        },
    }


def _stream(one: StreamFinding) -> dict[str, Any]:  # Any: JSON
    return {
        "read": one.read,
        "kept": one.kept,
        "repeated": one.repeated,
        "deleted": one.deleted,
        "is_cut": one.is_cut,
        "filled": dict(one.filled),
        "never_filled": one.never_filled,
        "undeclared": dict(one.undeclared),
        "out_of_scope": dict(one.out_of_scope),
        "rejected": [[column, reason, rows] for (column, reason), rows in one.rejected.items()],
        "codes": [
            {"column": code.column, "code": code.code, "rows": code.rows, "meaning": dict(code.meaning)}
            for code in one.codes
        ],
        "cursor": None
        if one.cursor is None
        else {"column": one.cursor.column, "order": one.cursor.order, "warnings": one.cursor.warnings},
        "error": one.error,
    }
