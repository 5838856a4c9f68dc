"""Results kept on disk because they take long to make. A file that is damaged, or not written, costs only time."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path


def kept(file: Path) -> object:
    """What was kept, as JSON has it; null where there is nothing that can be read."""
    try:
        found: object = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def keep(file: Path, what: object, *, like: str, most: int) -> None:
    """Keep what JSON can hold, whole or not at all. Of the files whose names are `like` this, the latest few stay."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(what, stream)
        Path(name).replace(file)
        by_age = sorted(file.parent.glob(like), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in by_age[most:]:
            old.unlink(missing_ok=True)
    except OSError:
        return
