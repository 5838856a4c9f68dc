"""One night's landing: every enabled source is read at once, then landed one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pacekeeper.connector import Connector
from pacekeeper.errors import PacekeeperError
from pacekeeper.home import PracticeHome
from pacekeeper.landing.extract import Extraction, Progress, Request, extract, since_of
from pacekeeper.landing.load import load_source
from pacekeeper.landing.worker import Job
from pacekeeper.ops import SourceRun, StreamState
from pacekeeper.privacy import describe
from pacekeeper.stream import Stream


def land_sources(
    home: PracticeHome, *, run_id: str, as_of: datetime, on_progress: Progress | None = None
) -> list[SourceRun]:
    """Read and land every enabled source; one result per source, also on record in the operational database.

    A source that fails, for whatever reason, is a result with state `failed`; the others are landed all the same.
    Raises ConfigError without the hash secret: nothing is read then.
    """
    home.hash_key()
    home.clear_work()
    home.spool_dir.mkdir(parents=True, mode=0o700)
    ready: dict[str, tuple[Connector[Any], Request]] = {}
    results: list[SourceRun] = []
    for source in home.sources:
        try:
            connector = home.connector(source)
            ready[source] = (connector, _request(home, source, connector.streams, run_id=run_id, as_of=as_of))
        except PacekeeperError as error:
            results.append(_failed(home, run_id, source, type(error).__name__, str(error)))
    for extraction in extract([request for _, request in ready.values()], on_progress=on_progress):
        connector, _ = ready[extraction.source]
        results.append(_land(home, extraction, list(connector.streams), run_id=run_id, as_of=as_of))
    home.clear_work()
    home.ops.add(results)
    return sorted(results, key=lambda result: result.source)


def _request(home: PracticeHome, source: str, streams: Iterable[Stream], *, run_id: str, as_of: datetime) -> Request:
    marks = {state.stream: state.watermark for state in home.ops.rows(StreamState, source=source)}
    since = since_of({s.name: (marks.get(s.name), s.lag.total_seconds()) for s in streams if s.child_of is None})
    job = Job(
        config=str(home.settings.file) if home.settings.file else None,
        run_id=run_id,
        source=source,
        folder=str(home.spool_dir / run_id / source),
        key_path=str(home.key_path),
        as_of=as_of.isoformat(),
        since=since,
    )
    return Request(job, home.sources[source].deadline_minutes * 60)


def _land(
    home: PracticeHome, extraction: Extraction, streams: list[Stream], *, run_id: str, as_of: datetime
) -> SourceRun:
    source = extraction.source
    if extraction.manifest is None:
        return _failed(
            home, run_id, source, extraction.error_class or "FatalError", extraction.message or "", extraction.seconds
        )
    try:
        load_source(
            home.warehouse,
            home.ops,
            folder=extraction.folder,
            manifest=extraction.manifest,
            streams=streams,
            run_id=run_id,
            as_of=as_of,
            work_dir=home.work_dir / run_id,
            rejected_limit=home.sources[source].quarantine_limit,
        )
    except PacekeeperError as error:
        return _failed(home, run_id, source, type(error).__name__, str(error), extraction.seconds)
    except Exception as error:  # noqa: BLE001 - one source's fault stops no other; the text may hold data
        return _failed(home, run_id, source, "FatalError", f"landing failed: {describe(error)}", extraction.seconds)
    return SourceRun(
        run_id=run_id,
        source=source,
        connector=home.sources[source].connector,
        state="ok",
        seconds=extraction.seconds,
        calls=extraction.manifest.calls,
    )


def _failed(
    home: PracticeHome, run_id: str, source: str, error_class: str, message: str, seconds: float = 0.0
) -> SourceRun:
    return SourceRun(
        run_id=run_id,
        source=source,
        connector=home.sources[source].connector,
        state="failed",
        error_class=error_class,
        message=message,
        seconds=seconds,
    )
