"""Whether the process of a run is still there: it holds a file's lock, which the system frees when it dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def alive(data_dir: Path, run_id: str) -> Iterator[None]:
    """Hold the lock of a run for the block."""
    file = _file(data_dir, run_id)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(file)
    lock.acquire()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


def is_dead(data_dir: Path, run_id: str) -> bool | None:
    """Whether the process that held the run's lock is gone; null = it holds none, not yet or no more."""
    file = _file(data_dir, run_id)
    if not file.exists():
        return None
    try:
        with FileLock(file).acquire(timeout=0):
            return True
    except Timeout:
        return False


def forget_dead(data_dir: Path, run_id: str) -> None:
    """Remove what a dead run left."""
    _file(data_dir, run_id).unlink(missing_ok=True)


def _file(data_dir: Path, run_id: str) -> Path:
    return data_dir / "alive" / f"{run_id}.lock"
