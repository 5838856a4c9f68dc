"""Waits of which some have not ended (Kaplan and Meier)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

#: How long it took, and whether it came to its end (else it was given up, or goes on).
Wait = tuple[int, bool]


def share_left(waits: Iterable[Wait]) -> list[tuple[int, Fraction]]:
    """After each length at which something ended, the share that takes longer. Who is given up at a length was still
    there when others ended at it.
    """
    waits = list(waits)
    ended = Counter(length for length, is_over in waits if is_over)
    left, found = Fraction(1), []
    for length in sorted(ended):
        there = sum(other >= length for other, _ in waits)
        left *= 1 - Fraction(ended[length], there)
        found.append((length, left))
    return found


def within(waits: Iterable[Wait], share: Fraction) -> int | None:
    """The least length within which a share came to its end; null where that is not known."""
    return next((length for length, left in share_left(waits) if 1 - left >= share), None)
