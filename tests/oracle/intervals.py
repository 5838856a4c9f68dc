"""Stretches of time as sorted, disjoint [start, end) pairs of whole microseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction

Stretch = tuple[int, int]
Stretches = list[Stretch]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3_600_000_000


def tick(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def hours(stretches: Iterable[Stretch]) -> Fraction:
    """Exact hours, so that 22.4 of 32 is 0.7 and nothing less."""
    return Fraction(sum(end - start for start, end in stretches), _HOUR)


def union(stretches: Iterable[Stretch]) -> Stretches:
    joined: Stretches = []
    for start, end in sorted(s for s in stretches if s[0] < s[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def common(left: Stretches, right: Stretches) -> Stretches:
    """What both have; each side must be a union already."""
    return union((max(a, c), min(b, d)) for a, b in left for c, d in right if max(a, c) < min(b, d))


def without(left: Stretches, right: Stretches) -> Stretches:
    """What left has and right has not; each side must be a union already."""
    kept: Stretches = []
    for start, end in left:
        cursor = start
        for taken_start, taken_end in right:
            if taken_end <= cursor or taken_start >= end:
                continue
            if taken_start > cursor:
                kept.append((cursor, taken_start))
            cursor = max(cursor, taken_end)
        if cursor < end:
            kept.append((cursor, end))
    return kept
