"""One source's extraction, in a process of its own: `python -m pacekeeper.landing.worker`, job on standard input.

It never opens the warehouse. Standard output carries one JSON line per step, for progress; what a plugin prints goes
nowhere. It ends when standard input closes, because then nobody waits for it any more.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pacekeeper.errors import PacekeeperError, PluginError
from pacekeeper.stream import Stream, Window

if TYPE_CHECKING:
    from pacekeeper.landing.boundary import Boundary
    from pacekeeper.registry import Builder


@dataclass(frozen=True)
class Job:
    """What a worker is told. since: ISO instants by stream, lag already taken off; a stream left out is read whole.

    checkpoint_path: where an interrupted read leaves how it is taken up; null = nowhere. made_by: digest of the code
    and settings that read. mark: that of the last good read; null = the source is read whatever it holds.
    before: of a backfill, the end of its window; such a read is never the whole truth.
    """

    config: str | None
    run_id: str
    source: str
    folder: str
    key_path: str
    as_of: str
    since: Mapping[str, str]
    checkpoint_path: str | None = None
    made_by: str = ""
    mark: str | None = None
    before: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def run_job(
    job: Job,
    on_progress: Callable[[str, int], None] | None = None,
    *,
    build: Builder | None = None,
    boundary_type: type[Boundary] | None = None,
) -> None:
    """Read the source into its spool folder. Raises what the source raises, scrubbed at the plugin border.

    on_progress: told after every page how many rows of its stream have been read. build: what makes the connector;
    null = the registry. boundary_type: what types and hashes the pages; null = Boundary.
    """
    from pacekeeper import registry
    from pacekeeper.engine.made import digest
    from pacekeeper.landing.boundary import Boundary
    from pacekeeper.landing.checkpoint import read_checkpoint, write_checkpoint
    from pacekeeper.landing.spool import Manifest, SpoolWriter, stream_manifest, write_manifest
    from pacekeeper.privacy import guarded, load_hash_key, plugin_border
    from pacekeeper.settings import load_settings

    started = time.monotonic()
    as_of = datetime.fromisoformat(job.as_of)
    settings = load_settings(Path(job.config) if job.config else None)
    source = settings.sources[job.source]
    key = load_hash_key(Path(job.key_path))
    build = build or registry.build_source
    connector = build(job.source, source, settings, lambda: datetime.now(UTC))
    with plugin_border(job.source, source.connector):
        streams = list(connector.streams)
    folder = Path(job.folder)
    spool = SpoolWriter(folder, streams, batch_id=job.run_id, as_of=as_of)
    boundary = (boundary_type or Boundary)(
        streams, source=job.source, key=key, default_tz=source.default_tz, sink=spool
    )
    since = {name: datetime.fromisoformat(text) for name, text in job.since.items()}
    top_level = [stream for stream in streams if stream.child_of is None]
    whole = any(stream.name not in since for stream in top_level)
    kept = Path(job.checkpoint_path) if job.checkpoint_path else None
    window = Window(
        since=None if whole else min(since.values(), default=None),
        until=as_of,
        per_stream=since,
        resume={} if kept is None else read_checkpoint(kept),
        before=None if job.before is None else datetime.fromisoformat(job.before),
    )
    with plugin_border(job.source, source.connector):
        content = None if job.before is not None else connector.content_mark(window)
    mark = None if content is None or window.resume else digest(job.made_by, key.key_id, content)
    if mark is not None and mark == job.mark:
        write_manifest(folder, Manifest(job.source, key.key_id, {}, mark=mark, is_unchanged=True))
        return
    watermarks: dict[str, datetime] = {}
    #: What the source says about the completeness of a read, where it is not what the window asked for.
    whole_streams: dict[str, bool] = {}
    with plugin_border(job.source, source.connector):
        pages = connector.read(_asked(streams, since, is_backfill=job.before is not None), window)
    for page in guarded(pages, source=job.source, connector=source.connector):
        boundary.add(page)
        if page.checkpoint is not None and kept is not None:
            write_checkpoint(kept, page.checkpoint, connector=source.connector)
        if page.watermark is not None:
            if page.watermark.tzinfo is None:
                raise PluginError(
                    connector=source.connector,
                    reason=f"a page of stream {page.stream} has a watermark without a time zone",
                    fix="yield aware datetimes",
                )
            # The first page's time: what changed while the others were read is asked for again.
            watermarks.setdefault(page.stream, page.watermark)
        if page.is_whole is not None:
            whole_streams[page.stream] = page.is_whole and whole_streams.get(page.stream, True)
        if on_progress is not None:
            on_progress(page.stream, boundary.counts[page.stream].read + boundary.waiting(page.stream))
    boundary.close()
    http = connector.http_or_none
    parents = {stream.name: stream.child_of for stream in streams}
    write_manifest(
        folder,
        Manifest(
            source=job.source,
            key_id=key.key_id,
            streams={
                stream.name: stream_manifest(
                    boundary.counts[stream.name],
                    watermark=watermarks.get(stream.name),
                    was_full=job.before is None
                    and whole_streams.get(_root(stream.name, parents), _root(stream.name, parents) not in since),
                )
                for stream in streams
            },
            seconds=time.monotonic() - started,
            calls=http.calls if http is not None else 0,
            mark=mark,
        ),
    )


def _asked(streams: Sequence[Stream], since: Mapping[str, datetime], *, is_backfill: bool) -> list[Stream]:
    """What is read: everything; of a backfill what has a cursor, where anything has. The rest is read every night."""
    parents = {stream.name: stream.child_of for stream in streams}
    with_cursor = [stream for stream in streams if _root(stream.name, parents) in since]
    return with_cursor if is_backfill and with_cursor else list(streams)


def _root(name: str, parents: Mapping[str, str | None]) -> str:
    while (parent := parents[name]) is not None:
        name = parent
    return name


def main() -> int:
    """Run the job on standard input; 0 when the read is complete, else 1 with the reason in error.json."""
    from pacekeeper.landing.spool import write_error
    from pacekeeper.log import configure_logging
    from pacekeeper.privacy import describe

    told, progress = _own_pipes()
    job = Job(**json.loads(_first_line(told)))
    threading.Thread(target=_end_with, args=(told,), daemon=True).start()
    configure_logging(json=True, level="WARNING")

    def tell(stream: str, rows: int) -> None:
        progress.write(json.dumps({"source": job.source, "stream": stream, "rows": rows}) + "\n")
        progress.flush()

    try:
        run_job(job, tell)
    except PacekeeperError as error:
        write_error(Path(job.folder), error_class=type(error).__name__, message=str(error))
    except Exception as error:  # noqa: BLE001 - a process border: class and place are kept, the text may hold data
        write_error(Path(job.folder), error_class="FatalError", message=f"source {job.source}: {describe(error)}")
    else:
        return 0
    return 1


def _own_pipes() -> tuple[int, IO[str]]:
    """Standard input and output under numbers of our own; whoever reads or writes the usual ones meets /dev/null."""
    told, progress = os.dup(0), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return told, progress


def _first_line(told: int) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (more := os.read(told, 65536)):
        line += more
    return line


def _end_with(told: int) -> None:
    """End this process when the one that started it is gone."""
    os.read(told, 1)
    os._exit(1)


if __name__ == "__main__":
    # Not sys.exit: a thread that a plugin left behind must not keep a complete read waiting.
    os._exit(main())
