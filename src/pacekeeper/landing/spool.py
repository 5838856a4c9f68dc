"""The spool: what the boundary let through, as Parquet, before the warehouse sees it. Already safe to keep.

<spool>/<run>/<source>/<stream>/rows-000001.parquet      typed rows, keys hashed, as first versions
                                past-000001.parquet      the same of past versions, without what a version adds
                                rejected-000001.parquet  row_key, column_name, reason, locator; no values
                                deleted-000001.parquet   row_key of records the source reports as deleted
                       manifest.json                     written last: the read is complete
                       error.json                        instead of it: why it is not
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pacekeeper.landing.boundary import Part, PartKind, StreamCounts
from pacekeeper.sql_text import sql_literal
from pacekeeper.stream import Incomplete, Stream


@dataclass
class StreamManifest:
    """What one read found in one stream. reasons are (column, reason) pairs for rejected values."""

    read: int = 0
    kept: int = 0
    duplicate: int = 0
    rejected_rows: int = 0
    out_of_scope: dict[str, int] = field(default_factory=dict)
    rejected: list[tuple[str, str, int]] = field(default_factory=list)
    undeclared: dict[str, int] = field(default_factory=dict)
    watermark: str | None = None
    was_full: bool = True
    incomplete: list[Incomplete] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Manifest:
    """What one read of one source found. key_id: the hash secret the keys were made under.

    mark: digest of what the read would find; null where nothing tells. is_unchanged: it is the one of the last good
    read, and nothing was read.
    """

    source: str
    key_id: str
    streams: dict[str, StreamManifest]
    seconds: float = 0.0
    calls: int = 0
    mark: str | None = None
    is_unchanged: bool = False


class SpoolWriter:
    """Writes one source's parts; a `Sink` for the boundary.

    Every row is written as the first version of its record, in the form of the raw table, so that a first load takes
    the files as they are. Parts of child streams have the number of the part that their records are in.
    """

    def __init__(self, folder: Path, streams: Sequence[Stream], *, batch_id: str, as_of: datetime) -> None:
        self.folder = folder
        self._first_version = (
            "*, NULL::VARCHAR AS predecessor_id, 1::BIGINT AS version_no, false AS is_deleted, "
            f"TIMESTAMPTZ {sql_literal(as_of.isoformat())} AS observed_at, {sql_literal(batch_id)} AS batch_id"
        )
        self._parents = {stream.name: stream.child_of for stream in streams}
        self._parts: Counter[tuple[str, str]] = Counter()

    def __call__(self, kind: PartKind, stream: str, part: Part) -> None:
        if kind != "rows" or self._parents[stream] is None:
            self._parts[stream, kind] += 1
        number = self._parts[self._root(stream) if kind == "rows" else stream, kind]
        folder = self.folder / stream
        folder.mkdir(parents=True, exist_ok=True)
        part.write(folder / f"{kind}-{number:06d}.parquet", columns=self._first_version if kind == "rows" else "*")

    def _root(self, stream: str) -> str:
        while (parent := self._parents[stream]) is not None:
            stream = parent
        return stream


def parts(folder: Path, stream: str, kind: PartKind) -> list[str]:
    """Paths of a stream's parts of one kind, in the order in which they were read."""
    return sorted(str(path) for path in (folder / stream).glob(f"{kind}-*.parquet"))


def stream_manifest(counts: StreamCounts, *, watermark: datetime | None, was_full: bool) -> StreamManifest:
    """A stream's counts in the form in which they are kept."""
    return StreamManifest(
        read=counts.read,
        kept=counts.kept,
        duplicate=counts.duplicate,
        rejected_rows=counts.rejected_rows,
        out_of_scope=dict(counts.out_of_scope),
        rejected=[(column, reason, rows) for (column, reason), rows in sorted(counts.rejected.items())],
        undeclared=dict(counts.undeclared),
        watermark=watermark.isoformat() if watermark else None,
        was_full=was_full,
        incomplete=counts.incomplete,
        notes=counts.notes,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Mark a read as complete."""
    _write_json(folder / "manifest.json", asdict(manifest))


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a complete read; null where the read was not completed, or what it left is damaged."""
    path = folder / "manifest.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    streams = {
        name: StreamManifest(
            **{
                **stream,
                "rejected": [tuple(entry) for entry in stream["rejected"]],
                "incomplete": [_incomplete(**entry) for entry in stream["incomplete"]],
            }
        )
        for name, stream in found.pop("streams").items()
    }
    return Manifest(**found, streams=streams)


def _incomplete(reason: str, advice: str, first_day: str | None, last_day: str | None) -> Incomplete:
    first, last = (None if day is None else date.fromisoformat(day) for day in (first_day, last_day))
    return Incomplete(reason, advice, first, last)


def write_error(folder: Path, *, error_class: str, message: str) -> None:
    """Say why a read was not completed; the message holds no client data."""
    _write_json(folder / "error.json", {"error_class": error_class, "message": message})


def read_error(folder: Path) -> tuple[str, str] | None:
    """Class and message of the error a read ended in; null where it left none."""
    path = folder / "error.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return str(found["error_class"]), str(found["message"])


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, default=date.isoformat), encoding="utf-8")
    os.replace(temporary, path)
