"""What sources can tell: which canonical columns they fill, and so which measures and guardrails they support."""

from __future__ import annotations

from pacekeeper.capability.filled import NeverFilled, filled_by_sources, never_filled
from pacekeeper.capability.lineage import Told
from pacekeeper.capability.mapped import Mapped, mapped_by_class, mapped_by_source
from pacekeeper.capability.measurable import Filled, Finding, Missing, finding, findings
from pacekeeper.capability.practice import PracticeCapability, practice_capability

__all__ = [
    "Filled",
    "Finding",
    "Mapped",
    "Missing",
    "NeverFilled",
    "PracticeCapability",
    "Told",
    "filled_by_sources",
    "finding",
    "findings",
    "mapped_by_class",
    "mapped_by_source",
    "never_filled",
    "practice_capability",
]
