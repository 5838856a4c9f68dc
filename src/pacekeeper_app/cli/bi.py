"""`pacekeeper bi`: who reads the tables for BI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import SecretStr

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


@app.command("superset")
def superset(
    out: Annotated[Path, typer.Argument(help="The zip.")],
    database: Annotated[
        Literal["duckdb", "postgres"] | None,
        typer.Option("--on", help="What the dashboards ask; default: where marts are built.", show_default=False),
    ] = None,
    load: Annotated[
        str | None,
        typer.Option(help="Address of a running Superset to bring them into, with roles and rules on rows."),
    ] = None,
    user: Annotated[str, typer.Option(help="Administrator there; the password is asked for.")] = "admin",
    config: Config = None,
) -> None:
    """Write dashboards for Apache Superset as a zip that it imports: see docs/how-to/superset.md.

    The same release and policy give the same bytes. What is imported again replaces what it made. Passwords are asked
    for, or taken from SUPERSET_PASSWORD and SUPERSET_DATABASE_PASSWORD.
    """
    from rich.markup import escape

    from pacekeeper.bi import bi_contract
    from pacekeeper.reports.words import REASONS, STATE_NAMES
    from pacekeeper.superset import Bundle, duckdb_database, postgres_database, write_bundle
    from pacekeeper_assets import CATALOGUE

    home = open_home(config)
    url = home.settings.warehouse.url
    if database == "postgres" and url is None:
        raise ConfigError("there is no PostgreSQL to ask: set engine and url in [warehouse] of the settings")
    is_postgres = url is not None and database != "duckdb"
    database_of = postgres_database(url) if url is not None and is_postgres else duckdb_database(home.bi_copy.resolve())
    titles = {name: rail.title for name, rail in home.policy().latest.guardrails.items()}
    words = {"guardrail_id": titles, "state": STATE_NAMES, "reason": REASONS}
    contract = bi_contract(CATALOGUE.marts.values(), CATALOGUE.guardrails.values())
    count = write_bundle(Bundle(contract, database_of, words), out)
    console = make_console()
    console.print(f"{escape(str(out))}: {count} dashboards", soft_wrap=True)
    if load is not None:
        from pacekeeper.superset import load_bundle

        password = _secret("SUPERSET_PASSWORD", f"Password of {user}")
        login = _secret("SUPERSET_DATABASE_PASSWORD", "Password of the database login") if is_postgres else None
        loaded = load_bundle(out, load, user=user, password=password, database_password=login)
        told = f"{loaded.dashboards} dashboards, {loaded.rules} rules on rows, {loaded.roles} roles"
        console.print(f"{escape(load)}: {told}", soft_wrap=True)


def _secret(variable: str, prompt: str) -> SecretStr:
    return SecretStr(os.environ.get(variable) or typer.prompt(prompt, hide_input=True))
