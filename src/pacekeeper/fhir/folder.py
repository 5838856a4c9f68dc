"""Reading a folder of FHIR files: NDJSON as raw lines, single resources and Bundles as documents."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pacekeeper.errors import ConfigError
from pacekeeper.fhir.bundle import Entry, entries_of
from pacekeeper.fhir.lines import decoded, without
from pacekeeper.stream import JsonLines, Page, Rejected, Stream

#: Bytes read at once; a page holds the lines of one block.
BLOCK_BYTES = 16 << 20
_NEWLINE = ord("\n")
#: A line with its end that is no longer may be blank; any longer one counts as a document.
_BLANK_BYTES = 3
_LINES = {".ndjson", ".jsonl"}
_TYPE_IN_NAME = re.compile(r"(?:^|[^A-Za-z])([A-Z][a-z]+(?:[A-Z][a-z]+)*)(?=[^A-Za-z]|$)")
_TYPE_IN_TEXT = re.compile(r'"resourceType"\s*:\s*"([A-Za-z]+)"')


@dataclass
class FolderReader:
    """Hands the files of one folder over as pages of raw documents, one pass for all streams.

    An NDJSON file whose name holds a resource type (`Patient.ndjson`, `Patient.000.ndjson`, `export_Patient.ndjson`)
    is handed over line by line unparsed; any other is parsed and its lines go where their `resourceType` says. A line
    or file that is no JSON is handed over as it is, so that the boundary rejects it, with its line number. Documents
    of a mixed file or a Bundle are numbered among those of their type in that file.
    skipped: files and records nobody asked for, by reason (`not_fhir`, or `type <resource type>`).
    """

    folder: Path
    streams: Sequence[Stream]
    skipped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._by_type: dict[str, list[Stream]] = {}
        for stream in self.streams:
            if stream.child_of is None and stream.resource_type is not None:
                self._by_type.setdefault(stream.resource_type, []).append(stream)

    def files(self) -> list[Path]:
        """NDJSON and JSON files of the folder, by name. Raises ConfigError where there is no such folder."""
        if not self.folder.is_dir():
            raise ConfigError(f"folder {str(self.folder)!r} does not exist or is no folder: correct `folder`")
        return sorted(p for p in self.folder.iterdir() if p.is_file() and p.suffix.lower() in {*_LINES, ".json"})

    def pages(self) -> Iterator[Page]:
        """Every page of the folder."""
        for file in self.files():
            if file.suffix.lower() in _LINES:
                yield from self._lines(file)
            else:
                yield from self._json(file)

    def _lines(self, file: Path) -> Iterator[Page]:
        named = next((kind for kind in _TYPE_IN_NAME.findall(file.stem) if kind in self._by_type), None)
        if named is None:
            yield from self._mixed_lines(file)
            return
        with file.open("rb") as lines:
            for documents, first_line in _blocks(lines):
                rows = JsonLines(documents, origin=file.name, first_line=first_line)
                for stream in self._by_type[named]:
                    yield Page(stream.name, rows)

    def _mixed_lines(self, file: Path) -> Iterator[Page]:
        """Lines of a file whose name names no type. A line that is no JSON goes with the line before it."""
        last = self._first_type(file)
        if last is None:
            self.skipped["not_fhir"] += 1
            return
        if last not in self._by_type and last in _TYPE_IN_NAME.findall(file.stem):
            self.skipped[f"type {last}"] += 1
            return
        with file.open("rb") as lines:
            seen: Counter[str] = Counter()
            for documents, first_line in _blocks(lines):
                batch = _Batch()
                for number, line in enumerate(documents.to_pylist(), first_line):
                    text = str(line)
                    kind = _type_of_document(text)
                    if kind == "Bundle":
                        batch.extend(entries_of(orjson.loads(text)))
                    elif kind is None:
                        yield from self._broken(last, text, file.name, number)
                    else:
                        batch.extend([Entry(kind, text)])
                        last = kind
                yield from self._pages(batch, file.name, seen)

    def _first_type(self, file: Path) -> str | None:
        """Resource type of the file's first FHIR line; null when it has none."""
        with file.open("rb") as lines:
            for line in lines:
                kind = _type_of_document(line.decode(errors="replace"))
                if kind is not None:
                    return kind
        return None

    def _json(self, file: Path) -> Iterator[Page]:
        text = file.read_bytes().decode("utf-8-sig", errors="replace")
        try:
            resource = orjson.loads(text)
        except orjson.JSONDecodeError:
            named = next((kind for kind in _TYPE_IN_NAME.findall(file.stem) if kind in self._by_type), None)
            found = _TYPE_IN_TEXT.search(text)
            kind = named or (found[1] if found else None)
            if kind is None:
                self.skipped["not_fhir"] += 1
            else:
                yield from self._broken(kind, text, file.name, 1)
            return
        kind = resource.get("resourceType") if isinstance(resource, Mapping) else None
        if not isinstance(kind, str):
            self.skipped["not_fhir"] += 1
            return
        batch = _Batch()
        batch.extend(entries_of(resource) if kind == "Bundle" else [Entry(kind, text)])
        yield from self._pages(batch, file.name, Counter())

    def _broken(self, kind: str, text: str, origin: str, line: int) -> Iterator[Page]:
        """A document that is no JSON, for the boundary to reject; skipped where nobody asked for its type."""
        if kind not in self._by_type and kind != "Bundle":
            self.skipped[f"type {kind}"] += 1
            return
        rows = JsonLines(pa.array([text], pa.string()), origin=origin, first_line=line)
        for stream in self._by_type.get(kind) or [s for s in self.streams if s.child_of is None][:1]:
            yield Page(stream.name, rows)

    def _pages(self, batch: _Batch, origin: str, seen: Counter[str]) -> Iterator[Page]:
        """Pages of a batch. seen: documents of the same file that came before, by type."""
        unreadable = batch.documents.pop("", [])
        if unreadable:
            first = next(s for s in self.streams if s.child_of is None)
            yield Page(first.name, rejected=[Rejected("no_resource", "an entry of a Bundle")] * len(unreadable))
        for kind, found in batch.documents.items():
            if kind not in self._by_type:
                self.skipped[f"type {kind}"] += len(found)
                continue
            rows = JsonLines(pa.array(found, pa.string()), origin=origin, first_line=seen[kind] + 1)
            seen[kind] += len(found)
            for stream in self._by_type[kind]:
                yield Page(stream.name, rows)
        for kind, ids in batch.deleted.items():
            for stream in self._by_type.get(kind, ()):
                yield Page(stream.name, deleted=ids)


