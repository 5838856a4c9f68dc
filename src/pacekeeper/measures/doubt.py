"""What the canonical tables are known to be wrong about or to lack; marts turn what rests on it `unknown`.

Mapping lists it in tables of schema `quarantine`: suspect records, whose latest reading was rejected, so that an older
version of them is still in the tables (decision 3); and gaps, what the reads of a source lack (decision 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.schema as ibis_schema_types

DOUBT_SCHEMA = "quarantine"
_IBIS_TYPES = {"VARCHAR": "string", "DATE": "date", "TIMESTAMP WITH TIME ZONE": "timestamp('UTC', 6)"}


@dataclass(frozen=True)
class DoubtTable:
    """A table of schema `quarantine`. columns: SQL type by name."""

    name: str
    columns: Mapping[str, str]

    @property
    def ddl(self) -> str:
        """SQL that makes it where it is not there yet."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        return f"CREATE TABLE IF NOT EXISTS {self.sql} ({columns})"

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return f"{DOUBT_SCHEMA}.{self.name}"

    @property
    def schema(self) -> ibis_schema_types.Schema:
        import ibis

        return ibis.schema({name: _IBIS_TYPES[kind] for name, kind in self.columns.items()})


#: One row per suspect canonical row and clinician it names. noted_at: since when it was known, null = not known;
#: from_at to to_at: the time the older version speaks of; null = open on that side, or not known.
SUSPECT_RECORD = DoubtTable(
    "suspect_record",
    {
        "source": "VARCHAR",
        "entity": "VARCHAR",
        "row_key": "VARCHAR",
        "clinician_key": "VARCHAR",
        "noted_at": "TIMESTAMP WITH TIME ZONE",
        "from_at": "TIMESTAMP WITH TIME ZONE",
        "to_at": "TIMESTAMP WITH TIME ZONE",
    },
)
#: One row per source, entity and gap of a stream that the entity is mapped from. first_day to last_day: local days of
#: which records are lacking; null = open on that side. Both null: the entity is complete only as far as it was before,
#: which `marts.source_completeness` says.
SOURCE_GAP = DoubtTable(
    "source_gap",
    {
        "source": "VARCHAR",
        "entity": "VARCHAR",
        "stream": "VARCHAR",
        "reason": "VARCHAR",
        "advice": "VARCHAR",
        "first_day": "DATE",
        "last_day": "DATE",
    },
)
DOUBT_TABLES = (SUSPECT_RECORD, SOURCE_GAP)


def days_of(first: date | None, last: date | None) -> str:
    """In words: which days are lacking."""
    if first is None and last is None:
        return "anything that changed since its last complete read"
    if first is None:
        return f"days up to {last}"
    return f"days from {first}" if last is None else f"{first} to {last}"
