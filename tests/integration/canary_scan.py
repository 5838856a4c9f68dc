"""Looking for canaries in everything that lies in a folder, compressed or not."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

MARK = b"CANARY"


def find_canaries(folder: Path, *, ignoring: frozenset[Path], scratch: Path) -> list[str]:
    """Where canaries are: `file`, or `file: table.column`. ignoring: files and folders that are the source itself."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink() or any(path == i or i in path.parents for i in ignoring):
            continue
        if holds_mark(str(path.relative_to(folder)).encode()) or holds_mark(path.read_bytes()):
            found.append(path.name)
        found += [f"{path.name}: {place}" for place in _inside(path, scratch)]
    return found


def holds_mark(content: bytes) -> bool:
    return MARK in content or MARK.lower() in content.lower()


def _inside(path: Path, scratch: Path) -> Iterator[str]:
    """Places with a canary in a file that may keep it in a form in which its bytes do not show."""
    head = path.open("rb").read(16)
    if head.startswith(b"\x1f\x8b"):
        if holds_mark(gzip.decompress(path.read_bytes())):
            yield "unpacked"
    elif head.startswith(b"PAR1"):
        table = pq.read_table(path)
        yield from (name for name in table.column_names if holds_mark(str(table[name].to_pylist()).encode()))
    elif head[8:12] == b"DUCK":
        yield from _in_duckdb(path, scratch)
    elif head.startswith(b"SQLite format 3"):
        yield from _in_sqlite(path)


def _in_duckdb(path: Path, scratch: Path) -> Iterator[str]:
    copy = scratch / path.name
    shutil.copy(path, copy)
    with duckdb.connect(copy) as connection:
        columns = connection.execute(
            "SELECT schema_name, table_name, column_name, comment FROM duckdb_columns() "
            "WHERE database_name = current_database() AND NOT internal"
        ).fetchall()
        for schema, table, column, comment in columns:
            row = connection.execute(
                f'SELECT count(*) FROM "{schema}"."{table}" '
                f"WHERE contains(upper(CAST(\"{column}\" AS VARCHAR)), '{MARK.decode()}')"
            ).fetchone()
            if (row and row[0]) or holds_mark(f"{schema} {table} {column} {comment}".encode()):
                yield f"{schema}.{table}.{column}"
    copy.unlink()


def _in_sqlite(path: Path) -> Iterator[str]:
    with sqlite3.connect(path) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
            if any(holds_mark(str(row).encode()) for row in rows):
                yield table
