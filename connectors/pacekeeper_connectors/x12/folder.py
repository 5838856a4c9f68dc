"""One pass over a folder of X12 files: records as pages, and what could not be read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from pacekeeper.errors import ConfigError
from pacekeeper.stream import JsonLines, Page, Rejected
from pacekeeper.x12 import Document, Faulty, SetFault, TransactionSet, kind_of, read_set, scan
from pacekeeper_connectors.x12.streams import NOT_READ, TRANSACTION

PAGE_ROWS = 5_000
_CONTROL = re.compile(r"[A-Za-z0-9]{1,14}")
_NAME_CHARACTERS = re.compile(r"[^A-Za-z0-9._ -]")
_LONGEST_NAME = 120
#: Where the date and time are in an ISA of the usual width.
_SENT = slice(70, 81)


@dataclass
class FolderReader:
    """Reads every file of a folder, in the order in which the files were sent (ISA09, ISA10), then by name.

    files: glob. include_test: read interchanges that are marked as test (ISA15 = T), too.
    has_zone: whether there is a zone in which local times can be read.
    """

    folder: Path
    files: str
    include_test: bool
    has_zone: bool
    _seen: dict[str, bytes] = field(default_factory=dict)

    def found_files(self) -> list[Path]:
        """Raises ConfigError where there is no such folder."""
        if not self.folder.is_dir():
            raise ConfigError(f"folder {str(self.folder)!r} does not exist or is no folder: correct `folder`")
        found = [p for p in self.folder.glob(self.files) if p.is_file() and not p.name.startswith(".")]
        return sorted(found, key=lambda file: (_sent(file), file.name))

    def pages(self) -> Iterator[Page]:
        for path in self.found_files():
            with path.open("rb") as file, path.open("rb") as contents:
                for unit in scan(file):
                    yield from self._pages_of(contents, path.name, unit)

    def _pages_of(self, contents: BinaryIO, name: str, unit: TransactionSet | Faulty) -> Iterator[Page]:
        if isinstance(unit, Faulty):
            yield _rejected(unit.reason, name, unit)
            return
        kind = kind_of(unit)
        if kind is None or (unit.interchange.is_test and not self.include_test):
            yield Page(TRANSACTION.name, [_transaction(unit, NOT_READ)])
            return
        before = self._seen.get(unit.identity)
        if before not in {None, unit.digest}:
            yield _rejected("control_number_reused", name, unit)
            return
        if before is None:
            try:
                yield from _batches(read_set(contents, unit, kind, has_zone=self.has_zone))
            except SetFault as fault:
                yield _rejected(fault.reason, name, unit)
                return
            self._seen[unit.identity] = unit.digest
        # The same set again is a duplicate of this record; its contents have been handed over.
        yield Page(TRANSACTION.name, [_transaction(unit, kind)])


def _batches(documents: Iterator[Document]) -> Iterator[Page]:
    waiting: defaultdict[str, list[bytes]] = defaultdict(list)
    for stream, document in documents:
        found = waiting[stream]
        found.append(document)
        if len(found) >= PAGE_ROWS:
            yield _page(stream, waiting.pop(stream))
    for stream, found in waiting.items():
        yield _page(stream, found)


def _page(stream: str, documents: Sequence[bytes]) -> Page:
    return Page(stream, JsonLines(pa.array(documents, pa.string()), origin=stream))


def _transaction(unit: TransactionSet, kind: str) -> dict[str, Any]:
    day = unit.sent_on
    return {
        "id": unit.identity,
        "kind": kind,
        "version": unit.version,
        "sent_on": f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == len("CCYYMMDD") else None,
        "segments": unit.segments,
    }


def _rejected(reason: str, name: str, unit: TransactionSet | Faulty) -> Page:
    """A locator of file name, control number and byte; a control number of another form is left out."""
    control = unit.control if unit.control and _CONTROL.fullmatch(unit.control) else None
    place = f" control number {control}" if control else ""
    file = _NAME_CHARACTERS.sub("_", name)[:_LONGEST_NAME]
    return Page(TRANSACTION.name, rejected=[Rejected(reason, f"{file}{place} byte {unit.start}")])


def _sent(file: Path) -> str:
    """Date and time of a file's first interchange, as text that sorts; empty where they are not at their place."""
    with file.open("rb") as opened:
        text = opened.read(_SENT.stop)[_SENT].decode("latin-1")
    day, _, time = text[:6], text[6:7], text[7:]
    return day + time if (day + time).isdigit() else ""


def described(files: Sequence[Path]) -> str:
    """How many files of how many bytes there are."""
    return f"{len(files)} files, {sum(file.stat().st_size for file in files):,} bytes"
