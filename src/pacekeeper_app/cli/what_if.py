"""`pacekeeper policy what-if`: who would be judged otherwise under another policy."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console, short_subject
from pacekeeper_app.cli.options import Config, open_home

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.measures.rejudge import Change, Rejudged

_NONE = "none"


def what_if(
    config: Config = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="The policy file to judge by.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", "-p", help="The shipped profile to judge by.")] = None,
    guardrail: Annotated[str | None, typer.Option(help="Only this guardrail.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="At most so many changed verdicts.", min=1)] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per changed verdict.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Judge the published history by another policy, and show who would change state. Nothing is written.

    Every week is judged by what that policy says for it; subjects are shown by key.
    """
    from pacekeeper.measures.guardrail import Catalogue
    from pacekeeper.measures.rejudge import rejudge
    from pacekeeper.policy import load_policy
    from pacekeeper_assets import CATALOGUE

    if file is None and profile is None:
        raise ConfigError("say which policy to judge by: --file policy.toml, or --profile high_volume")
    home = open_home(config)
    last = home.ops.last_run()
    if last is None or not home.read_copy.exists():
        raise ConfigError("nothing has been published yet: run `pacekeeper run` first")
    wanted = CATALOGUE
    if guardrail is not None:
        if guardrail not in CATALOGUE.guardrails:
            raise ConfigError(f"there is no guardrail {guardrail!r}; there are {', '.join(CATALOGUE.guardrails)}")
        wanted = Catalogue.of(CATALOGUE.marts.values(), [CATALOGUE.guardrails[guardrail]])
    found = rejudge(home.read_copy, wanted, load_policy(profile, file=file), instead_of=home.policy(), as_of=last.as_of)
    changes = [change for change in found.changes if guardrail is None or change.guardrail_id == guardrail]
    if as_json:
        for change in changes:
            typer.echo(json.dumps(dataclasses.asdict(change), default=str))
        return
    _show(make_console(), changes, found, limit=limit)


def _show(console: Console, changes: list[Change], found: Rejudged, *, limit: int) -> None:
    from pacekeeper_app.cli.findings import STYLE, plain_table

    how = "measures computed anew" if found.rebuilt else "the published measures stand"
    console.print(f"{found.judged_n:,} verdicts judged again; {how}. Practice policy, not evidence.")
    if not changes:
        console.print("Nobody would change state.")
        return

    def styled(state: str | None) -> str:
        return _NONE if state is None else f"[{STYLE[state]}]{state}[/]"

    totals = Counter((change.guardrail_id, change.state, change.new_state) for change in changes)
    table = plain_table("Verdicts that would change", ("guardrail", "now", "then", "verdicts"))
    for (guardrail_id, old, new), count in sorted(totals.items(), key=str):
        table.add_row(guardrail_id, styled(old), styled(new), f"{count:,}")
    console.print(table)
    table = plain_table("The latest of them", ("guardrail", "subject", "period", "now", "then", "why", "value"))
    for change in sorted(changes, key=lambda one: one.period, reverse=True)[:limit]:
        value = "" if change.value is None else f"{change.value:g}"
        table.add_row(
            change.guardrail_id,
            short_subject(change.subject_key),
            change.period,
            styled(change.state),
            styled(change.new_state),
            change.new_reason or "",
            value,
        )
    console.print(table)
    if len(changes) > limit:
        console.print(
            f"Only the latest {limit} of {len(changes):,}; ask for more with --limit, or for all with --json."
        )
