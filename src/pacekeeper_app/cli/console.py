"""The terminal a command writes to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

#: Written to a file or a pipe, a table is this wide; a terminal has the last word on its own width.
_WIDTH = 130
#: A keyed hash at the end of a subject, and as much of it as tells it from others.
_KEY_AT_END = re.compile(r"(?<=[0-9a-f]{12})[0-9a-f]{20}$")


def short_subject(subject: str) -> str:
    """A subject for people to read: the beginning of it, which commands take for the whole."""
    return _KEY_AT_END.sub("", subject)


def make_console(*, stderr: bool = False) -> Console:
    """A console for standard output, or standard error."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    return console
