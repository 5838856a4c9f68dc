"""Keys of an erased client out of SQLite files, and out of their free pages."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

from pacekeeper.errors import FatalError
from pacekeeper.sql_text import sql_name

_KEY = re.compile(r"[0-9a-f]{32}")
_SUBJECT = re.compile(r"([a-z_]+:)+[0-9a-f]{32}")
_BLANK = "0" * 32


def delete_sqlite(file: Path, keys: Collection[str]) -> dict[str, int]:
    """Delete rows that hold one of the keys, and what names those rows; rows by table.

    A row's own key, where it is one column of text, is looked for in columns of the same name. A subject that ends in
    such a key, as those of derived alerts do, is one too; keys inside longer texts are made unreadable.
    """
    deleted: dict[str, int] = {}
    with closing(_open(file)) as connection:
        with connection:
            connection.execute("CREATE TEMP TABLE erased (name TEXT, value TEXT)")
            connection.executemany("INSERT INTO erased VALUES (NULL, ?)", [(key,) for key in keys])
            for table, names, _ in _tables(connection):
                theirs = [(one,) for one in _subjects(connection, table, names) if one.rpartition(":")[2] in keys]
                connection.executemany("INSERT INTO erased VALUES (NULL, ?)", theirs)
            more = True
            while more:
                found = {table: _delete(connection, table, names, own) for table, names, own in _tables(connection)}
                more = any(found.values())
                deleted |= {table: deleted.get(table, 0) + rows for table, rows in found.items() if rows}
            for table, names, _ in _tables(connection):
                _blank(connection, table, names, frozenset(keys))
        _scrub(connection)
    return deleted


def blank_sqlite(file: Path, keys: Collection[str]) -> dict[str, int]:
    """Make keys unreadable wherever they stand, and keep the rows; rows that were changed by table."""
    with closing(_open(file)) as connection:
        with connection:
            found = {
                table: _blank(connection, table, names, frozenset(keys)) for table, names, _ in _tables(connection)
            }
        if any(found.values()):
            _scrub(connection)
    return {table: rows for table, rows in found.items() if rows}


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=10)
    connection.execute("PRAGMA secure_delete=ON")
    return connection


def _scrub(connection: sqlite3.Connection) -> None:
    """Write the file anew, so that no free page and no log holds what was deleted."""
    connection.execute("VACUUM")
    is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if is_busy:
        raise FatalError("a SQLite file is in use by another process: stop Dagster's web server and daemon, and repeat")


def _tables(connection: sqlite3.Connection) -> Iterator[tuple[str, list[str], str | None]]:
    """Name, columns and own key of every table. Any column may hold text in SQLite."""
    listed = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (table,) in listed.fetchall():
        info = connection.execute(f"PRAGMA table_info({sql_name(table)})").fetchall()
        keys = [row[1] for row in info if row[5]]
        is_text = [row[2].upper().startswith(("VARCHAR", "TEXT")) for row in info if row[5]]
        yield table, [row[1] for row in info], keys[0] if keys and len(keys) == 1 and is_text[0] else None


def _subjects(connection: sqlite3.Connection, table: str, names: list[str]) -> Iterator[str]:
    """Texts that are words and a key, with colons between."""
    for name in names:
        column = sql_name(name)
        for (text,) in connection.execute(
            f"SELECT DISTINCT {column} FROM {sql_name(table)} WHERE typeof({column}) = 'text' AND {column} LIKE '%:%'"
        ):
            if _SUBJECT.fullmatch(text):
                yield text


def _delete(connection: sqlite3.Connection, table: str, names: list[str], own: str | None) -> int:
    where = " OR ".join(
        f"{sql_name(name)} IN (SELECT value FROM erased WHERE coalesce(name = {_text(name)}, 1))" for name in names
    )
    if own is not None:
        connection.execute(
            f"INSERT INTO erased SELECT {_text(own)}, {sql_name(own)} FROM {sql_name(table)} WHERE {where}"
        )
    return connection.execute(f"DELETE FROM {sql_name(table)} WHERE {where}").rowcount


def _blank(connection: sqlite3.Connection, table: str, names: list[str], keys: frozenset[str]) -> int:
    changed = 0
    for name in names:
        column = sql_name(name)
        rows = connection.execute(
            f"SELECT rowid, {column} FROM {sql_name(table)} WHERE typeof({column}) = 'text' AND length({column}) >= 32"
        ).fetchall()
        for rowid, text in rows:
            blanked = _KEY.sub(lambda found: _BLANK if found[0] in keys else found[0], text)
            if blanked != text:
                connection.execute(f"UPDATE {sql_name(table)} SET {column} = ? WHERE rowid = ?", [blanked, rowid])
                changed += 1
    return changed


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
