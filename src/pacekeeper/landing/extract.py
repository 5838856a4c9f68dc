"""Extraction of every source at once, each in its own process with a deadline."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from pacekeeper.landing.spool import Manifest, read_error, read_manifest
from pacekeeper.landing.worker import Job

#: Told while a source is read: source, stream, rows so far.
Progress = Callable[[str, str, int], None]
#: Every source has a process of its own from the start, so that one that hangs keeps none waiting. A process mostly
#: waits for its vendor; what it costs is memory, about 150 MB, which is why there are never more than this many.
_MOST_AT_ONCE = 16


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
    """One source to read. deadline_seconds: its process is killed then. account: null = nobody else's."""

    job: Job
    deadline_seconds: float
    account: str | None = None


class Extractor(Protocol):
    """Reads sources, as `extract` does."""

    def __call__(
        self, requests: Sequence[Request], *, on_progress: Progress | None = None
    ) -> Generator[Extraction, None, None]: ...


def extract(requests: Sequence[Request], *, on_progress: Progress | None = None) -> Generator[Extraction, None, None]:
    """Read every source at once; what one came to is handed over as soon as it has ended, in no particular order.

    Sources of one account are read one after another, in the order of the requests.
    A source that fails, hangs or dies is told in its own result and stops no other. Interrupted, or closed before its
    end, it kills what it started first.
    """
    if not requests:
        return
    workers = _Workers()
    with ThreadPoolExecutor(max_workers=min(_MOST_AT_ONCE, len(requests))) as pool:
        queues = _by_account(requests)
        running = {pool.submit(_extract_one, queue.popleft(), workers, on_progress): queue for queue in queues}
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    if queue := running.pop(future):
                        running[pool.submit(_extract_one, queue.popleft(), workers, on_progress)] = queue
                    yield future.result()
        except BaseException:
            workers.stop()
            raise


def since_of(streams: Mapping[str, tuple[datetime | None, float]]) -> dict[str, str]:
    """ISO instants a read starts from, by stream: watermark less lag (seconds); streams without one are left out."""
    return {
        name: datetime.fromtimestamp(mark.timestamp() - lag, tz=mark.tzinfo).isoformat()
        for name, (mark, lag) in streams.items()
        if mark is not None
    }


def _by_account(requests: Sequence[Request]) -> list[deque[Request]]:
    """Requests that must not be read at once, together; no queue is empty."""
    queues: dict[tuple[str | None, str], deque[Request]] = {}
    for request in requests:
        key = (request.account, "" if request.account is not None else request.job.source)
        queues.setdefault(key, deque()).append(request)
    return list(queues.values())


class _Workers:
    """The processes that are running; none starts after `stop`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[str]] = []
        self._is_stopped = False

    def start(self) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._is_stopped:
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "pacekeeper.landing.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a plugin may print what it reads
                text=True,
                start_new_session=True,
            )
            self._running.append(process)
            return process

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill the process and what it started, and wait for it."""
        with self._lock:
            if process in self._running:
                self._running.remove(process)
                _kill_group(process)
        process.wait()

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            for process in self._running:
                _kill_group(process)


def _extract_one(request: Request, workers: _Workers, on_progress: Progress | None) -> Extraction:
    job = request.job
    folder = Path(job.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    started = time.monotonic()
    process = workers.start()
    if process is None:
        return Extraction(job.source, folder, 0.0, error_class="FatalError", message="the run was interrupted")
    follower = threading.Thread(target=_follow, args=(process.stdout, on_progress), daemon=True)
    follower.start()
    is_late = False
    try:
        _tell(process.stdin, job)
        process.wait(timeout=request.deadline_seconds)
    except subprocess.TimeoutExpired:
        is_late = True
    finally:
        workers.kill(process)
        follower.join()
        _close(process.stdin)
    seconds = time.monotonic() - started
    if is_late:
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
        f"source {job.source}: its process ended with code {process.returncode} and left neither a read nor a reason",
    )
    return Extraction(job.source, folder, seconds, error_class=error_class, message=message)


def _tell(stdin: IO[str] | None, job: Job) -> None:
    """Hand the job over. The pipe stays open: when it closes, because this process died, the worker ends too."""
    if stdin is not None:
        try:
            stdin.write(job.to_json() + "\n")
            stdin.flush()
        except BrokenPipeError:  # it died at once; its exit code says so
            return


def _close(stdin: IO[str] | None) -> None:
    if stdin is not None:
        try:
            stdin.close()
        except BrokenPipeError:
            return


def _follow(stdout: IO[str] | None, on_progress: Progress | None) -> None:
    for line in stdout or ():
        if on_progress is None:
            continue
        try:
            event = json.loads(line)
            told = str(event["source"]), str(event["stream"]), int(event["rows"])
        except (ValueError, KeyError, TypeError):  # something that was imported printed a line of its own
            continue
        on_progress(*told)


def _kill_group(process: subprocess.Popen[str]) -> None:
    """Kill the process and what it started; nothing happens where all of it has ended."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
