"""Copies of the warehouse for readers, swapped in atomically."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb

from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.sql_text import sql_literal


def publish(warehouse: Path, to: Path) -> None:
    """Copy a warehouse, everything in it, and put the copy in the place of `to` in one step."""
    swap_in(warehouse, to, lambda connection: connection.execute("COPY FROM DATABASE warehouse TO published"))


def swap_in(
    warehouse: Path, to: Path, fill: Callable[[duckdb.DuckDBPyConnection], object], *, mode: int = 0o600
) -> None:
    """Make a database out of a warehouse and put it in the place of `to` in one step.

    A reader that has the old one open keeps it; whoever opens the file afterwards sees the new one, never a half-made
    one. fill: is given a connection with both attached, as `warehouse` and `published`. The new one is made in a folder
    of its own, readable by nobody else. Raises what opening a warehouse raises.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}.") as folder:
        copy = Path(folder) / to.name
        _make(warehouse, copy, fill)
        copy.chmod(mode)
        _flush(copy)
        faultpoint("publish.before_replace")
        copy.replace(to)


def _make(warehouse: Path, copy: Path, fill: Callable[[duckdb.DuckDBPyConnection], object]) -> None:
    from pacekeeper.engine.duckdb import opening_error

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            connection.execute(f"ATTACH {sql_literal(str(warehouse))} AS warehouse (READ_ONLY)")
        except duckdb.Error as exc:
            raise opening_error(warehouse, exc) from None
        connection.execute(f"ATTACH {sql_literal(str(copy))} AS published")
        fill(connection)
        connection.execute("USE memory")
        connection.execute("DETACH published")


def _flush(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
