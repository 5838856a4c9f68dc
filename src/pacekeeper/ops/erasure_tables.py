"""Tables of what was done with single people's records: erasures, and keys that somebody had resolved."""

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


class KeyLookup(SQLModel, table=True):
    """One row each time somebody had a key resolved to the id that a source has. by: login, or a name that was given.

    key: of the person that was asked about; found: records that sources still had. The ids are kept nowhere.
    """

    lookup_id: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    kind: str
    key: str = Field(index=True)
    found: int


class ErasedKey(SQLModel, table=True):
    """Tombstone of a key of an erased client: the keyed hash of the key, so that the key itself stands nowhere."""

    tombstone: str = Field(primary_key=True)
