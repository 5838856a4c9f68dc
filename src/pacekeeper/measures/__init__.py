"""Measures: types of marts and columns, states and reasons of verdicts, and what tells complete input from missing."""

from __future__ import annotations

from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.measures.guardrail import Catalogue, Guardrail
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.packs import Measure, MeasurePack
from pacekeeper.measures.state import Reason, State

__all__ = [
    "Catalogue",
    "Guardrail",
    "Input",
    "Mart",
    "MartColumn",
    "Measure",
    "MeasurePack",
    "Needs",
    "Reason",
    "SourceCompleteness",
    "State",
    "Step",
]
