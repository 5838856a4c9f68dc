"""What is let go of at the end of a good night, by the settings `[operations] keep_...` (decision 12)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlmodel import SQLModel

from pacekeeper.engine.made import made_from, note
from pacekeeper.ops import (
    MappingReason,
    MappingRun,
    MartRun,
    Run,
    SourceRun,
    StreamReason,
    StreamRun,
    UnmappedValue,
)
from pacekeeper.sql_text import sql_literal, sql_name

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.engine.session import Session
    from pacekeeper.home import PracticeHome
    from pacekeeper.ops import OpsDatabase

_log = logging.getLogger(__name__)
_LEDGERS = (StreamReason, StreamRun, SourceRun, MappingReason, MappingRun, UnmappedValue, MartRun)
#: Pruning makes the slices of its sources be mapped again, so that it is not done every night.
_RAW_EVERY = timedelta(days=7)
_PRUNED = "raw_pruned"
#: SQLite takes so many values in one statement.
_AT_ONCE = 500


def prune_ledgers(ops: OpsDatabase, *, before: datetime) -> int:
    """Remove ledgers of runs that started before an instant; how many runs that were.

    Kept whatever their age: the newest of each source, by read, stream and mapping, the last run and the last good one;
    what is known to be broken is told from them.
    """
    started = {run.run_id: run.started_at for run in ops.rows(Run)}
    kept = set(sorted(started, key=lambda run_id: started[run_id])[-1:])
    good = [run.run_id for run in ops.rows(Run, state="success")]
    kept |= set(sorted(good, key=lambda run_id: started[run_id])[-1:])
    ledgers: list[Sequence[SourceRun] | Sequence[StreamRun] | Sequence[MappingRun]] = [
        ops.rows(SourceRun),
        ops.rows(StreamRun),
        ops.rows(MappingRun),
    ]
    for rows in ledgers:
        newest: dict[str, str] = {}
        for row in rows:
            if row.run_id in started and started[row.run_id] >= started[newest.get(row.source, row.run_id)]:
                newest[row.source] = row.run_id
        kept |= set(newest.values())
    old = sorted(run_id for run_id, at in started.items() if at < before and run_id not in kept)
    tables = [SQLModel.metadata.tables[str(model.__tablename__)] for model in (*_LEDGERS, Run)]
    with ops.engine.begin() as connection:
        for first in range(0, len(old), _AT_ONCE):
            part = old[first : first + _AT_ONCE]
            for table in tables:
                connection.execute(delete(table).where(table.c.run_id.in_(part)))
    return len(old)


def prune_raw(
    connection: Connection, *, as_of: datetime, keep_days: int, session: Session | None = None, seconds: float = 60
) -> int:
    """Remove raw versions that a later one took the place of more than so many days ago; how many there were.

    The current version of a record stays, a tombstone too. Once a week; tables that are not reached in time wait for
    the next one. session: of the database that has them too.
    """
    last = made_from(connection, _PRUNED)
    if last is not None and as_of - datetime.fromisoformat(last) < _RAW_EVERY:
        return 0
    ends = time.monotonic() + seconds
    cutoff = sql_literal((as_of - timedelta(days=keep_days)).isoformat())
    removed = 0
    for schema, name in connection.rows(
        "SELECT schema_name, table_name FROM duckdb_columns() JOIN duckdb_tables() USING (schema_name, table_name) "
        "WHERE starts_with(schema_name, 'raw_') AND column_name = 'version_id' "
        "AND duckdb_tables.database_name = current_database() AND duckdb_columns.database_name = current_database() "
        "ORDER BY ALL"
    ):
        if time.monotonic() > ends:
            break
        table = f"{sql_name(str(schema))}.{sql_name(str(name))}"
        statement = (
            f"DELETE FROM {table} WHERE version_id IN (SELECT version_id FROM (SELECT version_id, "
            f"lead(observed_at) OVER (PARTITION BY row_key ORDER BY version_no) AS next_at FROM {table}) AS one "
            f"WHERE next_at < TIMESTAMPTZ {cutoff})"
        )
        # First there: what is gone here would not be looked for again.
        if session is not None and session.rows(
            "SELECT 1 FROM information_schema.tables "
            f"WHERE table_schema = {sql_literal(str(schema))} AND table_name = {sql_literal(str(name))}"
        ):
            session.execute(statement)
        removed += connection.count(statement)
    note(connection, _PRUNED, as_of.isoformat())
    return removed


def let_go(home: PracticeHome, *, as_of: datetime, now: datetime) -> dict[str, int]:
    """What the settings say of ledgers and raw versions; how much of each was removed. Before readers' copies are made.

    The spool needs no setting: it is empty at the end of every run.
    """
    settings = home.settings.operations
    removed = {"runs": prune_ledgers(home.ops, before=now - timedelta(days=settings.keep_ledger_days))}
    if settings.keep_raw_days is not None:
        with home.warehouse.connect() as connection:
            if home.postgres is None:
                found = prune_raw(connection, as_of=as_of, keep_days=settings.keep_raw_days)
            else:
                with home.postgres.connect() as session:
                    found = prune_raw(connection, as_of=as_of, keep_days=settings.keep_raw_days, session=session)
        removed["raw_versions"] = found
    if any(removed.values()):
        _log.info("let go", extra=removed)
    return removed
