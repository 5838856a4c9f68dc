"""The list of rejected rows of each stream: `quarantine.raw_<source>__<stream>`. Keys and reasons, never a value."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from pacekeeper.engine.duckdb import Connection
from pacekeeper.landing.spool import StreamManifest, parts
from pacekeeper.landing.versions import schema_of
from pacekeeper.sql_text import sql_literal, sql_name
from pacekeeper.stream import Stream

_SCHEMA = "quarantine"
_PREFIX = "raw_"
#: No source's name holds it or ends in an underscore, so that the first one in a table's name ends the source's.
_SEPARATOR = "__"


def rejected_table(source: str, stream: str) -> str:
    """Name of the table, without its schema."""
    return f"{_PREFIX}{source}{_SEPARATOR}{stream}"


def source_and_stream(table: str) -> tuple[str, str] | None:
    """What a table's name says; null for a name that is no list of rejected rows."""
    source, separator, stream = table.removeprefix(_PREFIX).partition(_SEPARATOR)
    return (source, stream) if table.startswith(_PREFIX) and separator else None


def list_rejected(
    connection: Connection,
    source: str,
    stream: Stream,
    folder: Path,
    manifest: StreamManifest,
    *,
    run_id: str,
    lists: Container[str],
) -> int:
    """Bring the list up to date; returns how many current records of the stream are suspect.

    lists: names of the lists there are; a stream of which nothing was ever rejected has none.

    A rejected record stays listed until it is read again: an incremental read says nothing about the others. What has
    no key is listed until the next read. Suspect is a record whose latest reading was rejected, so that an older
    version of it is still current.
    """
    name = rejected_table(source, stream.name)
    table = f"{_SCHEMA}.{sql_name(name)}"
    rejected = parts(folder, stream.name, "rejected")
    old = f"{_PREFIX}{source}_{stream.name}"
    if name not in lists and old in lists and _SEPARATOR not in old:
        # The name of an earlier version, which fitted several sources.
        connection.raw.execute(f"ALTER TABLE {_SCHEMA}.{sql_name(old)} RENAME TO {sql_name(name)}")
    elif name not in lists and not rejected:
        return 0
    connection.raw.execute(
        f"CREATE TABLE IF NOT EXISTS {table} "
        "(row_key VARCHAR, column_name VARCHAR, reason VARCHAR, locator VARCHAR, batch_id VARCHAR)"
    )
    if manifest.was_full:
        connection.raw.execute(f"DELETE FROM {table}")
    else:
        files = [file for kind in ("rows", "rejected", "deleted") for file in parts(folder, stream.name, kind)]
        read = " UNION ALL ".join(f"SELECT row_key FROM read_parquet({sql_literal(file)})" for file in files)
        again = f" OR row_key IN ({read})" if files else ""
        connection.raw.execute(f"DELETE FROM {table} WHERE row_key IS NULL{again}")
    for file in rejected:
        connection.raw.execute(
            f"INSERT INTO {table} SELECT row_key, column_name, reason, locator, ? FROM read_parquet(?)", [run_id, file]
        )
    current = f"{schema_of(source)}.{sql_name(stream.name + '__current')}"
    return connection.count(f"SELECT count(*) FROM {current} WHERE row_key IN (SELECT row_key FROM {table})")
