"""Tables that Pacekeeper makes itself, swapped in under the same contract as those of the sources."""

from __future__ import annotations

from typing import cast

import polars as pl
import pyarrow as pa

from pacekeeper.contract import DERIVED, Entity
from pacekeeper.contract.schema import arrow_schema
from pacekeeper.contract.validation import failing_rows, pandera_schema
from pacekeeper.engine.duckdb import Connection
from pacekeeper.errors import DataError


def write_derived(connection: Connection, entity: type[Entity], rows: pa.Table, *, source: str = DERIVED) -> int:
    """Replace a derived table's rows; `source` is filled in here. Returns how many there are."""
    schema = arrow_schema(entity)
    rows = rows.append_column("source", pa.repeat(pa.scalar(source), len(rows)))
    rows = rows.select(schema.names).cast(schema)
    faults = failing_rows(pandera_schema(entity), cast("pl.DataFrame", pl.from_arrow(rows)), rules=entity.rules)
    if faults:
        reasons = sorted({f"{column} {reason}" for _, column, reason in faults})
        raise DataError(f"{entity.__tablename__}: {len(faults)} faults in derived rows: {', '.join(reasons)}")
    connection.raw.register("derived_rows", rows)
    try:
        with connection.transaction():
            return connection.swap_slice(entity, source, "derived_rows")
    finally:
        connection.raw.unregister("derived_rows")
