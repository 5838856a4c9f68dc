"""The `pacekeeper` command. Commands import what they need when they run, so that --help answers at once."""

from __future__ import annotations

import gc
import sys

import typer

from pacekeeper.errors import PacekeeperError
from pacekeeper_app.cli import (
    alerts,
    backup,
    bi,
    connectors,
    demo,
    doctor,
    erase,
    explain,
    export,
    identity,
    init,
    new,
    policy,
    problems,
    quarantine,
    report,
    resolve,
    run,
    status,
    try_source,
    verdicts,
)
from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_FAILED

app = typer.Typer(
    name="pacekeeper",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Pull a behavioural-health practice's systems into one warehouse, and judge its guardrails honestly.",
    epilog="Settings: ./pacekeeper.toml or the nearest one above, or the file PACEKEEPER_CONFIG names; "
    "PACEKEEPER_* environment variables win.",
)
app.command("init")(init.init)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("status")(status.status)
app.command("problems")(problems.problems)
app.add_typer(alerts.app, name="alerts")
app.command("verdicts")(verdicts.verdicts)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(connectors.app, name="connectors")
app.command("check")(connectors.check)
app.command("identity")(identity.identity)
app.command("try")(try_source.try_source)
app.command("doctor")(doctor.doctor)
app.command("explain")(explain.explain)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("resolve")(resolve.resolve)
app.command("erase")(erase.erase)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(bi.app, name="bi")
app.add_typer(policy.app, name="policy")
app.add_typer(new.app, name="new")


def main() -> None:
    """Entry point: whatever a person can get wrong ends in one message and a non-zero code."""
    from pacekeeper.privacy import describe

    # A night makes millions of small objects that stay; looking through them as often as usual takes a tenth of it.
    gc.set_threshold(200_000, 50, 50)
    try:
        app()
    except PacekeeperError as error:
        _fail(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        _fail("stopped; nothing half-written is left behind, run the same command again", code=130)
    except BrokenPipeError:
        sys.exit(EXIT_FAILED)
    except Exception as error:  # noqa: BLE001 - the last border; the text may hold data
        _fail(f"this is a fault in Pacekeeper: {describe(error)}. Please report it with this line")


def _fail(message: str, code: int = EXIT_FAILED) -> None:

    make_console(stderr=True).print(f"[bold red]error[/]  {_plain(message)}", soft_wrap=True)
    sys.exit(code)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
