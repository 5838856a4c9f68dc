"""The terminal a command writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

#: Written to a file or a pipe, a table is this wide; a terminal has the last word on its own width.
_WIDTH = 130


def make_console(*, stderr: bool = False) -> Console:
    """A console for standard output, or standard error."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    return console
