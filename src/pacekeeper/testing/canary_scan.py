"""Looking for canaries in everything that lies in a folder, compressed or not."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb

from pacekeeper.sql_text import sql_literal, sql_name

MARK = "CANARY"


def canary_places(folder: Path, *, ignoring: Collection[Path], scratch: Path) -> list[str]:
    """Where canaries lie in a folder: `file`, or `file: table.column`.

    ignoring: files and folders that are the source itself. scratch: a folder for copies, which are removed again.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink() or any(path == i or i in path.parents for i in ignoring):
            continue
        if has_mark(path.read_bytes()) or has_mark(str(path.relative_to(folder))):
            found.append(path.name)
        found += [f"{path.name}: {place}" for place in _inside(path, scratch)]
    return found


def has_mark(content: bytes | str) -> bool:
    """Whether a canary shows, in whatever case."""
    raw = content.encode() if isinstance(content, str) else content
    return any(mark.encode() in raw for mark in (MARK, MARK.lower(), MARK.title()))


def _inside(path: Path, scratch: Path) -> Iterator[str]:
    """Places with a canary in a file that may keep it in a form in which its bytes do not show."""
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"\x1f\x8b"):
        if has_mark(gzip.decompress(path.read_bytes())):
            yield "unpacked"
    elif head.startswith(b"PAR1"):
        table = duckdb.sql(f"FROM read_parquet({sql_literal(str(path))})").to_arrow_table()
        yield from (name for name in table.column_names if has_mark(str(table[name].to_pylist())))
    elif head[8:12] == b"DUCK":
        yield from _in_duckdb(path, scratch)
    elif head.startswith(b"SQLite format 3"):
        with sqlite3.connect(path) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            yield from (t for t in tables if has_mark(str(connection.execute(f'SELECT * FROM "{t}"').fetchall())))


def _in_duckdb(path: Path, scratch: Path) -> Iterator[str]:
    """Columns, of whatever type, with a canary in a value, their name or their comment."""
    copied = scratch / path.name
    shutil.copy(path, copied)
    with duckdb.connect(copied) as connection:
        tables = connection.execute(
            "SELECT schema_name, table_name, list(column_name), list(coalesce(comment, '')) FROM duckdb_columns() "
            "WHERE database_name = current_database() AND NOT internal GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for schema, table, columns, comments in tables:
            marked = ", ".join(
                f"coalesce(bool_or(contains(upper(CAST({sql_name(name)} AS VARCHAR)), '{MARK}')), false)"
                for name in columns
            )
            held = connection.execute(f"SELECT {marked} FROM {sql_name(schema)}.{sql_name(table)}").fetchone() or ()
            for name, comment, is_marked in zip(columns, comments, held, strict=True):
                if is_marked or has_mark(f"{schema} {table} {name} {comment}"):
                    yield f"{schema}.{table}.{name}"
    copied.unlink()
