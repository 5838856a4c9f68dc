"""Reading a FHIR server by Bulk Data export: one export serves every stream."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import httpx
import orjson
import pyarrow as pa

from pacekeeper.errors import ConfigError, DataError, FatalError, RetryableError
from pacekeeper.fhir.bundle import UNREADABLE, entries_of
from pacekeeper.fhir.export_files import FileReader
from pacekeeper.fhir.export_job import ExportJob, ExportSpentError, Progress
from pacekeeper.fhir.kept_job import KeptJob, asked_for
from pacekeeper.fhir.lines import documents_of
from pacekeeper.fhir.manifest import ExportFile, Manifest
from pacekeeper.fhir.parts import parts
from pacekeeper.fhir.rest import BEGINNING
from pacekeeper.fhir.stamps import all_since, stamps_in, without_stamp
from pacekeeper.stream import Incomplete, JsonLines, Page, Stream

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient

_log = logging.getLogger(__name__)
_PARTIAL = Incomplete("partial_export", "the server could not export everything: ask whoever runs the EHR why")


@dataclass
class ExportReader:
    """Exports of one server.

    path: where an export is asked for (`$export`, `Patient/$export`, `Group/<id>/$export`). partial: what happens when
    the server says that a part failed; see FhirSettings. skipped: files nobody asked for, and remarks of the server,
    by reason.

    An export that is interrupted, or not ready in time, is not asked for again: the next read takes up its job, reads
    its files, and asks for what has changed since it began. Files that the interrupted read has read come again, as
    nothing of that read has landed. Kept of a job is its address alone (see KeptJob): a manifest may hold signatures.
    Within a read a file whose connection breaks is taken up where it broke.
    """

    http: SourceClient
    source: str
    base_url: str
    path: str
    wait_seconds: float
    partial: Literal["refuse", "keep"] = "refuse"
    skipped: Counter[str] = field(default_factory=Counter)
    rows_by_type: Counter[str] = field(default_factory=Counter, init=False)

    def pages(
        self, streams: Sequence[Stream], *, since: datetime | None, resume: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[Page]:
        """Pages of every stream, and one without rows for each at the end, with the watermark.

        A page without rows comes as soon as the job is there, with the checkpoint, and for every answer that the server
        is still at work. since: null = everything. resume: the checkpoint of a read that was interrupted.
        """
        by_type: dict[str, list[Stream]] = {}
        for stream in streams:
            if stream.child_of is None and stream.resource_type is not None:
                by_type.setdefault(stream.resource_type, []).append(stream)
        base = httpx.URL(self.base_url)
        asked = asked_for(base, self.path, sorted(by_type), since)
        kept = KeptJob.of(resume, base=base, asked=asked)
        job = ExportJob(self.http, self.source, self.wait_seconds, kept)
        reading = _Reading(self, job, by_type, FileReader(self.http, self.source))
        over = Page(next(iter(by_type.values()))[0].name, checkpoint={})
        try:
            yield from self._read(reading, since, asked)
            if job.is_taken_up:
                yield from self._changes_since(reading)
            self.rows_by_type = reading.seen
            ends = list(self._ends(reading, since))
        except GeneratorExit:  # nobody wants the rest: that is no interruption
            job.cancel()
            raise
        except (ConfigError, DataError, FatalError, ExportSpentError) as error:
            job.cancel()
            yield over
            if isinstance(error, ExportSpentError):
                raise RetryableError(str(error)) from None
            raise
        job.cancel()
        yield from ends
        yield over

    def _read(self, reading: _Reading, since: datetime | None, asked: str | None) -> Iterator[Page]:
        """One export. asked: under which name its job is kept; null where it is not."""
        first = next(iter(reading.by_type.values()))[0].name
        for found in reading.job.manifests(self.path, sorted(reading.by_type), since):
            if isinstance(found, KeptJob):
                yield Page(first, checkpoint=None if asked is None else found.checkpoint(asked))
            elif isinstance(found, Progress):
                _log.info("export under way", extra={"source": self.source, "percent": found.percent})
                yield Page(first)
            else:
                yield from reading.pages(found)

    def _changes_since(self, reading: _Reading) -> Iterator[Page]:
        """What changed after an export that an earlier read asked for: it shows how things were then."""
        job = ExportJob(self.http, self.source, self.wait_seconds)
        later = replace(reading, job=job, files=0, transaction_time=None, _page=-1)
        try:
            yield from self._read(later, reading.shows, None)
        finally:
            job.cancel()
        reading.files += later.files

    def _ends(self, reading: _Reading, since: datetime | None) -> Iterator[Page]:
        problems = reading.problems
        self.skipped.update({f"export {severity}": n for severity, n in problems.items()})
        failed = sum(problems[severity] for severity in ("error", "fatal", "unreadable"))
        is_empty = not reading.files and bool(problems) and (failed or since is None)
        if is_empty or (failed and self.partial == "refuse"):
            counted = ", ".join(f"{n} {severity}" for severity, n in sorted(problems.items()))
            what = "holds nothing but error files" if is_empty else "came with error files"
            raise ExportSpentError(
                f"source {self.source}: the export {what} ({counted}). Nothing of it is landed; run again later, ask "
                "whoever runs the EHR, or set partial_export to keep"
            )
        mark = reading.shows
        if failed:
            mark = since or BEGINNING
        is_whole = None if since is not None and not failed else not failed
        for streams in reading.by_type.values():
            for stream in streams:
                yield Page(stream.name, watermark=mark, is_whole=is_whole, incomplete=(_PARTIAL,) if failed else ())


@dataclass
class _Reading:
    """One export being read. problems: issues in error files by severity; files: output files that came.

    seen: lines by type.
    """

    reader: ExportReader
    job: ExportJob
    by_type: dict[str, list[Stream]]
    files_of: FileReader
    problems: Counter[str] = field(default_factory=Counter)
    files: int = 0
    transaction_time: datetime | None = None
    _page: int = -1
    seen: Counter[str] = field(default_factory=Counter)
    _made_up: dict[str, bool] = field(default_factory=dict)

    @property
    def shows(self) -> datetime | None:
        """The moment that the export shows; null where the server does not say."""
        return self.transaction_time or self.job.started_at

    def pages(self, manifest: Manifest) -> Iterator[Page]:
        """Pages of the files of one manifest."""
        self._page += 1
        if self._page == 0:
            self.transaction_time = manifest.transaction_time
        for place, file in enumerate(manifest.output):
            if file.kind not in self.by_type:
                self.reader.skipped[f"type {file.kind}" if file.kind.isalpha() else "type unknown"] += 1
                continue
            self.files += 1
            yield from self._output(file, manifest, place)
        for place, file in enumerate(manifest.deleted):
            for block, _ in self._blocks("deleted", file, manifest, place):
                yield from self._deletions(block)
        for place, file in enumerate(manifest.error):
            for block, _ in self._blocks("error", file, manifest, place):
                self._count_problems(block)

    def _output(self, file: ExportFile, manifest: Manifest, place: int) -> Iterator[Page]:
        before = self.seen[file.kind]
        for block, first_line in self._blocks("output", file, manifest, place):
            if file.kind not in self._made_up:
                self._made_up[file.kind] = self._is_made_up(block)
            for lines, first in documents_of(block, first_line):
                documents = lines
                if self._made_up[file.kind]:
                    documents = pa.array([without_stamp(str(text)) for text in lines.to_pylist()], pa.string())
                rows = JsonLines(documents, origin=file.kind, first_line=before + first)
                self.seen[file.kind] = before + first + len(lines) - 1
                for stream in self.by_type[file.kind]:
                    yield Page(stream.name, rows)

    def _is_made_up(self, block: bytes) -> bool:
        """Whether every resource claims to have changed after the moment that the export shows."""
        moment = self.shows
        return moment is not None and all_since(stamps_in(block[: 1 << 20].decode(errors="replace")), moment)

    def _deletions(self, block: bytes) -> Iterator[Page]:
        found: dict[str, list[str]] = {}
        for line in block.splitlines():
            try:
                bundle = orjson.loads(line) if line.strip() else {}
            except orjson.JSONDecodeError:
                bundle = None
            if not isinstance(bundle, dict):
                self.problems["unreadable"] += 1
                continue
            for entry in entries_of(bundle):
                if entry.deleted is not None:
                    found.setdefault(entry.resource_type, []).append(entry.deleted)
                elif entry == UNREADABLE:
                    self.problems["unreadable"] += 1
        for kind, ids in found.items():
            for stream in self.by_type.get(kind, ()):
                yield Page(stream.name, deleted=ids)

    def _count_problems(self, block: bytes) -> None:
        for line in block.splitlines():
            if not line.strip():
                continue
            try:
                severities = [str(issue.get("severity")) for issue in parts(orjson.loads(line), "issue")]
            except orjson.JSONDecodeError:
                severities = []
            known = {"fatal", "error", "warning", "information", "success"}
            self.problems.update(s if s in known else "unreadable" for s in severities or ["unreadable"])

    def _blocks(
        self, part: Literal["output", "deleted", "error"], file: ExportFile, manifest: Manifest, place: int
    ) -> Iterator[tuple[bytes, int]]:
        page = self._page

        def renew() -> ExportFile | None:
            again: tuple[ExportFile, ...] = getattr(self.job.again(page), part)
            same = again[place] if place < len(again) else None
            return same if same is not None and same.kind == file.kind else None

        yield from self.files_of.blocks(file, needs_token=manifest.needs_token, renew=renew)
