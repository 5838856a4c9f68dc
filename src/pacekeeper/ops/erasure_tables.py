"""Tables of erasures: that they happened, and what must not come back. No client can be found by them."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from pacekeeper.ops.tables import UtcDateTime


class Erasure(SQLModel, table=True):
    """One row per erasure of a client. client_records: records of the client, over all sources; rows: in all tables.

    erased_by: who asked for it on this machine. ended_at: null while it is under way, or after it was killed.
    """

    erasure_id: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    erased_by: str
    client_records: int = 0
    rows: int = 0


class ErasedRows(SQLModel, table=True):
    """Rows that an erasure took out of one table. store: warehouse, operations, dagster or postgres."""

    erasure_id: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    table_name: str = Field(primary_key=True)
    rows: int


class ErasedKey(SQLModel, table=True):
    """Tombstone of a key of an erased client: the keyed hash of the key, so that the key itself stands nowhere."""

    tombstone: str = Field(primary_key=True)
