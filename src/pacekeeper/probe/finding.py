"""What a probe of a source found. Names of fields, codes and counts; no value of any other kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pacekeeper.mapping.result import MappingResult

#: So many rows with one and the same cursor are no coincidence.
_MANY = 10


@dataclass(frozen=True)
class CodeCount:
    """One vendor code of a column that value maps read. meaning: by map, the canonical value; null = none knows it."""

    column: str
    code: str
    rows: int
    meaning: Mapping[str, str | None]

    @property
    def is_known(self) -> bool:
        """Whether some value map knows the code."""
        return any(value is not None for value in self.meaning.values())


@dataclass(frozen=True)
class CursorFinding:
    """What can be said about a stream's cursor from a sample.

    nulls: rows without one. future: later than the request. before_since: older than what was asked for.
    at_request: rows whose cursor lies in the time of the request itself. earliest, latest: null where all are null.
    order: of the pages among each other: ascending, descending, unordered; null where there was one page only.
    """

    column: str
    rows: int
    nulls: int
    future: int
    before_since: int
    at_request: int
    distinct: int
    order: str | None
    earliest: datetime | None
    latest: datetime | None

    @property
    def warnings(self) -> list[str]:
        """Why this cursor may not be fit to ask for changes by, in words."""
        found = []
        if self.nulls:
            found.append(f"{self.nulls} of {self.rows} rows have no {self.column}: their changes are never asked for")
        if self.future:
            found.append(f"{self.future} rows lie in the future: the watermark would run ahead of the changes")
        if self.before_since:
            found.append(f"{self.before_since} rows are older than what was asked for: the server ignores the filter")
        if self.rows > 1 and self.at_request == self.rows:
            found.append(
                f"every {self.column} is the time of the request: the server stamps what it sends, so that changes "
                "cannot be told; declare no cursor"
            )
        elif self.rows >= _MANY and self.distinct == 1:
            found.append(f"every row has the same {self.column}: an import may have stamped them all")
        return found


@dataclass(frozen=True)
class StreamFinding:
    """One stream of a probe.

    read: records the server sent, up to the limit. filled: rows with a value, by declared column.
    undeclared: fields nobody declared, with the records that have them. error: why it could not be read.
    is_cut: the limit was reached, so that there may be more.
    """

    stream: str
    read: int = 0
    kept: int = 0
    repeated: int = 0
    deleted: int = 0
    out_of_scope: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[tuple[str, str], int] = field(default_factory=dict)
    undeclared: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, int] = field(default_factory=dict)
    codes: Sequence[CodeCount] = ()
    cursor: CursorFinding | None = None
    is_cut: bool = False
    error: str | None = None

    @property
    def never_filled(self) -> list[str]:
        """Declared columns that no row of the sample has; empty where there was no row."""
        return [name for name, rows in self.filled.items() if not rows] if self.kept else []


@dataclass(frozen=True)
class Probe:
    """A whole probe. since: what streams with a cursor were asked for; the others were read from their beginning.

    mapping_error: why nothing of the sample could be mapped. calls: requests made.
    """

    source: str
    connector: str
    since: datetime
    streams: Sequence[StreamFinding]
    mappings: Sequence[MappingResult]
    mapping_error: str | None
    calls: int
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether every stream could be read and every entity mapped."""
        failed = any(result.state == "failed" for result in self.mappings)
        return self.mapping_error is None and not failed and all(one.error is None for one in self.streams)