@dataclass
class _Batch:
    """Documents, and deleted ids, by resource type."""

    documents: dict[str, list[str]] = field(default_factory=dict)
    deleted: dict[str, list[str]] = field(default_factory=dict)

    def extend(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.deleted is not None:
                self.deleted.setdefault(entry.resource_type, []).append(entry.deleted)
            elif entry.document is not None:
                self.documents.setdefault(entry.resource_type, []).append(entry.document)


def _type_of_document(text: str) -> str | None:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    kind = document.get("resourceType") if isinstance(document, Mapping) else None
    return kind if isinstance(kind, str) else None


def _blocks(lines: BinaryIO, size: int = BLOCK_BYTES) -> Iterator[tuple[pa.StringArray, int]]:
    """Lines of a file as text arrays with the number of the first; blank lines are left out, nothing is parsed."""
    number, rest = 1, b""
    while block := lines.read(size):
        text = rest + block
        end = text.rfind(b"\n") + 1
        rest = text[end:]
        if end:
            documents = _lines_of(text, end, is_first=number == 1)
            yield from _without_blank(documents, number)
            number += len(documents)
    if rest.strip():
        yield from _without_blank(_lines_of(rest, len(rest), is_first=number == 1), number)


def _lines_of(text: bytes, end: int, *, is_first: bool) -> pa.StringArray:
    """The lines before `end`, each with its newline, as an array over the very bytes that were read."""
    start = 3 if is_first and text.startswith(b"\xef\xbb\xbf") else 0
    ends = np.flatnonzero(np.frombuffer(text, np.uint8, count=end) == _NEWLINE) + 1
    if not len(ends) or ends[-1] != end:
        ends = np.append(ends, end)
    offsets = np.concatenate(([start], ends)).astype(np.int32)
    documents = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text))
    try:
        documents.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([decoded(text[a:b]) for a, b in itertools.pairwise(offsets)], pa.string())
    return documents


def _without_blank(documents: pa.StringArray, first_line: int) -> Iterator[tuple[pa.StringArray, int]]:
    lengths = pc.binary_length(documents).to_numpy()
    blank = [int(i) for i in np.flatnonzero(lengths <= _BLANK_BYTES) if not documents[int(i)].as_py().strip()]
    yield from without(documents, blank, first_line)
