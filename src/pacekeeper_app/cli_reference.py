"""The page of commands, and the checks', made from what the command line and Dagster load."""

from __future__ import annotations

import typer
from typer.cli import get_docs_for_click

from pacekeeper.policy import load_policy
from pacekeeper_app.cli import app
from pacekeeper_checks import all_checks

_CLI = """\
# The command line

Generated from the commands; do not edit. Exit codes: 0 all went well, 1 the command failed, 3 it ended, but something
that a person must see to did not work.

"""
_CHECKS = """\
# Checks

Generated from the asset checks that Dagster loads; do not edit.

No check keeps the tables of another source from being published. A red check of a guardrail is a finding about the
practice; every other red check is one about the data or its reading. `SOURCE` stands for the name of each source in the
settings.
"""


def cli_markdown() -> str:
    """Every command with its arguments and options."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="pacekeeper", indent=1)
    return _CLI + text.strip() + "\n"


def checks_markdown() -> str:
    """Every check by the asset it is on, for the guardrails of the shipped policy."""
    found: dict[str, list[str]] = {}
    for checks in all_checks(["SOURCE"], list(load_policy().guardrail_ids)):
        for spec in checks.check_specs:
            asset = spec.asset_key.to_user_string()
            found.setdefault(asset, []).append(f"| `{spec.name}` | {spec.description} |")
    lines = [_CHECKS]
    for asset, rows in sorted(found.items()):
        lines += [f"## {asset}", "", "| check | green where |", "|---|---|", *rows, ""]
    return "\n".join(lines)
