"""Measures: types of marts and columns, states and reasons of verdicts, and what tells complete input from missing."""

from __future__ import annotations

from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.state import Reason, State

__all__ = ["Mart", "MartColumn", "Reason", "SourceCompleteness", "State"]
