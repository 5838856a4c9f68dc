"""A synthetic practice of any size at the level of the canonical tables, equal for equal arguments.

For tests of marts and for measuring them; `pacekeeper.testing.practice` is the one that sources can be read from.
"""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.generate import FIRST_WEEK, SOURCES, CanonicalPractice, generate_canonical
from pacekeeper.testing.canonical_practice.shares import Shares

__all__ = ["FIRST_WEEK", "SOURCES", "CanonicalPractice", "Shares", "generate_canonical"]
