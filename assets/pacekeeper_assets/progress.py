"""Whoever runs the night in its own process may listen to how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Told: step ("read", "land", "map", "mart"), what, rows so far.
Listener = Callable[[str, str, int], None]

_listeners: list[Listener] = []


def tell(step: str, what: str, rows: int) -> None:
    """Tell every listener; nobody listening costs nothing."""
    for listener in _listeners:
        listener(step, what, rows)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` told for the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
