"""One night's landing: every enabled source is read at once, and landed as soon as its read has ended."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from pacekeeper.engine.made import digest, made_from
from pacekeeper.errors import PacekeeperError
from pacekeeper.fingerprint import code_fingerprint, plugin_fingerprint
from pacekeeper.home import PracticeHome
from pacekeeper.landing.erased import drop_erased
from pacekeeper.landing.extract import Extraction, Extractor, Progress, Request, extract, since_of
from pacekeeper.landing.fingerprint import changed, fingerprints
from pacekeeper.landing.load import complete_again, load_source
from pacekeeper.landing.spool import Manifest
from pacekeeper.landing.versions import schema_of
from pacekeeper.landing.worker import Job
from pacekeeper.ops import SourceRun, StreamRun, StreamState
from pacekeeper.ops.erasure_tables import ErasedKey
from pacekeeper.privacy import describe, plugin_border
from pacekeeper.stream import Stream

_log = logging.getLogger(__name__)
_UNCHANGED = "its content is as it was at the last read"
#: What reads, beside the code of connectors.
_READING = tuple(f"pacekeeper.{name}" for name in ("columns", "fhir", "hl7v2", "landing", "privacy", "stream", "x12"))


@dataclass(frozen=True)
class Ready:
    """A source that can be read. fingerprints: by stream, what this read is made by."""

    streams: Sequence[Stream]
    fingerprints: dict[str, str]
    request: Request


def land_sources(
    home: PracticeHome,
    *,
    run_id: str,
    as_of: datetime,
    on_progress: Progress | None = None,
    extractor: Extractor = extract,
) -> list[SourceRun]:
    """Read and land every enabled source; one result per source, on record as soon as the source has been landed.

    A source that fails, for whatever reason, is a result with state `failed`; the others are landed all the same, and
    none waits for one that takes longer. Raises ConfigError without the hash secret: nothing is read then. extractor:
    what reads the sources, in processes of their own unless a test says otherwise.
    """
    home.hash_key()
    home.clear_work()
    home.spool_dir.mkdir(parents=True, mode=0o700)
    ready: dict[str, Ready] = {}
    results: list[SourceRun] = []
    marks = _marks(home)
    for source in home.sources:
        try:
            ready[source] = prepare(home, source, run_id=run_id, as_of=as_of, mark=marks.get(source))
        except PacekeeperError as error:
            results.append(failed_read(home, run_id, source, type(error).__name__, str(error)))
    home.ops.add(results)
    with closing(extractor([found.request for found in ready.values()], on_progress=on_progress)) as extractions:
        for extraction in extractions:
            result = land_extraction(home, extraction, ready[extraction.source], run_id=run_id, as_of=as_of)
            home.ops.add([result])
            results.append(result)
            shutil.rmtree(extraction.folder, ignore_errors=True)
    home.clear_work()
    return sorted(results, key=lambda result: result.source)


def _marks(home: PracticeHome) -> dict[str, str]:
    """By source the mark of its last good read, where it had one; none where there is no warehouse."""
    if not home.warehouse.path.exists():
        return {}
    with home.warehouse.connect() as connection:
        found = {source: made_from(connection, schema_of(source)) for source in home.sources}
    return {source: mark for source, mark in found.items() if mark is not None}


def prepare(
    home: PracticeHome,
    source: str,
    *,
    run_id: str,
    as_of: datetime,
    mark: str | None = None,
    window: tuple[datetime, datetime] | None = None,
) -> Ready:
    """What is needed to read a source. mark: of its last good read. window: of a backfill, from and before.

    Raises ConfigError and PluginError.
    """
    settings = home.sources[source]
    connector = home.connector(source)
    with plugin_border(source, settings.connector):
        streams = list(connector.streams)
        made_by = fingerprints(connector)
    job = Job(
        config=str(home.settings.file) if home.settings.file else None,
        run_id=run_id,
        source=source,
        folder=str(home.spool_dir / run_id / source),
        key_path=str(home.key_path),
        as_of=as_of.isoformat(),
        since=_since(home, source, streams, made_by) if window is None else _begins(streams, window[0]),
        checkpoint_path=str(home.checkpoint_path(source if window is None else f"{source}.backfill")),
        made_by=digest(
            made_by, plugin_fingerprint(type(connector)), code_fingerprint(_READING), settings.quarantine_limit
        ),
        mark=mark if window is None and _is_read(home, source, made_by) else None,
        before=None if window is None else window[1].isoformat(),
    )
    return Ready(streams, made_by, Request(job, settings.deadline_minutes * 60, settings.account))


def _is_read(home: PracticeHome, source: str, made_by: dict[str, str]) -> bool:
    """Whether every stream has been read completely as it would be read now, and nobody asked to read it once more."""
    states = {state.stream: state for state in home.ops.rows(StreamState, source=source)}
    found = [states.get(name) for name in made_by]
    return all(
        state is not None and state.complete_through is not None and state.fingerprint == made_by[state.stream]
        for state in found
    )


def _since(home: PracticeHome, source: str, streams: Sequence[Stream], made_by: dict[str, str]) -> dict[str, str]:
    """Where each stream's read starts; a stream that is now made by something else is read whole, and logged."""
    states = {state.stream: state for state in home.ops.rows(StreamState, source=source)}
    marks: dict[str, tuple[datetime | None, float]] = {}
    for stream in streams:
        state = states.get(stream.name)
        if stream.child_of is not None or state is None or state.watermark is None:
            continue
        if why := changed(state.fingerprint, made_by[stream.name]):
            _log.info("stream read whole", extra={"source": source, "stream": stream.name, "reason": why})
        else:
            marks[stream.name] = state.watermark, stream.lag.total_seconds()
    return since_of(marks)


