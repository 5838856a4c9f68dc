"""Erased clients do not come back: their rows are taken out of a read before it lands.

Tombstones are keyed hashes of the keys that were the client's. A row is out of scope, reason `erased`, where its own
key, its parent's or one that it refers to is among them; its own key then becomes the client's too. A record of another
person or place that refers to the client stays, without the reference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pacekeeper.columns import Key, MatchKey, Ref
from pacekeeper.landing.identity_sql import install_keyed_hash
from pacekeeper.landing.spool import Manifest, parts
from pacekeeper.landing.versions import parents_first
from pacekeeper.privacy import keyed_hash
from pacekeeper.sql_text import sql_literal, sql_name
from pacekeeper.stream import Stream

if TYPE_CHECKING:
    from pacekeeper.privacy import HashKey

REASON = "erased"
_DOMAIN = "erased"
#: Entities of which a record is somebody's or something's own, whoever it refers to.
_OF_THEIR_OWN = frozenset({"client", "clinician", "location", "practice"})


def tombstone_sql(value: str) -> str:
    """SQL for the tombstone of a key, in a session that has `keyed_hash`."""
    return f"keyed_hash({sql_literal(_DOMAIN)} || chr(31) || {value})"


def tombstone_of(value: str, key: HashKey) -> str:
    """The tombstone of a key."""
    return keyed_hash(key, _DOMAIN, value)


def drop_erased(
    folder: Path, manifest: Manifest, streams: Sequence[Stream], *, tombstones: Collection[str], key: HashKey
) -> frozenset[str]:
    """Take the rows of erased clients out of a spool, and count them in its manifest; new tombstones come back."""
    if not tombstones:
        return frozenset()
    with duckdb.connect() as con:
        install_keyed_hash(con, key)
        con.execute("CREATE TEMP TABLE tombstone (tombstone VARCHAR)")
        con.execute("INSERT INTO tombstone SELECT unnest(?)", [sorted(tombstones)])
        wanted = [stream for stream in parents_first(streams) if _files(folder, stream)]
        values = " UNION ".join(_keys_of(folder, stream) for stream in wanted) or "SELECT NULL::VARCHAR AS key"
        con.execute(
            f"CREATE TEMP TABLE erased AS SELECT key FROM ({values}) WHERE key IS NOT NULL "
            f"AND {tombstone_sql('key')} IN (FROM tombstone)"
        )
        found = 1
        while found:
            found = sum(_grow(con, folder, stream) for stream in wanted)
        for stream in wanted:
            dropped = sum(_rewrite(con, Path(file), stream) for file in _files(folder, stream))
            counts = manifest.streams[stream.name]
            if dropped:
                counts.kept -= dropped
                counts.out_of_scope[REASON] = counts.out_of_scope.get(REASON, 0) + dropped
        for stream in streams:
            for file in parts(folder, stream.name, "rejected"):
                _rewrite_where(con, Path(file), "row_key IN (FROM erased)")
        new = con.execute(f"SELECT {tombstone_sql('key')} AS tombstone FROM erased EXCEPT FROM tombstone").fetchall()
    return frozenset(str(tombstone) for (tombstone,) in new)


def _files(folder: Path, stream: Stream) -> list[str]:
    return [*parts(folder, stream.name, "rows"), *parts(folder, stream.name, "past")]


def _columns(stream: Stream) -> list[str]:
    """Columns that hold keys, the row's own and its parent's included."""
    found = [name for name, column in stream.columns.items() if isinstance(column, Key | Ref | MatchKey)]
    matches = [f"{n}_match" for n, column in stream.columns.items() if isinstance(column, Ref) and column.match]
    return list(dict.fromkeys(["row_key", *(["parent_key"] if stream.child_of else []), *found, *matches]))


def _keys_of(folder: Path, stream: Stream) -> str:
    listed = ", ".join(map(sql_name, _columns(stream)))
    if stream.child_of is not None:
        listed += ", split_part(parent_key, '#', 1)"
    return f"SELECT unnest([{listed}]) AS key FROM {_read(_files(folder, stream))}"


def _is_erased(stream: Stream) -> str:
    """SQL for whether a row is the client's."""
    names = ["row_key"] if _is_of_its_own(stream) else _columns(stream)
    found = [f"{sql_name(name)} IN (FROM erased)" for name in names]
    if stream.child_of is not None:  # an element of an element has the key of the record in front of its parent's
        found.append("split_part(parent_key, '#', 1) IN (FROM erased)")
    return " OR ".join(found)


def _is_of_its_own(stream: Stream) -> bool:
    column = stream.columns.get(stream.key or "")
    return isinstance(column, Key) and column.entity in _OF_THEIR_OWN


def _grow(con: duckdb.DuckDBPyConnection, folder: Path, stream: Stream) -> int:
    """Add the keys of rows that are the client's, and of records whose lists name nobody else."""
    read = _read(_files(folder, stream))
    if stream.child_of is None:
        row = con.execute(
            f"INSERT INTO erased SELECT DISTINCT row_key FROM {read} WHERE ({_is_erased(stream)}) "
            "AND row_key NOT IN (FROM erased)"
        ).fetchone()
        return int(row[0]) if row else 0
    added = 0
    for name, column in stream.columns.items():
        if isinstance(column, Ref) and "client" in {column.entity, *(column.by_type or {}).values()}:
            named = sql_name(name)
            row = con.execute(
                f"INSERT INTO erased SELECT parent_key FROM {read} GROUP BY parent_key HAVING "
                f"bool_or({named} IN (FROM erased)) AND bool_and({named} IS NULL OR {named} IN (FROM erased)) "
                "AND parent_key NOT IN (FROM erased)"
            ).fetchone()
            added += int(row[0]) if row else 0
    return added


def _rewrite(con: duckdb.DuckDBPyConnection, file: Path, stream: Stream) -> int:
    """Write a part without the client's rows; how many there were comes back."""
    refs = [name for name in _columns(stream) if name not in {"row_key", "parent_key", stream.key}]
    cleared = ""
    if _is_of_its_own(stream) and refs:
        listed = (f"CASE WHEN {n} NOT IN (FROM erased) THEN {n} END AS {n}" for n in map(sql_name, refs))
        cleared = f" REPLACE ({', '.join(listed)})"
    return _rewrite_where(con, file, _is_erased(stream), cleared=cleared)


def _rewrite_where(con: duckdb.DuckDBPyConnection, file: Path, is_erased: str, *, cleared: str = "") -> int:
    read = _read([str(file)])
    row = con.execute(f"SELECT count(*) FILTER ({is_erased}) FROM {read}").fetchone()
    dropped = int(row[0]) if row else 0
    if dropped or cleared:
        new = file.with_suffix(".new")
        con.execute(
            f"COPY (SELECT *{cleared} FROM {read} WHERE coalesce(NOT ({is_erased}), true)) TO {sql_literal(str(new))} "
            "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION uncompressed, WRITE_BLOOM_FILTER false)"
        )
        new.replace(file)
    return dropped


def _read(files: Iterable[str]) -> str:
    return f"read_parquet([{', '.join(map(sql_literal, files))}])"
