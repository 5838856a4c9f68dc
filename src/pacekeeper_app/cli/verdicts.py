"""`pacekeeper verdicts`: guardrail verdicts from the published copy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console, short_subject
from pacekeeper_app.cli.options import Config, open_home

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome

_COLUMNS = (
    "guardrail_id", "subject_key", "period", "state", "reason", "value", "unit",
    "threshold_warn", "threshold_breach", "version", "subject_kind",
)  # fmt: skip
_SHOWN = _COLUMNS[:-1]


def verdicts(
    config: Config = None,
    guardrail: Annotated[str | None, typer.Option(help="Only this guardrail.", show_default=False)] = None,
    state: Annotated[
        str | None, typer.Option(help="Only this state: pass, warn, breach, unknown, exempt.", show_default=False)
    ] = None,
    week: Annotated[
        str | None,
        typer.Option(
            help="Only periods that hold this date; `last` is the last judged one of each guardrail, `all` every one."
        ),
    ] = "last",
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject",
            "--clinician",
            help="Only this clinician, client or alert key, or its beginning.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many rows.", min=1)] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Show current verdicts: who is judged how, in which period, and why. Subjects are shown by key."""
    from rich.markup import escape

    from pacekeeper_app.cli.findings import STATES, STYLE, plain_table

    if state is not None and state not in STATES:
        raise ConfigError(f"--state {state!r} is no state; there are {', '.join(STATES)}")
    home = open_home(config)
    known = home.policy().guardrail_ids
    if guardrail is not None and guardrail not in known:
        raise ConfigError(f"there is no guardrail {guardrail!r} in the policy; there are {', '.join(known)}")
    rows = _rows(home, guardrail=guardrail, state=state, week=week, subject=subject, limit=limit)
    explained = _explained(home, rows)
    if as_json:
        for row in rows:
            typer.echo(json.dumps({**row, "explanation": explained.get(_unknown_of(row))}, default=str))
        return
    console = make_console()
    if not rows:
        console.print("No verdict matches.")
        return
    table = plain_table(
        "Verdicts", ("guardrail", "subject", "period", "state", "why", "value", "unit", "warn", "breach", "version")
    )
    for row in rows:
        cells = [_text(row[name]) for name in _SHOWN]
        cells[1], cells[3] = short_subject(cells[1]), f"[{STYLE[cells[3]]}]{cells[3]}[/]"
        table.add_row(*cells)
    console.print(table)
    for (guardrail_id, reason), text in explained.items():
        console.print(f"[magenta]{guardrail_id}, {reason}[/]  {escape(text)}", soft_wrap=True)
    if len(rows) == limit:
        console.print(f"Only the first {limit}; ask for more with --limit.")


def _rows(
    home: PracticeHome, *, guardrail: str | None, state: str | None, week: str | None, subject: str | None, limit: int
) -> list[dict[str, Any]]:  # Any: column values of several types
    from datetime import date

    last = (
        "(SELECT max(other.period) FROM marts.guardrail_result AS other WHERE other.is_current "
        "AND NOT other.is_retracted AND other.guardrail_id = guardrail_result.guardrail_id)"
    )
    conditions, values = ["is_current", "NOT is_retracted"], []
    for column, value in (("guardrail_id", guardrail), ("state", state)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if subject is not None:
        conditions.append("starts_with(subject_key, ?)")
        values.append(subject)
    if week == "last":
        conditions.append(f"period = {last}")
    elif week not in {None, "all"}:
        try:
            day = date.fromisoformat(str(week))
        except ValueError:
            raise ConfigError(f"--week {week!r} is no date; write 2026-03-23, last or all") from None
        # The end in UTC is at most a day after the last local day.
        conditions.append("?::DATE >= period::DATE AND ?::DATE < period_end::DATE")
        values.append(day.isoformat())
        values.append(day.isoformat())
    with home.published.connect(read_only=True) as connection:
        found = connection.raw.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM marts.guardrail_result WHERE {' AND '.join(conditions)} "
            "ORDER BY period, guardrail_id, subject_key LIMIT ?",
            [*values, limit],
        ).fetchall()
    return [dict(zip(_COLUMNS, row, strict=True)) for row in found]


def _unknown_of(row: dict[str, Any]) -> tuple[str, str]:  # Any: column values of several types
    return str(row["guardrail_id"]), str(row["reason"])


def _explained(home: PracticeHome, rows: list[dict[str, Any]]) -> dict[tuple[str, str], str]:  # Any: as above
    """What is missing, and what is known to be incomplete, for verdicts that are unknown, by guardrail and reason."""
    asked = {_unknown_of(row) for row in rows if row["state"] == "unknown"}
    if not asked:
        return {}
    from pacekeeper_assets.explanation import why_incomplete, why_no_source

    with home.published.connect(read_only=True) as connection:
        texts = why_incomplete(connection, {guardrail_id for guardrail_id, _ in asked})
    without = {guardrail_id for guardrail_id, reason in asked if reason == "no_source"}
    if without:
        from pacekeeper.capability import practice_capability

        missing = why_no_source(practice_capability(home), without)
        texts |= {(guardrail_id, "no_source"): text for guardrail_id, text in missing.items()}
    return {key: texts[key] for key in sorted(asked) if key in texts}


def _text(value: object) -> str:
    if value is None:
        return "·"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
