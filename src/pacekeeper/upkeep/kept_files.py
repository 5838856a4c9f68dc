"""Files that must be whole: copied with their digest, checked, and put in place in one step."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pacekeeper.errors import ConfigError

#: Told while bytes are copied: what, bytes done, bytes in all.
Told = Callable[[str, int, int], None]
_CHUNK = 8 << 20


def nobody(what: str, done: int, of: int) -> None:
    """Tell nobody."""
    del what, done, of


def copy_with_digest(file: Path, to: Path, told: Told = nobody) -> str:
    """Copy a file that nobody writes to one of mode 0600; the SHA-256 of what was copied comes back."""
    found, size, done = hashlib.sha256(), file.stat().st_size, 0
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with file.open("rb") as source, os.fdopen(descriptor, "wb") as target:
        while chunk := source.read(_CHUNK):
            found.update(chunk)
            target.write(chunk)
            done += len(chunk)
            told(file.name, done, size)
        target.flush()
        os.fsync(target.fileno())
    return found.hexdigest()


def digest_of(file: Path, told: Told = nobody) -> str:
    """SHA-256 of a file."""
    found, size, done = hashlib.sha256(), file.stat().st_size, 0
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            found.update(chunk)
            done += len(chunk)
            told(file.name, done, size)
    return found.hexdigest()


def copy_sqlite(file: Path, to: Path) -> None:
    """A copy of a SQLite database as it is at one moment, whoever writes to it meanwhile; one file, mode 0600."""
    to.touch(mode=0o600)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    flush(to)


def write_secret(file: Path, secret: bytes) -> None:
    """Write a secret to a new file of mode 0600."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(secret)
        target.flush()
        os.fsync(target.fileno())


def flush(path: Path) -> None:
    """Have what was written to a file or a folder reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def need_space(folder: Path, wanted: int, *, why: str) -> None:
    """Raise ConfigError where the disk of an existing folder has less free than wanted, in bytes."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise ConfigError(
            f"{why} needs {wanted / 2**20:,.0f} MiB in {folder}, and {free / 2**20:,.0f} MiB are free: make room, or "
            "name another folder. Nothing was changed"
        )
