"""Tables of the operational database: what ran, what it read, and what is known to be complete. No client data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant, in engines that store none."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


class Run(SQLModel, table=True):
    """One row per run. as_of: the instant the run judges by; ended_at null while it runs, or after a kill.

    A killed run stays `running` until the next one finds it.
    """

    run_id: str = Field(primary_key=True)
    as_of: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state: str = "running"  # running | success | failed | killed
    kind: str = "night"  # night | backfill


class SourceRun(SQLModel, table=True):
    """One row per run and configured source. message: why it failed, for the operator; holds no client data."""

    run_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    connector: str
    distribution: str = ""
    state: str  # ok | failed
    error_class: str | None = None
    message: str | None = None
    seconds: float = 0.0
    calls: int = 0


class BackfillSlice(SQLModel, table=True):
    """A part of a backfill that has landed. Rows of a backfill go when a run has published it."""

    source: str = Field(primary_key=True)
    since: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    before: datetime = Field(primary_key=True, sa_type=UtcDateTime)


class StreamRun(SQLModel, table=True):
    """Landing ledger: read = inserted + updated + unchanged + duplicate + rejected + out_of_scope.

    suspect: current records whose latest reading was rejected, in this run or before; no part of the sum.
    """

    run_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    out_of_scope: int = 0
    tombstones: int = 0
    suspect: int = 0

    @property
    def is_balanced(self) -> bool:
        """Whether every row read is accounted for."""
        parts = self.inserted + self.updated + self.unchanged + self.duplicate + self.rejected + self.out_of_scope
        return self.read == parts


class StreamReason(SQLModel, table=True):
    """Why rows of a stream did not land: kind is rejected, out_of_scope or undeclared (a field, by name).

    Kind `note` is what the connector says about the read, in reason; its rows are 0.
    """

    run_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    rows: int


class StreamState(SQLModel, table=True):
    """Where the next read of a stream starts, and up to when the source is known completely.

    watermark: next `since`, before lag; null = read everything. complete_through: as_of of the last good read.
    fingerprint: what that read's declarations and settings were (`landing.fingerprint`); null = not recorded.
    """

    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    watermark: datetime | None = Field(default=None, sa_type=UtcDateTime)
    complete_through: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fingerprint: str | None = None


class StreamGap(SQLModel, table=True):
    """What the latest read of a stream is known to lack; none = nothing. number: from 1, by stream.

    first_day, last_day: local days of which records are lacking; null = open on that side, both null = it may be any
    record that changed since the stream's `complete_through`.
    """

    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    reason: str
    advice: str
    first_day: date | None = None
    last_day: date | None = None


class EntityState(SQLModel, table=True):
    """Up to when a source's slice of an entity is known completely; null = it never was."""

    source: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    complete_through: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MappingRun(SQLModel, table=True):
    """Mapping ledger: in_scope = mapped + quarantined + out_of_scope.

    state: swapped | unchanged | over_limit | failed. Of an unchanged slice the counts of when it was made.
    """

    run_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    state: str
    message: str | None = None
    in_scope: int = 0
    mapped: int = 0
    quarantined: int = 0
    out_of_scope: int = 0
    seconds: float = 0.0

    @property
    def is_current(self) -> bool:
        """Whether the slice is what the raw tables say."""
        return self.state in {"swapped", "unchanged"}

    @property
    def is_balanced(self) -> bool:
        """Whether every row in scope is accounted for; a mapping that failed before it had counted has none."""
        return self.in_scope == self.mapped + self.quarantined + self.out_of_scope


class MappingReason(SQLModel, table=True):
    """Why rows did not become canonical: kind is quarantined or out_of_scope."""

    run_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    rows: int


class UnmappedValue(SQLModel, table=True):
    """A vendor code no value map knows, and how many rows carry it."""

    run_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    column: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    rows: int


class MartRun(SQLModel, table=True):
    """Rows of a mart after a run."""

    run_id: str = Field(primary_key=True)
    mart: str = Field(primary_key=True)
    rows: int
    seconds: float = 0.0
