"""What readers see in PostgreSQL: schema `bi`, moved from one night to the next in one transaction.

Rows are exchanged, not tables: rights that were granted on the tables and views that were built on them stay, no reader
waits, and one whose transaction is REPEATABLE READ sees one night to its end (decision 9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.engine.readers import RESTRICTED_SCHEMA, VERDICTS, hidden_guardrails, without
from pacekeeper.errors import RetryableError
from pacekeeper.sql_text import sql_literal, sql_name

if TYPE_CHECKING:
    from pacekeeper.engine.postgres_session import PostgresSession

BI_SCHEMA = "bi"
_LONGEST_WAIT = "30s"


def publish(session: PostgresSession, schema: str = "marts") -> None:
    """Make the readers' tables equal to those of a schema, all or nothing; of each, only rows that differ are written.
    What verdicts on restricted marts say is left out.

    A table whose columns changed is made anew, for which it waits until nobody reads it. Raises RetryableError where
    somebody does for long; readers then keep what they had.
    """
    import psycopg

    session.execute(f"CREATE SCHEMA IF NOT EXISTS {BI_SCHEMA}")
    try:
        with session.transaction():
            session.execute(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT}'")
            ours, theirs = _columns(session, schema), _columns(session, BI_SCHEMA)
            for table in sorted(set(theirs) - set(ours)):
                session.execute(f"DROP TABLE {BI_SCHEMA}.{sql_name(table)}")
            hidden = _hidden(session, schema) if VERDICTS in ours else []
            for table in ours:
                if theirs.get(table) != ours[table]:
                    _make(session, schema, table)
                shown = without(hidden, (name for name, _ in ours[table]))
                new = f"(SELECT * FROM {schema}.{sql_name(table)}{shown})"
                _exchange_rows(session, new, f"{BI_SCHEMA}.{sql_name(table)}")
            faultpoint("publish.before_commit")
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist) as error:
        reason = (
            "somebody reads a table whose columns changed"
            if isinstance(error, psycopg.errors.LockNotAvailable)
            else "a view of yours stands on a table whose columns changed or that is gone: drop the view first"
        )
        raise RetryableError(
            f"schema {BI_SCHEMA} was not changed: {reason}. Readers keep what they had; run again"
        ) from None


def _hidden(session: PostgresSession, schema: str) -> list[str]:
    restricted = _columns(session, RESTRICTED_SCHEMA)
    return [name for (name,) in session.rows(hidden_guardrails(f"{schema}.{VERDICTS}", restricted))]


def _make(session: PostgresSession, schema: str, table: str) -> None:
    name, model = f"{BI_SCHEMA}.{sql_name(table)}", f"{schema}.{sql_name(table)}"
    session.execute(f"DROP TABLE IF EXISTS {name}")
    session.execute(f"CREATE TABLE {name} (LIKE {model} INCLUDING COMMENTS)")
    about = session.rows(f"SELECT obj_description({sql_literal(model)}::regclass)")[0][0]
    if about:
        session.execute(f"COMMENT ON TABLE {name} IS {sql_literal(about)}")


def _exchange_rows(session: PostgresSession, new: str, held: str) -> None:
    """Rows of marts are compared as a whole; none occurs twice."""
    for target, other in ((held, new), (new, held)):
        differs = f"FROM {target} AS one WHERE NOT EXISTS (SELECT 1 FROM {other} AS two WHERE two::text = one::text)"
        session.execute(f"DELETE {differs}" if target == held else f"INSERT INTO {held} SELECT * {differs}")


def _columns(session: PostgresSession, schema: str) -> dict[str, list[tuple[str, str]]]:
    """Name and type of columns in order, by table."""
    found: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind in session.rows(
        "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns AS c "
        "JOIN information_schema.tables AS t USING (table_schema, table_name) "
        f"WHERE c.table_schema = {sql_literal(schema)} AND t.table_type = 'BASE TABLE' "
        "ORDER BY c.table_name, c.ordinal_position"
    ):
        found.setdefault(table, []).append((name, kind))
    return found
