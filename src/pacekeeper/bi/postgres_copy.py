"""What readers see in PostgreSQL: views of schema `bi` on tables of schema `published`, one night after another.

Rows are exchanged, not tables: rights that were granted on views stay, no reader waits, and one whose transaction is
REPEATABLE READ sees one night to its end (decision 9). Views and tables are made anew when the contract changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pacekeeper.bi.duckdb_copy import view_sql
from pacekeeper.bi.people import Reader, visible_keys
from pacekeeper.bi.postgres_rights import ACCESS_TABLE, login, rights_sql, roles_there
from pacekeeper.bi.rows import person_labels_sql, rows_sql, values_sql
from pacekeeper.bi.view import BI_SCHEMA, PUBLISHED_SCHEMA, BiContract
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.engine.made import digest
from pacekeeper.engine.readers import RESTRICTED_SCHEMA, VERDICTS, hidden_guardrails
from pacekeeper.errors import RetryableError
from pacekeeper.fingerprint import code_fingerprint
from pacekeeper.measures.mart import MARTS_SCHEMA
from pacekeeper.sql_text import sql_literal, sql_name

if TYPE_CHECKING:
    from pacekeeper.engine.postgres_session import PostgresSession

_LONGEST_WAIT = "30s"
_ACCESS_COLUMNS = ("login", "role", "clinician_key")


def publish_postgres(
    session: PostgresSession, contract: BiContract, readers: Iterable[Reader] = (), *, named: Iterable[Reader] = ()
) -> None:
    """Make the readers' views equal to the marts, all or nothing; of each, only rows that differ are written.

    readers: who sees rows of persons. named: whose names `person_label` gives. When the contract changed, views are
    made anew, for which it waits until nobody reads them. Raises RetryableError where somebody does for long, and where
    views of others stand on ours; readers then keep what they had.
    """
    import psycopg

    people = list(readers)
    for schema in (BI_SCHEMA, PUBLISHED_SCHEMA):
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    try:
        with session.transaction():
            session.execute(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT}'")
            of = digest(contract.model_dump_json(), roles_there(session), code_fingerprint(("pacekeeper.bi",)))
            is_new = of != _made_of(session)
            if is_new:
                _clear(session, contract)
            _fill(session, contract, people, list(named))
            if is_new:
                _make_views(session, contract)
                session.execute(f"COMMENT ON SCHEMA {PUBLISHED_SCHEMA} IS {sql_literal(of)}")
            faultpoint("publish.before_commit")
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist) as error:
        reason = (
            "somebody reads a view that changed"
            if isinstance(error, psycopg.errors.LockNotAvailable)
            else "a view of yours stands on one that changed or is gone: drop yours first"
        )
        raise RetryableError(
            f"schema {BI_SCHEMA} was not changed: {reason}. Readers keep what they had; run again"
        ) from None


def _made_of(session: PostgresSession) -> str | None:
    """Digest of what the views that are there were made of."""
    found: str | None = session.rows(f"SELECT obj_description('{PUBLISHED_SCHEMA}'::regnamespace, 'pg_namespace')")[0][
        0
    ]
    return found


def _clear(session: PostgresSession, contract: BiContract) -> None:
    """Drop every view of ours, and the tables that are not as the contract has them."""
    for view, kind in session.rows(
        f"SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = '{BI_SCHEMA}'"
    ):
        session.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {BI_SCHEMA}.{sql_name(view)}")
    wanted = {view.name: view.ddl for view in contract.views} | {ACCESS_TABLE: _access_ddl()}
    for (table,) in session.rows(
        f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{PUBLISHED_SCHEMA}'"
    ):
        name = f"{PUBLISHED_SCHEMA}.{sql_name(table)}"
        if table in wanted:
            session.execute(f"CREATE TEMP TABLE _wanted ({wanted[table]})")
            is_same = _columns(session, name) == _columns(session, "pg_temp._wanted")
            session.execute("DROP TABLE pg_temp._wanted")
        if table not in wanted or not is_same:
            session.execute(f"DROP TABLE {name}")


def _columns(session: PostgresSession, table: str) -> list[tuple[str, int]]:
    """Name and type of columns in order."""
    return [
        (str(name), int(kind))
        for name, kind in session.rows(
            f"SELECT attname, atttypid FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attnum"
        )
    ]


def _fill(session: PostgresSession, contract: BiContract, readers: list[Reader], named: list[Reader]) -> None:
    existing: dict[str, set[str]] = {}
    for table, column in session.rows(
        f"SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '{MARTS_SCHEMA}'"
    ):
        existing.setdefault(str(table), set()).add(str(column))
    hidden = _hidden(session) if VERDICTS in existing else []
    for view in contract.views:
        is_labels = view.source == "person_label"
        rows = person_labels_sql(named) if is_labels else rows_sql(contract, view, existing, hidden)
        _exchange_rows(session, rows, view.name, view.ddl)
    database = str(session.rows("SELECT current_database()")[0][0])
    seen = [(login(database, one.id), role, key) for one in readers for role, key in visible_keys(one)]
    _exchange_rows(session, values_sql(_ACCESS_COLUMNS, seen), ACCESS_TABLE, _access_ddl())


def _access_ddl() -> str:
    return ", ".join(f"{name} VARCHAR" for name in _ACCESS_COLUMNS)


def _hidden(session: PostgresSession) -> list[str]:
    restricted = [
        str(name)
        for (name,) in session.rows(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{RESTRICTED_SCHEMA}'"
        )
    ]
    return [str(name) for (name,) in session.rows(hidden_guardrails(f"{MARTS_SCHEMA}.{VERDICTS}", restricted))]


def _exchange_rows(session: PostgresSession, rows: str, table: str, ddl: str) -> None:
    """Rows are compared as a whole; none occurs twice."""
    held, new = f"{PUBLISHED_SCHEMA}.{sql_name(table)}", "pg_temp._new"
    session.execute(f"CREATE TABLE IF NOT EXISTS {held} ({ddl})")
    session.execute(f"CREATE TEMP TABLE _new ({ddl}) ON COMMIT DROP; INSERT INTO {new} {rows}")
    for target, other in ((held, new), (new, held)):
        differs = f"FROM {target} AS one WHERE NOT EXISTS (SELECT 1 FROM {other} AS two WHERE two::text = one::text)"
        session.execute(f"DELETE {differs}" if target == held else f"INSERT INTO {held} SELECT * {differs}")
    session.execute(f"DROP TABLE {new}")


def _make_views(session: PostgresSession, contract: BiContract) -> None:
    for view in contract.views:
        # As whoever asks, not as the owner: the rows of the tables are theirs to see or not.
        for statement in view_sql(view, PUBLISHED_SCHEMA, options="WITH (security_invoker = true)"):
            session.execute(statement)
    for statement in rights_sql(session, contract):
        session.execute(statement)
