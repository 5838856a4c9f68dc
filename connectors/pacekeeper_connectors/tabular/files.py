"""Where the files are: what a folder holds, and the content of one file, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pacekeeper.errors import ConfigError


@dataclass(frozen=True)
class FoundFile:
    """A file. name: its path below the folder; modified: null where the store does not tell."""

    name: str
    size: int
    modified: datetime | None


class FileStore(Protocol):
    """A folder, wherever it is. place: what messages call it, without secrets."""

    place: str

    def find(self, pattern: str) -> list[FoundFile]:
        """Files that match the glob, by name. Raises ConfigError where the folder cannot be read."""
        ...

    def content(self, file: FoundFile) -> bytes:
        """A file's bytes. Raises RetryableError where it is gone, or the connection is."""
        ...


class LocalFiles:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = str(folder)

    def paths(self, pattern: str) -> list[Path]:
        """Files that match the glob, by name. Raises ConfigError where there is no such folder."""
        if not self.folder.is_dir():
            raise ConfigError(f"folder {self.folder} does not exist or is no folder: correct `folder`")
        return sorted(path for path in self.folder.glob(pattern) if path.is_file())

    def find(self, pattern: str) -> list[FoundFile]:
        found = []
        for path in self.paths(pattern):
            facts = path.stat()
            modified = datetime.fromtimestamp(facts.st_mtime, UTC)
            found.append(FoundFile(path.relative_to(self.folder).as_posix(), facts.st_size, modified))
        return found

    def content(self, file: FoundFile) -> bytes:
        return (self.folder / file.name).read_bytes()


def described(files: Iterable[FoundFile]) -> str:
    """How many files there are, how large, and when the newest was written."""
    files = list(files)
    newest = max((file.modified for file in files if file.modified is not None), default=None)
    when = "" if newest is None else f", newest of {newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{len(files)} files, {sum(file.size for file in files):,} bytes{when}"
