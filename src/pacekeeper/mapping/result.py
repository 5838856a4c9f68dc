"""What mapping one entity of one source came to: the mapping ledger's entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: swapped, unchanged: the slice is current; unchanged: nothing it is made from changed, so that it was not made again.
#: over_limit, failed: the last good slice stays.
MappingState = Literal["swapped", "unchanged", "over_limit", "failed"]
#: States of a slice that is current.
CURRENT = frozenset({"swapped", "unchanged"})


@dataclass(frozen=True, kw_only=True)
class MappingResult:
    """Ledger entry of one (entity, source) and run.

    in_scope: rows of the streams the mappings are `of` = mapped + quarantined_rows + sum(out_of_scope).
    quarantined: faults by reason; one row may have several. out_of_scope: rows by reason.
    unmapped: (column, source code, rows) for mapped enumerations that came out as `unknown`; by column the 50 most
    frequent codes, and the rows of the rest under `(other codes)`.
    message: why the slice is not current, without data; null when it is.
    """

    entity: str
    source: str
    state: MappingState
    in_scope: int = 0
    mapped: int = 0
    quarantined_rows: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    out_of_scope: Mapping[str, int] = field(default_factory=dict)
    unmapped: tuple[tuple[str, str, int], ...] = ()
    seconds: float = 0.0
    message: str | None = None

    @property
    def is_current(self) -> bool:
        """Whether the slice is what the raw tables say."""
        return self.state in CURRENT

    @property
    def balances(self) -> bool:
        """Whether every row is accounted for."""
        return self.in_scope == self.mapped + self.quarantined_rows + sum(self.out_of_scope.values())
