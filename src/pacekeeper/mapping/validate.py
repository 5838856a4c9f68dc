"""Validate: which staged rows break the contract, and why. Results are row numbers, columns and reason codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import polars as pl
import pyarrow as pa

from pacekeeper.contract import Entity
from pacekeeper.contract.reason import DUPLICATE_KEY, DUPLICATE_ROW
from pacekeeper.contract.schema import columns, primary_key
from pacekeeper.contract.validation import failing_rows, pandera_schema
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.stage import Slice

_BATCH_ROWS = 250_000
#: Temporary table of the slice at hand: row_no (rowid in the stage table), column_name, reason.
FAULTS = "slice_fault"


def find_faults(connection: Connection, staged: Slice) -> None:
    """Fill the temporary table `slice_fault` with every fault of a staged slice."""
    raw = connection.raw
    raw.execute(f"CREATE OR REPLACE TEMP TABLE {FAULTS} (row_no BIGINT, column_name VARCHAR, reason VARCHAR)")
    if not staged.rows:
        return
    schema = pandera_schema(staged.entity, fractional=staged.fractional)
    names = ", ".join(f'"{c.name}"' for c in columns(staged.entity))
    # Faults are stored after the reader is done: a second statement on the connection would end it.
    found: list[pa.Table] = []
    for batch in raw.execute(f"SELECT rowid AS row_no, {names} FROM {staged.table}").to_arrow_reader(_BATCH_ROWS):
        rows = cast("pl.DataFrame", pl.from_arrow(batch))
        faults = failing_rows(schema, rows.drop("row_no"), rules=staged.entity.rules)
        if faults:
            found.append(_fault_table(rows["row_no"], faults))
    if found:
        raw.register("found_faults", pa.concat_tables(found))
        raw.execute(f"INSERT INTO {FAULTS} SELECT DISTINCT row_no, column_name, reason FROM found_faults")
        raw.unregister("found_faults")
    _find_duplicates(connection, staged.table, staged.entity)


def _fault_table(row_numbers: pl.Series, faults: Sequence[tuple[int, str, str]]) -> pa.Table:
    positions, names, reasons = zip(*faults, strict=True)
    return pa.table(
        {
            "row_no": row_numbers.gather(list(positions)).to_arrow(),
            "column_name": pa.array(names, pa.string()),
            "reason": pa.array(reasons, pa.string()),
        }
    )


def _find_duplicates(connection: Connection, table: str, entity: type[Entity]) -> None:
    """One row of each key stays: the first by the order of all its contents, which does not depend on the run.

    A row equal to the one that stays is a `duplicate_row`, any other a `duplicate_key`.
    """
    key = ", ".join(f'"{name}"' for name in primary_key(entity))
    cells = ", ".join(f'coalesce(CAST("{c.name}" AS VARCHAR), chr(0))' for c in columns(entity))
    connection.raw.execute(f"""
        INSERT INTO {FAULTS}
        WITH good AS (
            SELECT rowid AS row_no, * FROM {table} WHERE rowid NOT IN (SELECT row_no FROM {FAULTS})
        ), repeated AS (
            SELECT {key} FROM good GROUP BY {key} HAVING count(*) > 1
        ), candidates AS (
            SELECT row_no, {key}, concat_ws(chr(31), {cells}) AS content FROM good JOIN repeated USING ({key})
        ), ranked AS (
            SELECT row_no, content, row_number() OVER per_key AS nth, first_value(content) OVER per_key AS kept
            FROM candidates WINDOW per_key AS (PARTITION BY {key} ORDER BY content)
        )
        SELECT row_no, '{primary_key(entity)[0]}',
               CASE WHEN content = kept THEN '{DUPLICATE_ROW}' ELSE '{DUPLICATE_KEY}' END
        FROM ranked WHERE nth > 1
    """)
