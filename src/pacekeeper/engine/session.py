"""What building marts asks of an open connection to an engine; each engine's connection is one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class Session(Protocol):
    """A session in UTC. Names without a schema are temporary tables; all others are named with theirs."""

    @property
    def dialect(self) -> str:
        """What Ibis and SQLGlot call its SQL."""

    def execute(self, sql: str) -> None:
        """Run one or more statements."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    def arrow(self, sql: str) -> pa.Table:
        """The rows of a query as an Arrow table; instants are microseconds in UTC."""

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table, by name of column."""

    def analyze(self, table: str) -> None:
        """Let the engine know how many rows and which values a table has, where it does not look itself."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing."""
