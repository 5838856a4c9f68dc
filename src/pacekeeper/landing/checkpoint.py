"""Where a read that was interrupted may be taken up: what its connector said last, in a file of mode 0600."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pacekeeper.errors import PluginError

#: A checkpoint is an address or two, never what has been read.
_MOST_CHARACTERS = 4000


def read_checkpoint(path: Path) -> dict[str, str]:
    """The last checkpoint of a read that did not end; empty where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    is_usable = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if is_usable else {}


def write_checkpoint(path: Path, checkpoint: Mapping[str, str], *, connector: str) -> None:
    """Keep a checkpoint; an empty one removes the file. Raises PluginError for what is no checkpoint."""
    if not checkpoint:
        path.unlink(missing_ok=True)
        return
    texts = [text for pair in checkpoint.items() for text in pair]
    if not all(isinstance(text, str) for text in texts) or sum(map(len, texts)) > _MOST_CHARACTERS:
        raise PluginError(
            connector=connector,
            reason="a page's checkpoint is no mapping of short texts",
            fix=f"say where to go on in at most {_MOST_CHARACTERS} characters, without a secret or client data",
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(checkpoint), file)
    os.replace(temporary, path)
