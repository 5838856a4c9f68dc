"""What a guardrail is: values of a mart held against thresholds of the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pacekeeper.measures.needs import Needs
from pacekeeper.policy import Policy

if TYPE_CHECKING:
    from pacekeeper.expr import Table
    from pacekeeper.measures.mart import Mart
    from pacekeeper.measures.tables import CanonicalTables

Side = Literal["above", "below"]
Values = Callable[["CanonicalTables", Policy], "Table"]


@dataclass(frozen=True, kw_only=True)
class Guardrail:
    """A guardrail of the catalogue; title, thresholds and settings are in the policy under the same id.

    mart: where the numbers behind a verdict stand. marts: others that it reads.
    column: what of the mart is compared. key: columns that name subject and period. Where `values` makes rows of its
    own, they may be none of the mart's.
    values: what is compared, one row per subject and period, with the columns of `band_value`.
    side: on which side of the thresholds `warn` and `breach` a value is out of bounds.
    reach_days: how many days before the period a record may lie and still bear on its verdict.
    looks_ahead: whether what is booked and lies ahead bears on it.
    """

    id: str
    mart: str
    column: str
    key: tuple[str, ...]
    needs: Needs
    values: Values
    side: Side = "above"
    marts: tuple[str, ...] = ()
    reach_days: int = 0
    looks_ahead: bool = False


@dataclass(frozen=True)
class Catalogue:
    """Every mart and guardrail by name. Marts are in building order: each reads only marts before it."""

    marts: Mapping[str, Mart]
    guardrails: Mapping[str, Guardrail]

    @classmethod
    def of(cls, marts: Iterable[Mart], guardrails: Iterable[Guardrail]) -> Catalogue:
        return cls(
            MappingProxyType({mart.name: mart for mart in marts}),
            MappingProxyType({guardrail.id: guardrail for guardrail in guardrails}),
        )

    def only(self, names: Iterable[str]) -> Catalogue:
        """The named marts and guardrails, with every mart that they read."""
        wanted = set(names)
        rails = {name: rail for name, rail in self.guardrails.items() if name in wanted}
        asked = wanted & set(self.marts)
        for rail in rails.values():
            asked |= {rail.mart, *rail.marts}
        for mart in reversed(list(self.marts.values())):
            if mart.name in asked:
                asked |= {name for name in marts_read(mart) if name in self.marts}
        versioned = {mart.name for mart in self.marts.values() if mart.versioned and rails}
        marts = {name: mart for name, mart in self.marts.items() if name in asked | versioned}
        return Catalogue(MappingProxyType(marts), MappingProxyType(rails))


def marts_read(mart: Mart) -> set[str]:
    """Names of what a mart reads, its steps included; a versioned one also reads what its guardrails do."""
    read = set(mart.inputs)
    steps = list(mart.steps)
    while steps:
        step = steps.pop()
        read |= set(step.marts)
        steps += step.reads
    return read
