"""Roles of PostgreSQL that read: one per role of `access.toml`, and a login per person of the directory.

Rows are told apart by policies on the tables of schema `published`; the views of `bi` run as whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pacekeeper.bi.access import PersonRows, shipped_access
from pacekeeper.bi.people import Reader
from pacekeeper.bi.view import BI_SCHEMA, PUBLISHED_SCHEMA, BiContract, row_rule
from pacekeeper.errors import ConfigError
from pacekeeper.sql_text import sql_literal, sql_name

if TYPE_CHECKING:
    from pacekeeper.engine.postgres_session import PostgresSession

#: Whose rows a login reads, in which role; each login sees its own rows of it.
ACCESS_TABLE = "access"
_POLICY = "pacekeeper"
_LONGEST_NAME = 63


def group(database: str, role: str) -> str:
    """The role of the server that has the rights of a role; names are the server's, of all its databases."""
    return _fitting(f"{database}_bi_{role}")


def login(database: str, person: str) -> str:
    """The login of a person of the directory."""
    return _fitting(f"{database}_reader_{person}")


def _fitting(name: str) -> str:
    if len(name.encode()) > _LONGEST_NAME:
        raise ConfigError(f"the role {name!r} has a name too long for PostgreSQL: use a shorter id in the directory")
    return name


def roles_there(session: PostgresSession) -> list[str]:
    """Roles of `access.toml` whose group the server has."""
    database = _database(session)
    there = {str(name) for (name,) in session.rows("SELECT rolname FROM pg_roles")}
    return [role for role in shipped_access().role if group(database, role) in there]


def rights_sql(session: PostgresSession, contract: BiContract) -> list[str]:
    """Statements that give the groups that are there what the rules say, in the place of what they had."""
    database, roles = _database(session), roles_there(session)
    groups = {role: sql_name(group(database, role)) for role in roles}
    access = f"{PUBLISHED_SCHEMA}.{ACCESS_TABLE}"
    made = [f"ALTER TABLE {access} ENABLE ROW LEVEL SECURITY", f"DROP POLICY IF EXISTS {_POLICY} ON {access}"]
    if roles:
        everybody = ", ".join(groups.values())
        made += [
            f"GRANT CONNECT ON DATABASE {sql_name(database)} TO {everybody}",
            f"GRANT USAGE ON SCHEMA {BI_SCHEMA}, {PUBLISHED_SCHEMA} TO {everybody}",
            f"GRANT SELECT ON {access} TO {everybody}",
            f"CREATE POLICY {_POLICY} ON {access} FOR SELECT TO {everybody} USING (login = current_user)",
        ]
    for view in contract.views:
        table = f"{PUBLISHED_SCHEMA}.{sql_name(view.name)}"
        made.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        for role, name in groups.items():
            policy, both = sql_name(f"{_POLICY}_{role}"), f"{table}, {BI_SCHEMA}.{sql_name(view.name)}"
            rule = row_rule(role, view)
            made += [f"DROP POLICY IF EXISTS {policy} ON {table}", f"REVOKE ALL ON {both} FROM {name}"]
            if rule is not None:
                seen = rule.condition(view, keys=_keys(role))
                made += [
                    f"GRANT SELECT ON {both} TO {name}",
                    f"CREATE POLICY {policy} ON {table} FOR SELECT TO {name} USING ({seen})",
                ]
    return made


def _keys(role: str) -> dict[PersonRows, str]:
    query = (
        f"SELECT a.clinician_key FROM {PUBLISHED_SCHEMA}.{ACCESS_TABLE} AS a "
        f"WHERE a.login = current_user AND a.role = {sql_literal(role)}"
    )
    return {"own": query, "team": query}


def role_statements(session: PostgresSession, readers: Iterable[Reader]) -> list[str]:
    """What is still to be done so that the server's roles are those of the directory; nothing, the second time.

    Logins have no password: the server's administrator gives them one, or lets them in by certificate or directory
    service. Who is no longer in the directory may no longer log in. Raises ConfigError where a role of such a name was
    made by somebody else.
    """
    database = _database(session)
    mark = f"Pacekeeper: reads {database}"
    there = {
        str(name): (bool(may_log_in), about)
        for name, may_log_in, about in session.rows(
            "SELECT rolname, rolcanlogin, shobj_description(oid, 'pg_authid') FROM pg_roles"
        )
    }
    members = {
        (str(one), str(of))
        for one, of in session.rows(
            "SELECT m.rolname, g.rolname FROM pg_auth_members AS a JOIN pg_roles AS m ON m.oid = a.member "
            "JOIN pg_roles AS g ON g.oid = a.roleid"
        )
    }
    groups = [group(database, role) for role in shipped_access().role]
    logins = {login(database, one.id): [group(database, role) for role in one.roles] for one in readers if one.roles}
    made: list[str] = []
    for name in [*groups, *logins]:
        if name not in there:
            kind = "LOGIN" if name in logins else "NOLOGIN"
            made += [f"CREATE ROLE {sql_name(name)} {kind}", f"COMMENT ON ROLE {sql_name(name)} IS {sql_literal(mark)}"]
        elif there[name][1] != mark:
            raise ConfigError(f"the server has a role {name!r} that Pacekeeper did not make: rename or drop it first")
        elif name in logins and not there[name][0]:
            made.append(f"ALTER ROLE {sql_name(name)} LOGIN")
    ours = [name for name, (_, about) in there.items() if about == mark and name not in groups]
    for name in sorted({*ours, *logins}):
        wanted = logins.get(name, [])
        made += [f"GRANT {sql_name(g)} TO {sql_name(name)}" for g in wanted if (name, g) not in members]
        made += [
            f"REVOKE {sql_name(g)} FROM {sql_name(name)}" for g in groups if g not in wanted and (name, g) in members
        ]
        if name not in logins and there[name][0]:
            made.append(f"ALTER ROLE {sql_name(name)} NOLOGIN")
    return made


def may_make_roles(session: PostgresSession) -> bool:
    """Whether our own role may make others."""
    return bool(session.rows("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")[0][0])


def _database(session: PostgresSession) -> str:
    return str(session.rows("SELECT current_database()")[0][0])
