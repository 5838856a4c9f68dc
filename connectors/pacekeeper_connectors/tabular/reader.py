"""Every file of a stream, once: duplicates and superseded files told, headers that went away refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from pacekeeper.errors import ConfigError
from pacekeeper.stream import Incomplete
from pacekeeper_connectors.tabular.cells import read_cells
from pacekeeper_connectors.tabular.files import FileStore, FoundFile
from pacekeeper_connectors.tabular.mapping_file import StreamSpec
from pacekeeper_connectors.tabular.period import (
    Period,
    findings,
    newest_last,
    period_of_column,
    period_of_name,
    refuse_gaps,
)
from pacekeeper_connectors.tabular.rows import column_texts
from pacekeeper_connectors.tabular.table_file import TableFile, table_file


@dataclass
class StreamFiles:
    """The files of one stream.

    notes: what a person should know, filled while they are read: files that are the same, files that are superseded.
    until: day of the run, null where it is not known.
    """

    store: FileStore
    stream: str
    spec: StreamSpec
    until: date | None = None
    notes: list[str] = field(default_factory=list)
    _digests: dict[bytes, str] = field(default_factory=dict)
    _seen: dict[str, str] = field(default_factory=dict)
    _periods: list[Period] = field(default_factory=list)

    def found(self) -> list[FoundFile]:
        return self.store.find(self.spec.files)

    def tables(self) -> Iterator[tuple[int, TableFile]]:
        """Tables with the position of their file in the order of names, from 1; the last one read is right.

        Raises ConfigError and DataError, with the file called by stream and position.
        """
        files = self.found()
        labels = {file: self._label(n, len(files)) for n, file in enumerate(files, 1)}
        positions = {file: n for n, file in enumerate(files, 1)}
        for file in self._in_order(files, labels):
            content = self.store.content(file)
            self._note_duplicate(content, labels[file])
            cells = read_cells(content, self.spec, name=file.name, label=labels[file])
            if cells is None:
                continue
            table = table_file(cells, self.spec, label=labels[file])
            self._refuse_drift(table, labels[file])
            self._take_period(table)
            yield positions[file], table

    def missing(self) -> list[Incomplete]:
        """Periods no file covers, once the tables have been read."""
        period = self.spec.period
        return [] if period is None else list(findings(self._periods, period, until=self.until))

    def refuse_early(self) -> None:
        """Raise DataError for gaps, before anything is read, where names tell them and the mapping file says so."""
        period = self.spec.period
        if period is None or period.gaps != "refuse":
            return
        if period.column is not None:
            for _ in self.tables():
                pass
        else:
            files = self.found()
            labels = {file: self._label(n, len(files)) for n, file in enumerate(files, 1)}
            self._in_order(files, labels)
        refuse_gaps(self.stream, self.missing())

    def _label(self, position: int, of: int) -> str:
        return f"stream {self.stream}, file {position} of {of}"

    def _in_order(self, files: list[FoundFile], labels: dict[FoundFile, str]) -> list[FoundFile]:
        """By name; with periods in the names by these, and of two files for one period only the newer."""
        spec = self.spec.period
        if spec is None or spec.file_name is None:
            return files
        ordered = newest_last((file, period_of_name(file.name, spec, label=labels[file])) for file in files)
        self._periods += [period for _, period in ordered]
        newest = {period: file for file, period in ordered}
        chosen = []
        for file, period in ordered:
            if newest[period] is file or self._is_same(file, newest[period]):
                chosen.append(file)
            else:
                self._note(f"{labels[file]} is superseded by {labels[newest[period]]}, which is newer ({period})")
        return chosen

    def _is_same(self, one: FoundFile, other: FoundFile) -> bool:
        return one.size == other.size and self.store.content(one) == self.store.content(other)

    def _note_duplicate(self, content: bytes, label: str) -> None:
        """The rows of a file that is there twice are read twice, so that the ledger counts them as duplicates."""
        if not content:
            return
        first = self._digests.setdefault(hashlib.sha256(content).digest(), label)
        if first != label:
            self._note(f"{label} holds the same as {first}")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _take_period(self, found: TableFile) -> None:
        spec = self.spec.period
        if spec is not None and spec.column is not None and spec.column in found.table.column_names:
            period = period_of_column(column_texts(self.spec, found, spec.column))
            if period is not None:
                self._periods.append(period)

    def _refuse_drift(self, found: TableFile, label: str) -> None:
        """Raise ConfigError where a column went away that an earlier file has; new headers are counted, undeclared."""
        gone = []
        for name, column in self.spec.columns.items():
            if name in found.table.column_names:
                self._seen.setdefault(name, label)
            elif name in self._seen and not column.optional:
                tried = ", ".join(dict.fromkeys([name, *column.headers]))
                gone.append(f"{name} (tried {tried}; {self._seen[name]} has it)")
        if gone:
            raise ConfigError(
                f"{label}: column went away: {'; '.join(gone)}. Add its new header to `headers` in the mapping file, "
                "correct the file, or say `optional = true` where it may be missing"
            )
