"""The same rows out of the database that serves the marts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacekeeper.sql_text import sql_name

if TYPE_CHECKING:
    from pacekeeper.engine.postgres_session import PostgresSession

_OURS = "s IN ('canonical', 'marts', 'restricted', 'bi', 'published', 'quarantine') OR starts_with(s, 'raw_')"


def delete_postgres(session: PostgresSession, keys: Sequence[str], spared: Sequence[str]) -> dict[str, int]:
    """Delete every row that holds one of the keys, in one transaction, and vacuum; rows by table.

    spared: keys of other people and places, whose raw versions stay without the reference. Bytes in the server's
    write-ahead log and its backups are beyond reach.
    """
    import pyarrow as pa

    with session.transaction():
        for name, values in (("erased_key", keys), ("spared_key", spared)):
            session.execute(f"CREATE TEMP TABLE {name} (key VARCHAR) ON COMMIT DROP")
            session.insert(name, pa.table({"key": pa.array(list(values), pa.string())}))
        deleted = {}
        for table, columns in _tables(session).items():
            if table.startswith('"raw_') and "parent_key" not in columns:
                for column in columns:
                    if column != "row_key":
                        session.execute(
                            f"UPDATE {table} SET {sql_name(column)} = NULL WHERE {sql_name(column)} IN "
                            "(SELECT key FROM erased_key) AND row_key IN (SELECT key FROM spared_key)"
                        )
            places = [sql_name(column) for column in columns]
            if "parent_key" in columns:
                places.append("split_part(parent_key, '#', 1)")
            holds = " OR ".join(f"{place} IN (SELECT key FROM erased_key)" for place in places)
            rows = session.rows(
                f"WITH gone AS (DELETE FROM {table} WHERE {holds} RETURNING 1) SELECT count(*) FROM gone"
            )
            if rows[0][0]:
                deleted[table.replace('"', "")] = int(rows[0][0])
    for table in deleted:
        schema, _, name = table.partition(".")
        session.execute(f"VACUUM {sql_name(schema)}.{sql_name(name)}")
    return deleted


def _tables(session: PostgresSession) -> dict[str, list[str]]:
    """Columns of text by table of ours; of raw tables those that may hold keys."""
    found: dict[str, list[str]] = {}
    for schema, table, column in session.rows(
        "SELECT s, c.table_name, c.column_name "
        "FROM (SELECT *, table_schema AS s FROM information_schema.columns) AS c "
        f"JOIN information_schema.tables AS t USING (table_schema, table_name) WHERE ({_OURS}) "
        "AND t.table_type = 'BASE TABLE' AND c.data_type IN ('character varying', 'text') "
        "AND c.column_name NOT IN ('version_id', 'predecessor_id', 'content_hash', 'batch_id') ORDER BY 1, 2, 3"
    ):
        found.setdefault(f"{sql_name(str(schema))}.{sql_name(str(table))}", []).append(str(column))
    return found
