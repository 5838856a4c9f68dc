"""`pacekeeper bi`: who reads the tables for BI."""

from __future__ import annotations

from typing import Annotated

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, open_home

_OnlySql = Annotated[bool, typer.Option("--sql", help="Print the statements for roles, and change nothing.")]

app = typer.Typer(no_args_is_help=True, help="Tables for BI: see docs/how-to/connect-bi.md.")


@app.callback()
def bi() -> None:
    """Tables for BI: see docs/how-to/connect-bi.md."""


@app.command("roles")
def roles(
    only_sql: _OnlySql = False,  # noqa: FBT002 - typer
    config: Config = None,
) -> None:
    """Make the roles and logins of PostgreSQL those of the directory, and let each read what its role may.

    Run it when the directory's people or roles change; doing it again changes nothing. Whose rows a person reads
    follows the directory every night.
    """
    from pacekeeper.bi.postgres_rights import may_make_roles, role_statements

    home = open_home(config)
    if home.postgres is None or home.settings.directory_file is None:
        raise ConfigError(
            "roles are made in PostgreSQL, of the directory file: set engine and url in [warehouse], and directory in "
            "[alerts] of the settings"
        )
    with home.only_run():
        contract, readers = home.bi(is_strict=True)
        with home.postgres.connect() as session:
            statements = role_statements(session, readers)
            if only_sql:
                typer.echo("".join(f"{statement};\n" for statement in statements), nl=False)
                return
            if statements and not may_make_roles(session):
                raise ConfigError(
                    "the role of [warehouse] url may make no roles: ALTER ROLE <role> CREATEROLE as superuser, or "
                    "let a superuser run what `pacekeeper bi roles --sql` prints and repeat this command"
                )
            with session.transaction():
                for statement in statements:
                    session.execute(statement)
            home.publish_postgres(session, contract, readers)
    named = sum(bool(reader.roles) for reader in readers)
    make_console().print(f"{named} people may read schema bi; {len(statements)} changes to roles")
