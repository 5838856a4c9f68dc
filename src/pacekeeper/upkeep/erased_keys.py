"""Everything in a warehouse that is one client's, found by following keys, and deleted.

Starts from the keys of the client's records in every source. A row that holds one of the keys is the client's, and so
is its own key, until nothing is added: a note that names a session alone goes with the session. Keys of other people
and places are spared: a record of theirs that refers to the client stays, without the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import primary_key
from pacekeeper.engine.duckdb import Connection
from pacekeeper.errors import FatalError
from pacekeeper.landing.versions import VERSION_COLUMNS
from pacekeeper.sql_text import sql_name

#: Temp tables: keys that are the client's, the client's own records among them, and keys that never are.
ERASED, RECORDS, SPARED = "erased_key", "erased_record", "spared_key"
#: Raw tables have these columns for landing's own purposes; none holds a key.
_LANDING = frozenset(VERSION_COLUMNS) | {"_dlt_id", "_dlt_load_id"}
_KEY = "[0-9a-f]{32}"


@dataclass(frozen=True)
class _Table:
    """texts: columns that may hold a key. own: the column with the row's own key; null = it has none of one column.

    is_raw: it holds versions. has_parent: of elements of a record's list.
    """

    schema: str
    name: str
    texts: tuple[str, ...]
    own: str | None
    is_raw: bool
    has_parent: bool

    @property
    def sql(self) -> str:
        return f"{sql_name(self.schema)}.{sql_name(self.name)}"

    def holds(self, keys: str = ERASED) -> str:
        """SQL for whether a row holds one of the keys, or is part of a record that has one as its own."""
        found = [f"{sql_name(column)} IN (FROM {keys})" for column in self.texts]
        if self.has_parent:
            found.append(f"split_part(parent_key, '#', 1) IN (FROM {keys})")
        return " OR ".join(found)


def find_client(connection: Connection, client_key: str) -> int:
    """Fill the temp tables for a client; how many records of the client there are comes back, over all sources.

    0: no table knows the key as a client's.
    """
    raw = connection.raw
    raw.execute(
        f"CREATE OR REPLACE TEMP TABLE {RECORDS} AS "
        "SELECT m.client_key AS key FROM canonical.client_match m JOIN canonical.client_match o USING (person_key) "
        "WHERE o.client_key = $1 UNION SELECT person_key FROM canonical.client_match WHERE client_key = $1",
        [client_key],
    )
    records = connection.count(f"SELECT count(*) FROM {RECORDS}")
    if not records:
        return 0
    raw.execute(
        f"CREATE OR REPLACE TEMP TABLE {SPARED} AS "
        f"SELECT client_key AS key FROM canonical.client_match WHERE client_key NOT IN (FROM {RECORDS}) "
        "UNION SELECT clinician_key FROM canonical.person_match UNION SELECT location_key FROM canonical.location "
        "UNION SELECT practice_key FROM canonical.practice"
    )
    raw.execute(
        f"CREATE OR REPLACE TEMP TABLE {ERASED} AS FROM {RECORDS} UNION "
        f"SELECT match_key FROM canonical.client_identifier WHERE client_key IN (FROM {RECORDS}) EXCEPT ("
        f"SELECT match_key FROM canonical.client_identifier WHERE client_key NOT IN (FROM {RECORDS}) UNION "
        "SELECT match_key FROM canonical.clinician_identifier)"
    )
    tables = [table for table in _tables(connection) if table.is_raw or table.schema == "canonical"]
    added = 1
    while added:
        added = sum(_grow(connection, table) for table in tables)
    return records


def delete_rows(connection: Connection) -> dict[str, int]:
    """Delete every row that holds one of the keys, in every schema; rows by table, of those that had any.

    Runs in the caller's transaction.
    """
    deleted: dict[str, int] = {}
    for table in _tables(connection):
        if table.is_raw and not table.has_parent:
            _clear_references(connection, table)
        row = connection.raw.execute(f"DELETE FROM {table.sql} WHERE {table.holds()}").fetchone()
        if row and row[0]:
            deleted[f"{table.schema}.{table.name}"] = int(row[0])
    return deleted


def refuse_leftovers(connection: Connection) -> None:
    """Raise FatalError where a key is left anywhere, inside a longer text or a list included."""
    for table in _tables(connection, only_texts=False):
        tokens = f"SELECT unnest(regexp_extract_all(CAST(one AS VARCHAR), '{_KEY}')) AS key FROM {table.sql} AS one"
        left = connection.count(f"SELECT count(*) FROM ({tokens}) SEMI JOIN {ERASED} USING (key)")
        if left:
            raise FatalError(
                f"{table.schema}.{table.name} still holds {left} keys of the client; nothing was erased. This is a "
                "fault in Pacekeeper: please report it with this line"
            )


def erased_keys(connection: Connection) -> list[str]:
    """The keys, for what lies outside of the warehouse."""
    return [str(key) for (key,) in connection.rows(f"SELECT key FROM {ERASED} ORDER BY 1")]


def spared_keys(connection: Connection) -> list[str]:
    """Keys of other people and places."""
    return [str(key) for (key,) in connection.rows(f"SELECT key FROM {SPARED} ORDER BY 1")]


def _grow(connection: Connection, table: _Table) -> int:
    """Add the keys of rows that are the client's; of a list's elements, those of records that name nobody else."""
    new = f"NOT IN (FROM {ERASED})"
    if table.own is not None:
        own = sql_name(table.own)
        row = connection.raw.execute(
            f"INSERT INTO {ERASED} SELECT DISTINCT {own} FROM {table.sql} WHERE ({table.holds()}) AND {own} {new} "
            f"AND {own} NOT IN (FROM {SPARED}) AND regexp_full_match({own}, '{_KEY}')"
        ).fetchone()
        return int(row[0]) if row else 0
    added = 0
    if table.has_parent:
        for name in table.texts:
            if name in {"row_key", "parent_key"}:
                continue
            column = sql_name(name)
            row = connection.raw.execute(
                f"INSERT INTO {ERASED} SELECT parent_key FROM {table.sql} GROUP BY parent_key HAVING "
                f"bool_or({column} IN (FROM {RECORDS})) AND bool_and({column} IS NULL OR {column} IN (FROM {RECORDS})) "
                f"AND parent_key {new} AND parent_key NOT IN (FROM {SPARED})"
            ).fetchone()
            added += int(row[0]) if row else 0
    return added


def _clear_references(connection: Connection, table: _Table) -> None:
    """Take the client out of records of other people and places."""
    for name in table.texts:
        if name != "row_key":
            connection.raw.execute(
                f"UPDATE {table.sql} SET {sql_name(name)} = NULL WHERE {sql_name(name)} IN (FROM {ERASED}) "
                f"AND row_key IN (FROM {SPARED})"
            )


def _tables(connection: Connection, *, only_texts: bool = True) -> Iterator[_Table]:
    """Every table of the warehouse; only_texts: those with columns of plain text."""
    rows = connection.rows(
        "SELECT t.schema_name, t.table_name, "
        "list(c.column_name ORDER BY c.column_index) FILTER (c.data_type = 'VARCHAR') "
        "FROM duckdb_tables() t JOIN duckdb_columns() c USING (database_name, schema_name, table_name) "
        "WHERE t.database_name = current_database() AND NOT t.temporary GROUP BY ALL ORDER BY ALL"
    )
    for schema, name, listed in rows:
        columns: Sequence[str] = listed or ()
        is_raw = str(schema).startswith("raw_") and "version_id" in columns
        texts = tuple(column for column in columns if not (is_raw and column in _LANDING))
        if texts or not only_texts:
            own = _own_key(str(schema), str(name), texts, is_raw=is_raw)
            yield _Table(str(schema), str(name), texts, own, is_raw, is_raw and "parent_key" in texts)


def _own_key(schema: str, name: str, texts: Sequence[str], *, is_raw: bool) -> str | None:
    if is_raw:
        return None if "parent_key" in texts else "row_key"
    if schema != "canonical" or name not in ENTITIES:
        return None
    keys = primary_key(ENTITIES[name])
    return keys[0] if len(keys) == 1 and keys[0].endswith("_key") else None
