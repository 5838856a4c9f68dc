"""`pacekeeper policy lint|show|what-if`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_FAILED, Config, open_home
from pacekeeper_app.cli.what_if import what_if

if TYPE_CHECKING:
    from rich.table import Table

    from pacekeeper.policy import GuardrailPolicy, Layer, LintFinding, Policy, PolicyRevision, PolicyValue

app = typer.Typer(no_args_is_help=True, help="The practice's policy: what it says, and where it contradicts itself.")

File = Annotated[Path | None, typer.Option("--file", "-f", help="A policy file, instead of the one in the settings.")]
Profile = Annotated[
    str | None, typer.Option("--profile", "-p", help="A shipped profile, instead of the policy in the settings.")
]
app.command("what-if")(what_if)
_PRACTICE = "practice"
#: A list of words is wrapped, so that layer and provenance stay readable.
_WIDTH_OF_VALUE = 34


@app.command("lint")
def lint(config: Config = None, file: File = None, profile: Profile = None) -> None:
    """Name every contradiction in a policy, and how to end it.

    Ends with 1 where one is neither ended nor acknowledged, and where the policy cannot be read.
    """
    from rich.markup import escape

    from pacekeeper.policy import lint as find
    from pacekeeper.policy import notices
    from pacekeeper_app.cli.findings import plain_table

    policy, console = _policy(config, file, profile), make_console()
    found, told = find(policy), notices(policy, today=_today())
    refused = [finding for finding in found if not finding.acknowledged]
    if found or told:
        table = plain_table(f"Policy {policy.name}", ("rule", "state", "what was found, and what to do"))
        for finding in (*found, *told):
            state = _state(finding, is_notice=finding in told)
            table.add_row(finding.rule, state, f"{escape(finding.message)}\n[green]{escape(finding.fix)}[/]")
        console.print(table)
    if not refused:
        console.print(f"Policy {escape(policy.name)}: nothing contradicts itself unacknowledged.", soft_wrap=True)
        return
    if all(finding.is_acknowledgeable for finding in refused):
        console.print(
            "Where both are meant, write acknowledge_conflict = true at the top of the policy, or in the "
            "\\[\\[change]].",
            soft_wrap=True,
        )
    raise typer.Exit(EXIT_FAILED)


@app.command("show")
def show(
    guardrail: Annotated[str | None, typer.Argument(help="Only this guardrail.", show_default=False)] = None,
    config: Config = None,
    file: File = None,
    profile: Profile = None,
    on: Annotated[
        str | None, typer.Option("--on", help="In force in the week that begins on this date; default: today.")
    ] = None,
) -> None:
    """Show the values in force: unit, layer and where each comes from."""
    from rich.markup import escape

    policy, day, console = _policy(config, file, profile), _day(on), make_console()
    revision = policy.on(day)
    layers = [layer for layer in policy.layers if layer.holds_on(day)]
    named = revision.guardrails.values() if guardrail is None else [revision.guardrail(guardrail)]
    console.print(
        f"{escape(policy.title)} ({escape(policy.name)}), in force on {day}, version {policy.version_on(day)}. "
        "Practice policy, not evidence.",
        soft_wrap=True,
    )
    for rail in named:
        off = "" if rail.enabled else ", switched off"
        about = f" [dim]{escape(', '.join(rail.rules))}[/]" if rail.rules else ""
        table = _values_table(f"{rail.id}: {escape(rail.title)}{off}{about}")
        _add_guardrail(table, rail, layers)
        console.print(table)
    if guardrail is None:
        console.print(_shared(revision))


def _add_guardrail(table: Table, rail: GuardrailPolicy, layers: list[Layer]) -> None:
    for key, entry in rail.thresholds.values.items():
        _add(table, key, entry, _PRACTICE)
        for layer in layers:
            own = layer.thresholds.get(rail.id, {}).get(key)
            if own is not None:
                _add(table, "", own, layer.label)
    for key, entry in rail.settings.values.items():
        _add(table, key, entry, _PRACTICE)
    for layer in layers:
        if rail.id in layer.exempt:
            table.add_row("", "[cyan]exempt[/]", "", layer.label, "")


def _shared(revision: PolicyRevision) -> Table:
    table = _values_table("Shared values")
    for name, section in revision.sections.items():
        for key, entry in section.values.items():
            _add(table, f"{name}.{key}", entry, _PRACTICE)
    for band in revision.ramp:
        later = " and later" if band is revision.ramp[-1] else ""
        table.add_row(
            f"ramp month {band.month}{later}", f"{band.low:g} to {band.high:g}", band.unit, _PRACTICE, band.provenance
        )
    return table


def _values_table(title: str) -> Table:
    from pacekeeper_app.cli.findings import plain_table

    table = plain_table(title, ("key", "value", "unit", "layer", "where it comes from"))
    table.columns[1].no_wrap, table.columns[1].max_width = False, _WIDTH_OF_VALUE
    return table


def _add(table: Table, key: str, entry: PolicyValue, layer: str) -> None:
    from rich.markup import escape

    table.add_row(key, _text(entry), entry.unit, layer, escape(entry.provenance))


def _text(entry: PolicyValue) -> str:
    if entry.value is None:
        return "[magenta]not configured[/]"
    if isinstance(entry.value, tuple):
        return ", ".join(entry.value)
    return str(entry.value).lower() if isinstance(entry.value, bool) else str(entry.value)


def _state(finding: LintFinding, *, is_notice: bool) -> str:
    if is_notice:
        return "to know"
    return "acknowledged" if finding.acknowledged else "conflict"


def _policy(config: Path | None, file: Path | None, profile: str | None) -> Policy:
    """The policy asked for, with its contradictions left in."""
    from pacekeeper.policy import read_policy

    if file is not None or profile is not None:
        return read_policy(profile, file=file)
    home = open_home(config)
    if home.settings.policy_file is not None:
        return read_policy(file=home.settings.policy_file)
    return read_policy(home.settings.policy.profile)


def _today() -> date:
    return datetime.now(UTC).date()


def _day(text: str | None) -> date:
    if text is None:
        return _today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--on {text!r} is no date; write 2026-03-23") from None
