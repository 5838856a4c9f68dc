"""Measuring instruments by their LOINC codes, whatever standard carries these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoincInstrument:
    """Codes of one instrument. items: item 1 first. beside: codes that belong to it and are neither."""

    code: str
    scoring_version: str
    totals: tuple[str, ...]
    panels: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def scores(self) -> tuple[str, ...]:
        """Codes that may carry the total; of an instrument without items, the panel's too."""
        return self.totals if self.items else (*self.totals, *self.panels)

    @property
    def codes(self) -> tuple[str, ...]:
        return (*self.panels, *self.totals, *self.items, *self.beside)


#: Source: US Core 9.0.0 examples, HL7 PHR IG.
PHQ9 = LoincInstrument(
    "phq9",
    "phq9-sum-1",
    totals=("44261-6",),
    panels=("44249-1",),
    items=(
        "44250-9",
        "44255-8",
        "44259-0",
        "44254-1",
        "44251-7",
        "44258-2",
        "44252-5",
        "44253-3",
        "44260-8",
    ),
    beside=("69722-7",),
)

#: Source: HL7 PHR IG.
GAD7 = LoincInstrument(
    "gad7",
    "gad7-sum-1",
    totals=("70274-6",),
    panels=("69737-5",),
    items=("69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7"),
)

#: Two codes are in use under one name, and which is the form and which the score is not settled: either may carry it.
EPDS = LoincInstrument("epds", "epds-sum-1", totals=("99046-5",), panels=("71354-5",))

INSTRUMENTS = (PHQ9, GAD7, EPDS)
