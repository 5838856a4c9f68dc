"""What a connector declares it can read, and what one read hands over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pacekeeper.columns import Column, Key, Ref
from pacekeeper.errors import PluginError

if TYPE_CHECKING:
    import pyarrow as pa

Deletes: TypeAlias = Literal["none", "reported", "key_diff"]

#: Columns that landing adds to every raw table; a stream may not declare them.
LANDING_COLUMNS = (
    "row_key",
    "parent_key",
    "version_id",
    "predecessor_id",
    "version_no",
    "content_hash",
    "is_deleted",
    "observed_at",
    "batch_id",
)

#: dlt drops an underscore at the end of a name.
_NAME = re.compile(r"[a-z](?:[a-z0-9_]{0,61}[a-z0-9])?")
#: Ending of the views landing makes of the newest versions.
_CURRENT = "__current"


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Scopes a stream by the values at a path, counted under `reason`.

    As `keep`, a record with none of `values` is out of scope; as `drop`, one with any of them.
    """

    path: str
    values: frozenset[str]
    reason: str


@dataclass(frozen=True)
class Stream:
    """One kind of record of a source, landed as table `raw_<source>.<name>`.

    columns: what lands; nothing else does. A stream that is no child has exactly one `Key`, its identity.
    cursor: the column by which the source can be asked for changes; lag: how far back each read reaches again.
    deletes: `key_diff` = a read of everything is the whole truth, what it lacks was deleted; `reported` = pages
    carry the ids; `none` = the source never says.
    child_of, explode: rows are the elements of a repeated field of the parent's records; they have no key of their
    own, and follow their parent: `parent_key` joins to the parent's `row_key`.
    drop: what must never land.
    resource_type: value of `resourceType` a record must have, else it is out of scope.
    """

    name: str
    columns: Mapping[str, Column]
    cursor: str | None = None
    lag: timedelta = timedelta()
    deletes: Deletes = "none"
    child_of: str | None = None
    explode: str | None = None
    keep: Keep | None = None
    drop: Sequence[Keep] = ()
    resource_type: str | None = None
    description: str = ""

    @property
    def key(self) -> str | None:
        """Name of the column that identifies a record; null for a child stream."""
        return next((name for name, column in self.columns.items() if isinstance(column, Key)), None)

    def problems(self) -> list[str]:
        """Every reason why this declaration cannot work, in words; empty when it can."""
        found = []
        if not _NAME.fullmatch(self.name):
            found.append(f"stream name {self.name!r} is not lower_snake_case, or ends in an underscore")
        if self.name.endswith(_CURRENT):
            found.append(f"stream name {self.name!r} is reserved for the view of current rows")
        found += [
            f"column name {c!r} is not lower_snake_case, or ends in an underscore"
            for c in self.columns
            if not _NAME.fullmatch(c)
        ]
        matches = {f"{name}_match": name for name, c in self.columns.items() if isinstance(c, Ref) and c.match}
        found += [f"column name {c!r} is taken by the match of {matches[c]!r}" for c in self.columns if c in matches]
        found += [f"column name {c!r} is reserved by landing" for c in self.columns if c in LANDING_COLUMNS]
        found += [f"column {name!r} is not a typed column" for name, c in self.columns.items() if type(c) is Column]
        keys = [name for name, column in self.columns.items() if isinstance(column, Key)]
        if self.child_of is None:
            if len(keys) != 1:
                found.append(f"needs exactly one Key column, has {len(keys)}")
            if self.explode:
                found.append("explode is for streams with child_of")
        elif not self.explode:
            found.append("a stream with child_of needs explode")
        if self.cursor is not None and self.cursor not in self.columns:
            found.append(f"cursor {self.cursor!r} is not a declared column")
        return [f"stream {self.name}: {problem}" for problem in found]


def check_streams(streams: Sequence[Stream], *, connector: str) -> None:
    """Raise PluginError naming every fault in a connector's declared streams."""
    names = [stream.name for stream in streams]
    found = [problem for stream in streams for problem in stream.problems()]
    found += [f"stream {name} is declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    found += [
        f"stream {s.name}: parent {s.child_of} is not declared"
        for s in streams
        if s.child_of is not None and s.child_of not in names
    ]
    if found:
        raise PluginError(connector=connector, reason="; ".join(found), fix="correct the stream declarations")


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Raw JSON documents, one per row, parsed in bulk by the boundary; a line that is no JSON is rejected there.

    origin and first_line locate a rejected line (a file name without folder, a 1-based line number).
    """

    documents: pa.Array[Any] | pa.ChunkedArray[Any]
    origin: str
    first_line: int = 1

    def __len__(self) -> int:
        return len(self.documents)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something of a source that cannot be read as records: a faulty transaction set, message or file.

    It counts as one row read and rejected of its page's stream, so that the ledger and the quarantine name it.
    reason: lower_snake_case. locator: where it is, by file name without folder, position or control number; never a
    value of a record.
    """

    reason: str
    locator: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """What a read of a stream is known to lack, although it ended well (decision 5).

    reason: lower_snake_case. advice: what a person should do, in words of the connector's own; never a value of a
    record. first_day, last_day: the local days of which records are lacking; null = open on that side, both null = it
    may be any record that changed since the last complete read.
    """

    reason: str
    advice: str
    first_day: date | None = None
    last_day: date | None = None


Rows: TypeAlias = "Sequence[Mapping[str, Any]] | pa.Table | JsonLines"


@dataclass(frozen=True, slots=True)
class Page:
    """What one step of a read hands over.

    stream: a declared stream; its child streams are exploded from the same rows.
    rejected: what the connector itself could not read; see Rejected.
    deleted: source ids the source reports as deleted.
    watermark: the server's own time for this read; becomes the next `since` when the load is committed.
    is_whole: whether the read this page is part of holds everything of its stream, so that what it lacks does not
    exist; null = it does where the window asked for everything. One page that says no outweighs the others.
    incomplete: what this read is known to lack. Its stream is read from the same point again, until a read lacks
    nothing; until then the verdicts that rest on it are unknown.
    notes: what a person should know about this read, for log and ledger; never a value of a record.
    is_past: whether the rows are past versions, in any order, of records that other pages of the same read hold as they
    are now. They land as versions of their own before it, in the order of the stream's cursor; those that are no later
    than the newest version that has landed are left out, and nothing of them lands in child streams.
    checkpoint: where the source is to be taken up, should this read be interrupted from here on; empty = nowhere.
    Handed back as `Window.resume`. It is kept on disk: no secret, and nothing about a client.
    """

    stream: str
    rows: Rows = ()
    deleted: Sequence[str] = ()
    watermark: datetime | None = None
    rejected: Sequence[Rejected] = ()
    is_whole: bool | None = None
    incomplete: Sequence[Incomplete] = ()
    notes: Sequence[str] = ()
    is_past: bool = False
    checkpoint: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What a read is asked for. `since` null = everything.

    since: the earliest change any stream wants; `since_of` gives one stream's own.
    until: the run's as_of; records changed later may be left out.
    before: only what changed before this instant is asked for (a backfill); a source that cannot be asked so gives all
    since `since`. null = no bound. Nothing is concluded from what such a read lacks.
    resume: the last checkpoint of a read that did not end; empty where the last one did. Nothing of that read has
    landed.
    """

    since: datetime | None = None
    until: datetime | None = None
    per_stream: Mapping[str, datetime] = field(default_factory=dict)
    resume: Mapping[str, str] = field(default_factory=dict)
    before: datetime | None = None

    def since_of(self, stream: str) -> datetime | None:
        """Earliest change this stream asks for; null = everything."""
        return self.per_stream.get(stream)
