"""Readers' tables as Parquet files, for tools that open no database.

<folder>/20260330T040000Z/        a version, named after the instant its night judged by; never changed again
             clinician_week.parquet ...
             manifest.json        what was exported: as_of, run, contract, rows by table
         current                  link to the newest, moved in one step
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock, Timeout

from pacekeeper.engine.duckdb import opening_error
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.sql_text import sql_literal, sql_name

_VERSION = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
_HALF_MADE = ".new"
_CURRENT = "current"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Export:
    """A version. rows: by table. is_new: false where the newest version already held the same copy."""

    folder: Path
    rows: dict[str, int]
    is_new: bool


def export_parquet(copy: Path, folder: Path, *, keep: int) -> Export:
    """Write every mart of a readers' copy into a new version, move `current` to it, and keep so many versions.

    A reader that has opened files of an old version keeps them. Raises ConfigError where nothing was published or the
    folder cannot be used, RetryableError while somebody else exports there.
    """
    if not copy.exists():
        raise ConfigError(f"there is nothing to export: {copy} does not exist. Run `pacekeeper run` first")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        with FileLock(folder / ".lock", timeout=0):
            found = _exported(copy, folder)
            _prune(folder, keep=keep)
            return found
    except Timeout:
        raise RetryableError(f"another export into {folder} is under way; wait until it has ended") from None
    except OSError as error:
        raise ConfigError(
            f"the folder {folder} cannot be written ({type(error).__name__}): look at its rights and the disk's space; "
            "what was exported before is as it was"
        ) from None


def _exported(copy: Path, folder: Path) -> Export:
    found = copy.stat()
    mark = f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"
    newest = (folder / _CURRENT).resolve()
    held = _manifest(newest)
    if held.get("copy") == mark:
        return Export(newest, held["rows"], is_new=False)
    half = folder / _HALF_MADE
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o750)
    manifest = {"copy": mark, **_write_tables(copy, half)}
    (half / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    faultpoint("export.written")
    version = _free_name(folder, manifest["as_of"])
    half.rename(version)
    link = folder / f"{_HALF_MADE}-link"
    link.unlink(missing_ok=True)
    link.symlink_to(version.name, target_is_directory=True)
    os.replace(link, folder / _CURRENT)
    return Export(version, manifest["rows"], is_new=True)


def _write_tables(copy: Path, into: Path) -> dict[str, Any]:  # Any: what JSON knows
    """One file per mart; what was published comes back."""
    try:
        connection = duckdb.connect(copy, read_only=True)
    except duckdb.Error as error:
        raise opening_error(copy, error) from None
    with connection:
        connection.execute("SET TimeZone = 'UTC'")
        night = connection.execute(
            "SELECT as_of, run_id, contract_version FROM marts.publication ORDER BY as_of DESC LIMIT 1"
        ).fetchone()
        if night is None:
            raise ConfigError("there is nothing to export: no night has been published. Run `pacekeeper run` first")
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts' ORDER BY 1"
        ).fetchall()
        rows: dict[str, int] = {}
        for (table,) in tables:
            file = into / f"{table}.parquet"
            how = "FORMAT parquet, COMPRESSION zstd"
            written = connection.execute(f"COPY marts.{sql_name(table)} TO {sql_literal(str(file))} ({how})").fetchone()
            rows[str(table)] = int(written[0]) if written else 0
            file.chmod(0o640)
    as_of = night[0].astimezone(UTC)
    return {
        "as_of": f"{as_of:%Y-%m-%dT%H:%M:%SZ}",
        "run_id": str(night[1]),
        "contract_version": str(night[2]),
        "rows": rows,
    }


def _manifest(version: Path) -> dict[str, Any]:  # Any: see _write_tables
    try:
        found = json.loads((version / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _free_name(folder: Path, as_of: str) -> Path:
    """A name after the instant; the same night exported again, because it was made again, gets a number."""
    name = re.sub(r"[-:]", "", as_of)
    number = 1
    while (folder / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return folder / (name if number == 1 else f"{name}-{number}")


def _prune(folder: Path, *, keep: int) -> None:
    current = (folder / _CURRENT).resolve()
    versions = [path for path in folder.iterdir() if _VERSION.fullmatch(path.name) and path.resolve() != current]
    made = sorted(versions, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for old in made[max(keep - 1, 0) :]:
        shutil.rmtree(old, ignore_errors=True)
