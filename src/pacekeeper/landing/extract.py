"""Extraction of every source at once, each in its own process with a deadline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from pacekeeper.landing.spool import Manifest, read_error, read_manifest
from pacekeeper.landing.worker import Job

#: Told while a source is read: source, stream, rows so far.
Progress = Callable[[str, str, int], None]
_CONCURRENT = 4


@dataclass(frozen=True)
class Extraction:
    """How one source's read ended: with a manifest, or with an error class and a message for the operator."""

    source: str
    folder: Path
    seconds: float
    manifest: Manifest | None = None
    error_class: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Request:
    """One source to read. deadline_seconds: the process is killed then."""

    job: Job
    deadline_seconds: float


def extract(requests: Sequence[Request], *, on_progress: Progress | None = None) -> list[Extraction]:
    """Read every source; a source that fails, hangs or dies is told in its own result and stops no other."""
    if not requests:
        return []
    with ThreadPoolExecutor(max_workers=min(_CONCURRENT, len(requests))) as pool:
        return list(pool.map(lambda request: _extract_one(request, on_progress), requests))


def since_of(streams: Mapping[str, tuple[datetime | None, float]]) -> dict[str, str]:
    """ISO instants a read starts from, by stream: watermark less lag (seconds); streams without one are left out."""
    return {
        name: datetime.fromtimestamp(mark.timestamp() - lag, tz=mark.tzinfo).isoformat()
        for name, (mark, lag) in streams.items()
        if mark is not None
    }


def _extract_one(request: Request, on_progress: Progress | None) -> Extraction:
    job = request.job
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pacekeeper.landing.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a plugin may print what it reads
        text=True,
        start_new_session=True,
    )
    expired = threading.Event()
    timer = threading.Timer(request.deadline_seconds, _kill, (process, expired))
    timer.start()
    try:
        _tell(process.stdin, job)
        _follow(process.stdout, on_progress)
        process.wait()
    finally:
        timer.cancel()
        _kill_group(process)
    seconds = time.monotonic() - started
    if expired.is_set():
        return Extraction(
            job.source,
            folder,
            seconds,
            error_class="FatalError",
            message=f"source {job.source}: stopped at its deadline of {request.deadline_seconds / 60:g} minutes; "
            "raise deadline_minutes, or find out why it hangs with `pacekeeper check`",
        )
    manifest = read_manifest(folder)
    if process.returncode == 0 and manifest is not None:
        return Extraction(job.source, folder, seconds, manifest=manifest)
    error_class, message = read_error(folder) or (
        "FatalError",
        f"source {job.source}: its process ended with code {process.returncode} and left no reason",
    )
    return Extraction(job.source, folder, seconds, error_class=error_class, message=message)


def _tell(stdin: IO[str] | None, job: Job) -> None:
    if stdin is not None:
        try:
            stdin.write(job.to_json())
            stdin.close()
        except BrokenPipeError:  # it died at once; its exit code says so
            return


def _follow(stdout: IO[str] | None, on_progress: Progress | None) -> None:
    for line in stdout or ():
        if on_progress is None or not line.startswith("{"):
            continue
        try:
            event = json.loads(line)
            on_progress(str(event["source"]), str(event["stream"]), int(event["rows"]))
        except (ValueError, KeyError, TypeError):  # a plugin printed something of its own
            continue


def _kill(process: subprocess.Popen[str], expired: threading.Event) -> None:
    expired.set()
    _kill_group(process)


def _kill_group(process: subprocess.Popen[str]) -> None:
    """Kill the process and what it started; nothing happens where all of it has ended."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
