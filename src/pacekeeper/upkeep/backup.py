"""A copy of everything a practice needs to go on, made while nobody writes.

    <folder>/pacekeeper-20260330T040000Z/   named after the moment; there whole or not at all
                 warehouse.duckdb           raw versions, canonical tables, marts, verdicts
                 ops.sqlite                 runs, ledgers, stream state, alerts
                 manifest.json              versions, key id, digests

The hash secret is no part of it: who has both can tell whether a person is in the data.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pacekeeper.contract import CONTRACT_VERSION
from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.upkeep.kept_files import (
    Told,
    copy_sqlite,
    copy_with_digest,
    digest_of,
    flush,
    need_space,
    nobody,
    write_secret,
)

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome

MANIFEST = "manifest.json"
WAREHOUSE, OPS = "warehouse.duckdb", "ops.sqlite"
FORMAT = 1
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class KeptFile:
    """A file of a backup. bytes: its size; sha256: hex digest of its content."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """What the manifest of a backup says. as_of: of the last run in it, ISO; null = there was none.

    key_id: of the hash secret that its keys were made under.
    """

    format: int
    made_at: str
    practice: str
    as_of: str | None
    key_id: str
    pacekeeper: str
    contract: str
    duckdb: str
    files: dict[str, KeptFile]


def back_up(
    home: PracticeHome, folder: Path, *, key_to: Path | None = None, wait_seconds: float = 60, told: Told = nobody
) -> tuple[Path, Backup]:
    """Write a backup into a folder of its own below `folder`; the folder and its manifest come back.

    key_to: a file outside of the backup that gets the hash secret. Waits so long for a run that is under way, and
    raises RetryableError then. Raises ConfigError where there is nothing to back up, no room, or the places are wrong.
    """
    folder = folder.resolve()
    key = home.hash_key()
    if not home.warehouse.path.exists():
        raise ConfigError(f"there is no warehouse in {home.data_dir} to back up: run `pacekeeper run` first")
    _check_places(home, folder, key_to)
    with alone(home, wait_seconds=wait_seconds):
        made_at = datetime.now(UTC)
        name = f"pacekeeper-{made_at:%Y%m%dT%H%M%SZ}"
        # Several practices may share the folder.
        ours = hashlib.sha256(str(home.data_dir).encode()).hexdigest()[:8]
        half = folder / f".{name}.{ours}.new"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left_behind in folder.glob(f".pacekeeper-*.{ours}.new"):
                shutil.rmtree(left_behind)
            _fold_log(home)
            size = home.warehouse.path.stat().st_size + home.ops.path.stat().st_size
            need_space(folder, size + (16 << 20), why="the backup")
            half.mkdir(mode=0o700)
            files = _copy_files(home, half, told)
            manifest = _manifest(home, files, made_at=made_at, key_id=key.key_id)
            (half / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
            flush(half / MANIFEST)
            half.rename(folder / name)
        except OSError as error:
            raise ConfigError(
                f"the backup could not be written into {folder} ({type(error).__name__}): look at its rights and the "
                "disk's space. Nothing is left of it"
            ) from None
        finally:
            shutil.rmtree(half, ignore_errors=True)
        if key_to is not None:
            write_secret(key_to, key.secret)
    return folder / name, manifest


def read_backup(folder: Path) -> Backup:
    """The manifest of a backup. Raises ConfigError where it is none, or of a newer Pacekeeper."""
    file = folder / MANIFEST
    if not file.is_file():
        inside = sorted(path.parent.name for path in folder.glob(f"pacekeeper-*/{MANIFEST}")) if folder.is_dir() else []
        hint = f"; the newest backup inside it is {inside[-1]}" if inside else ""
        raise ConfigError(f"{folder} is no backup: it holds no {MANIFEST}{hint}")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["format"] > FORMAT:
            raise ConfigError(f"{folder} was made by Pacekeeper {found['pacekeeper']}: install that or a newer one")
        files = {str(name): KeptFile(**entry) for name, entry in found.pop("files").items()}
        return Backup(**found, files=files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file} cannot be read ({type(error).__name__}): it was changed or cut off") from None


def check_files(folder: Path, backup: Backup, told: Told = nobody) -> None:
    """Raise ConfigError where a file of a backup is missing or is not what was written."""
    for name, kept in backup.files.items():
        file = folder / name
        if not file.is_file():
            raise ConfigError(f"{folder} is not whole: {name} is missing. Take another backup")
        if file.stat().st_size != kept.bytes or digest_of(file, told) != kept.sha256:
            raise ConfigError(f"{folder} is damaged: {name} is not what was written. Take another backup")


@contextmanager
def alone(home: PracticeHome, *, wait_seconds: float) -> Iterator[None]:
    """Nobody else works on the practice's data during the block; waited for so long, then RetryableError."""
    ends = time.monotonic() + wait_seconds
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(home.only_run())
                break
            except RetryableError:
                if time.monotonic() >= ends:
                    raise
                time.sleep(_POLL_SECONDS)
        yield


def _check_places(home: PracticeHome, folder: Path, key_to: Path | None) -> None:
    if folder == home.data_dir or folder.is_relative_to(home.data_dir):
        raise ConfigError(f"{folder} lies in the data folder, and would be lost with it: name a folder elsewhere")
    if key_to is None:
        return
    place = key_to.resolve()
    if place.is_relative_to(folder):
        raise ConfigError("the hash secret must not lie beside the backup: name a file elsewhere, on another medium")
    if place.exists():
        raise ConfigError(f"{place} exists already: a hash secret is never overwritten. Name another file")


def _fold_log(home: PracticeHome) -> None:
    """Have a killed run's log in the warehouse's file, and the ops database there."""
    with home.warehouse.connect() as connection:
        connection.execute("CHECKPOINT")
    home.ops.last_run()


def _copy_files(home: PracticeHome, half: Path, told: Told) -> dict[str, KeptFile]:
    copied = copy_with_digest(home.warehouse.path, half / WAREHOUSE, told)
    copy_sqlite(home.ops.path, half / OPS)
    digests = {WAREHOUSE: copied, OPS: digest_of(half / OPS)}
    return {name: KeptFile((half / name).stat().st_size, digest) for name, digest in digests.items()}


def _manifest(home: PracticeHome, files: dict[str, KeptFile], *, made_at: datetime, key_id: str) -> Backup:
    last = home.ops.last_run()
    return Backup(
        format=FORMAT,
        made_at=made_at.isoformat(timespec="seconds"),
        practice=home.settings.practice.name,
        as_of=None if last is None else last.as_of.isoformat(),
        key_id=key_id,
        pacekeeper=version("pacekeeper"),
        contract=str(CONTRACT_VERSION),
        duckdb=version("duckdb"),
        files=files,
    )
