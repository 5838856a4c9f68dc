"""One source's extraction, in a process of its own: `python -m pacekeeper.landing.worker`, job on standard input.

It never opens the warehouse. Standard output carries one JSON line per step, for progress.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pacekeeper.errors import PacekeeperError
from pacekeeper.stream import Window


@dataclass(frozen=True)
class Job:
    """What a worker is told. since: ISO instants by stream, lag already taken off; a stream left out is read whole."""

    config: str | None
    source: str
    folder: str
    key_path: str
    as_of: str
    since: Mapping[str, str]

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def run_job(job: Job) -> None:
    """Read the source into its spool folder. Raises what the source raises, scrubbed at the plugin border."""
    from pacekeeper import registry
    from pacekeeper.landing.boundary import Boundary
    from pacekeeper.landing.spool import Manifest, SpoolWriter, stream_manifest, write_manifest
    from pacekeeper.privacy import guarded, load_hash_key, plugin_border
    from pacekeeper.settings import load_settings

    started = time.monotonic()
    as_of = datetime.fromisoformat(job.as_of)
    settings = load_settings(Path(job.config) if job.config else None)
    source = settings.sources[job.source]
    key = load_hash_key(Path(job.key_path))
    connector = registry.build_source(job.source, source, settings, clock=lambda: datetime.now(UTC))
    with plugin_border(job.source, source.connector):
        streams = list(connector.streams)
    folder = Path(job.folder)
    boundary = Boundary(streams, source=job.source, key=key, default_tz=source.default_tz, sink=SpoolWriter(folder))
    since = {name: datetime.fromisoformat(text) for name, text in job.since.items()}
    top_level = [stream for stream in streams if stream.child_of is None]
    whole = any(stream.name not in since for stream in top_level)
    window = Window(since=None if whole else min(since.values(), default=None), until=as_of, per_stream=since)
    watermarks: dict[str, datetime] = {}
    for page in guarded(connector.read(streams, window), source=job.source, connector=source.connector):
        boundary.add(page)
        if page.watermark is not None and page.stream in {s.name for s in top_level}:
            # The first page's time: what changed while the others were read is asked for again.
            watermarks.setdefault(page.stream, page.watermark)
        _progress(job.source, page.stream, boundary.counts[page.stream].read + boundary.waiting(page.stream))
    boundary.close()
    http = connector.http_or_none
    write_manifest(
        folder,
        Manifest(
            source=job.source,
            key_id=key.key_id,
            streams={
                stream.name: stream_manifest(
                    boundary.counts[stream.name],
                    watermark=watermarks.get(stream.name),
                    was_full=_root(stream.name, {s.name: s.child_of for s in streams}) not in since,
                )
                for stream in streams
            },
            seconds=time.monotonic() - started,
            calls=http.calls if http is not None else 0,
        ),
    )


def _root(name: str, parents: Mapping[str, str | None]) -> str:
    while (parent := parents[name]) is not None:
        name = parent
    return name


def _progress(source: str, stream: str, rows: int) -> None:
    sys.stdout.write(json.dumps({"source": source, "stream": stream, "rows": rows}) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the job on standard input; 0 when the read is complete, else 1 with the reason in error.json."""
    from pacekeeper.landing.spool import write_error
    from pacekeeper.log import configure_logging
    from pacekeeper.privacy import describe

    configure_logging(json=True, level="WARNING")
    job = Job(**json.loads(sys.stdin.read()))
    try:
        run_job(job)
    except PacekeeperError as error:
        write_error(Path(job.folder), error_class=type(error).__name__, message=str(error))
    except Exception as error:  # noqa: BLE001 - a process border: class and place are kept, the text may hold data
        write_error(Path(job.folder), error_class="FatalError", message=f"source {job.source}: {describe(error)}")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
