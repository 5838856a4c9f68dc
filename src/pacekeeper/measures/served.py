"""Where a practice's marts are built: in its DuckDB file, or in the database that serves them (decision 9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.session import Session
from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.measures.doubt import DOUBT_SCHEMA, DOUBT_TABLES
from pacekeeper.measures.mart import Mart, column_ddl
from pacekeeper.measures.materialise import copy_mart, store_completeness

if TYPE_CHECKING:
    from pacekeeper.engine.postgres_session import PostgresSession
    from pacekeeper.home import PracticeHome


@contextmanager
def mart_session(
    home: PracticeHome, connection: Connection, marts: Iterable[Mart], completeness: Iterable[SourceCompleteness]
) -> Iterator[Session]:
    """The session in which the marts are to be built; `connection` has them all at the end of the block.

    With a database, it is first sent what it lacks of raw versions, canonical rows and verdicts. Raises what connecting
    to it raises.
    """
    if home.postgres is None:
        yield connection
        return
    from pacekeeper.engine.postgres_slices import send_raw

    wanted = list(marts)
    with home.postgres.connect() as session:
        send_raw(connection, session, home.settings.sources)
        send_inputs(connection, session)
        for mart in wanted:
            if mart.versioned:
                _send_versions(connection, session, mart)
        yield session
        for mart in wanted:
            copy_mart(session, connection, mart)
        store_completeness(connection, completeness)


def send_inputs(connection: Connection, session: PostgresSession) -> None:
    """Send what marts are built from, where it changed: canonical rows, and what is known to be wrong with them."""
    from pacekeeper.engine.postgres_slices import create_tables, send_canonical, send_table

    create_tables(session)
    send_canonical(connection, session)
    for one in (connection, session):
        one.execute(f"CREATE SCHEMA IF NOT EXISTS {DOUBT_SCHEMA}")
    for doubt in DOUBT_TABLES:
        for one in (connection, session):
            one.execute(doubt.ddl)
        send_table(connection, session, doubt.sql)


def _send_versions(connection: Connection, session: PostgresSession, mart: Mart) -> None:
    """Verdicts that the file has and the database lacks: it was made, or left out for a while, after they were."""
    about = f"SELECT count(*), sum(version), count(*) FILTER (WHERE is_current), max(as_of) FROM {mart.table}"
    for one in (connection, session):
        one.execute(f"CREATE SCHEMA IF NOT EXISTS {mart.schema}")
        one.execute(f"CREATE TABLE IF NOT EXISTS {mart.table} ({column_ddl(mart.columns)})")
    here, there = connection.rows(about)[0], session.rows(about)[0]
    if here[0] and here != there:
        copy_mart(connection, session, mart)
