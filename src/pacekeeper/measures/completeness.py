"""Which source was last read completely, per entity: what tells "nothing happened" from "we do not know"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

COMPLETENESS_TABLE = "source_completeness"
COMPLETENESS_DDL = (
    "source VARCHAR NOT NULL, entity VARCHAR NOT NULL, complete_through TIMESTAMP WITH TIME ZONE, "
    "ever_read BOOLEAN NOT NULL"
)
COMPLETENESS_SCHEMA = {
    "source": "string",
    "entity": "string",
    "complete_through": "timestamp('UTC', 6)",
    "ever_read": "boolean",
}
COMPLETENESS_DESCRIPTION = (
    "How far each source's slice of each entity is complete; verdicts about weeks after it are unknown, reason stale."
)


@dataclass(frozen=True)
class SourceCompleteness:
    """One row per configured source and entity it maps.

    complete_through: end of what the last complete read covers, UTC; null when none ever was.
    ever_read: whether the entity was ever read successfully.
    """

    source: str
    entity: str
    complete_through: datetime | None
    ever_read: bool


def arrow_rows(completeness: Iterable[SourceCompleteness]) -> pa.Table:
    """The rows as an Arrow table, ordered by source and entity."""
    import pyarrow as pa

    rows = sorted(completeness, key=lambda row: (row.source, row.entity))
    return pa.table(
        {
            "source": pa.array([row.source for row in rows], pa.string()),
            "entity": pa.array([row.entity for row in rows], pa.string()),
            "complete_through": pa.array([row.complete_through for row in rows], pa.timestamp("us", "UTC")),
            "ever_read": pa.array([row.ever_read for row in rows], pa.bool_()),
        }
    )
