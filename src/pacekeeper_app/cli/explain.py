"""`pacekeeper explain`: formula, inputs, rule, policy and rows behind one number."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, open_home

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper_app.explained import Document

_NOTHING = "·"
#: Of a key or a version so much is shown; it is enough for another call.
_SHOWN = 12


def explain(
    mart: Annotated[str, typer.Argument(help="Mart, such as clinician_week; or guardrail_result.")],
    key: Annotated[
        str,
        typer.Argument(
            help="Primary key of the row, its parts separated by /: 3f9a/2026-01-12. Of a hashed part a beginning is "
            "enough. Of a verdict: subject/guardrail/period."
        ),
    ],
    column: Annotated[str, typer.Argument(help="Column, such as direct_h.")],
    config: Config = None,
    limit: Annotated[int, typer.Option(help="At most so many rows of an entity.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Show what is behind a number: formula, inputs, policy in force, and the keys, sources and raw versions.

    Reads the published copy only. Of a verdict, it goes on to the number that was compared.
    """
    from pacekeeper_app.explained import explain as explained

    document = explained(open_home(config), mart, key, column, limit=limit)
    if as_json:
        typer.echo(json.dumps(document, indent=2, default=str))
        return
    console = make_console()
    _print(console, document)
    compared = document.get("compared")
    if compared is None:
        return
    console.rule("what was compared")
    if "mart" in compared:
        _print(console, compared, is_judged=False)
    else:
        console.print(compared["note"], soft_wrap=True)


def _print(console: Console, document: Document, *, is_judged: bool = True) -> None:
    """The document. is_judged: with policy and verdicts."""
    from rich.markup import escape

    def say(label: str, text: str) -> None:
        console.print(f"[dim]{label}[/]  {escape(text)}", soft_wrap=True)

    unit = "" if document["value"] is None else f" {document['unit']}"
    key = "/".join(_text(part) for part in document["key"].values())
    console.print(
        f"[bold]{document['mart']}.{document['column']}[/] of {escape(key)}: "
        f"[bold]{escape(_text(document['value'], whole=True))}[/]{escape(unit)}",
        soft_wrap=True,
    )
    if document["null_means"] is not None:
        say("null means", document["null_means"])
    say("formula", document["formula"])
    for rule in document["rules"]:
        say("rule", f"{rule['id']}: {rule['title']} (article {rule['article']}, docs/sources.md)")
    say("grain", document["grain"])
    for name, found in document["beside"].items():
        say(name, f"{_text(found['value'], whole=True)} {found['unit']}".rstrip())
    say("as of", f"{_text(document['as_of'])}, run {document['run_id']}")
    _print_needs(console, document)
    if is_judged:
        _print_policy(console, document)
        _print_verdicts(console, document)
    if document["behind"] is not None:
        _print_behind(console, document["behind"])


def _print_needs(console: Console, document: Document) -> None:
    from rich.markup import escape

    from pacekeeper_app.cli.findings import plain_table

    if not document["needs"]:
        return
    table = plain_table("Inputs", ("", "input", "source, complete up to"))
    for one in document["needs"]:
        sources = [
            f"{found['source']}, {_text(found['complete_through']) if found['complete_through'] else 'never read'}"
            for found in one["sources"]
        ]
        lacking = "[magenta]no source maps it[/]" + (f": {escape(one['without'])}" if one["without"] else "")
        table.add_row(one["role"], escape(one["input"]), escape("\n".join(sources)) or lacking)
    table.columns[1].no_wrap, table.columns[1].overflow = False, "fold"
    console.print(table)


def _print_policy(console: Console, document: Document) -> None:
    from rich.markup import escape

    from pacekeeper_app.cli.findings import plain_table

    policy = document["policy"]
    if policy is None:
        return
    title = f"Policy {policy['name']} in force on {policy['on']}, version {policy['version']}: {policy['note']}"
    table = plain_table(escape(title), ("guardrail", "key", "value", "unit", "layer", "where it comes from"))
    for one in policy["values"]:
        name = one["guardrail_id"] if one["enabled"] else f"{one['guardrail_id']} (off)"
        value = "not configured" if one["value"] is None else _text(one["value"])
        table.add_row(name, one["key"], escape(value), one["unit"], escape(one["layer"]), escape(one["provenance"]))
    table.columns[2].no_wrap, table.columns[2].max_width = False, 30
    console.print(table)


def _print_verdicts(console: Console, document: Document) -> None:
    from pacekeeper_app.cli.findings import STYLE, plain_table

    if not document["verdicts"]:
        return
    names = (
        "guardrail", "subject", "period", "version", "state", "why", "value", "unit", "warn", "breach", "scaled by",
        "layer",
    )  # fmt: skip
    table = plain_table("Verdicts", names)
    for verdict in document["verdicts"]:
        cells = [_text(value) for value in verdict.values()][: len(names)]
        cells[4] = f"[{STYLE[cells[4]]}]{cells[4]}[/]"
        table.add_row(*cells)
    console.print(table)


def _print_behind(console: Console, behind: Document) -> None:
    from rich.markup import escape

    days = f", {behind['from']} to {behind['to'] or 'any time after'} in {behind['zone']}" if behind["from"] else ""
    console.print(f"[bold]Rows behind it[/]: {escape(behind['note'])}{days}", soft_wrap=True)
    for one in behind["entities"]:
        count = f"{one['count']:,} row{'' if one['count'] == 1 else 's'}"
        console.print(f"[bold]{one['entity']}[/]  {count}, {escape(one['chosen'])}", soft_wrap=True)
        if one["note"]:
            console.print(f"  [dim]{escape(one['note'])}[/]", soft_wrap=True)
        if one["rows"]:
            _print_rows(console, one["rows"])
        if len(one["rows"]) < one["count"]:
            console.print(f"Only the first {len(one['rows'])}; ask for more with --limit.")


def _print_rows(console: Console, rows: list[Document]) -> None:
    from rich.markup import escape

    from pacekeeper_app.cli.findings import plain_table

    names = [name for name in rows[0] if name != "raw"]
    table = plain_table("", names)
    raw: dict[tuple[str, ...], None] = {}
    for row in rows:
        table.add_row(*(escape(_text(row[name])) for name in names))
        raw |= {tuple(map(_text, record.values())): None for record in row["raw"]}
    console.print(table)
    if raw:
        table = plain_table("", ("raw record", "stream", "versions", "latest version", "observed", "batch"))
        for cells in raw:
            table.add_row(*map(escape, cells))
        console.print(table)
    without = sum(not row["raw"] for row in rows)
    if without:
        console.print(f"  [dim]of {without}: no raw record has this key; the mapping made it, or read it elsewhere[/]")


def _text(value: object, *, whole: bool = False) -> str:
    """A value for people. whole: as it is stored."""
    match value:
        case None:
            return "null" if whole else _NOTHING
        case bool():
            return str(value).lower()
        case float():
            return repr(value) if whole else f"{value:g}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
        case date():
            return value.isoformat()
        case list() | tuple():
            return ", ".join(map(str, value))
    text = str(value)
    return text[:_SHOWN] if _is_hash(text) else text


def _is_hash(text: str) -> bool:
    return len(text) >= 32 and all(letter in "0123456789abcdef" for letter in text[:32])