def _begins(streams: Sequence[Stream], moment: datetime) -> dict[str, str]:
    """Where a backfill's read of each stream starts; one that has no cursor is read whole."""
    return {s.name: moment.isoformat() for s in streams if s.child_of is None and s.cursor is not None}


def land_extraction(
    home: PracticeHome, extraction: Extraction, ready: Ready, *, run_id: str, as_of: datetime
) -> SourceRun:
    """Load what was read of a source; a failure of either is the result, not yet on record."""
    source = extraction.source
    if extraction.manifest is None:
        return failed_read(
            home, run_id, source, extraction.error_class or "FatalError", extraction.message or "", extraction.seconds
        )
    began = time.monotonic()
    if extraction.manifest.is_unchanged:
        complete_again(home.ops, source, run_id=run_id, as_of=as_of)
        _log.info("source not read", extra={"source": source, "reason": _UNCHANGED})
        return _read(home, run_id, extraction, message=_UNCHANGED)
    try:
        _leave_out_erased(home, extraction, ready.streams)
        ledger = load_source(
            home.warehouse,
            home.ops,
            folder=extraction.folder,
            manifest=extraction.manifest,
            streams=ready.streams,
            run_id=run_id,
            as_of=as_of,
            work_dir=home.work_dir / run_id,
            rejected_limit=home.sources[source].quarantine_limit,
            fingerprints=ready.fingerprints,
            is_backfill=ready.request.job.before is not None,
        )
    except PacekeeperError as error:
        return failed_read(home, run_id, source, type(error).__name__, str(error), extraction.seconds)
    except Exception as error:  # noqa: BLE001 - one source's fault stops no other; the text may hold data
        return failed_read(home, run_id, source, "FatalError", f"landing failed: {describe(error)}", extraction.seconds)
    for row in ledger:
        _tell(row, seconds=extraction.seconds + time.monotonic() - began)
    _tell_remarks(extraction.manifest)
    return _read(home, run_id, extraction)


def _leave_out_erased(home: PracticeHome, extraction: Extraction, streams: Sequence[Stream]) -> None:
    """Take clients who were erased out of what was read; their new keys are remembered before the rest lands."""
    tombstones = {row.tombstone for row in home.ops.rows(ErasedKey)}
    if tombstones and extraction.manifest is not None:
        new = drop_erased(extraction.folder, extraction.manifest, streams, tombstones=tombstones, key=home.hash_key())
        home.ops.add(ErasedKey(tombstone=tombstone) for tombstone in new)


def _read(home: PracticeHome, run_id: str, extraction: Extraction, *, message: str | None = None) -> SourceRun:
    return SourceRun(
        run_id=run_id,
        source=extraction.source,
        connector=home.sources[extraction.source].connector,
        state="ok",
        message=message,
        seconds=extraction.seconds,
        calls=0 if extraction.manifest is None else extraction.manifest.calls,
    )


def _tell(row: StreamRun, *, seconds: float) -> None:
    """The log line of a stream. seconds: read and load of its whole source, whose streams are read in one go."""
    _log.info(
        "stream loaded",
        extra={
            "source": row.source,
            "stream": row.stream,
            "read": row.read,
            "kept": row.inserted + row.updated + row.unchanged,
            "rejected": row.rejected,
            "suspect": row.suspect,
            "seconds": round(seconds, 1),
        },
    )


def _tell_remarks(manifest: Manifest) -> None:
    """What the connector says about the read, and what the read lacks."""
    for stream, counts in manifest.streams.items():
        for note in counts.notes:
            _log.warning("stream noted", extra={"source": manifest.source, "stream": stream, "note": note})
        for gap in counts.incomplete:
            days = {"first_day": str(gap.first_day), "last_day": str(gap.last_day)}
            found = {"source": manifest.source, "stream": stream, "reason": gap.reason, **days, "todo": gap.advice}
            _log.warning("stream incomplete", extra=found)


def failed_read(
    home: PracticeHome, run_id: str, source: str, error_class: str, message: str, seconds: float = 0.0
) -> SourceRun:
    """The result of a source that could not be read or landed."""
    return SourceRun(
        run_id=run_id,
        source=source,
        connector=home.sources[source].connector,
        state="failed",
        error_class=error_class,
        message=message,
        seconds=seconds,
    )
