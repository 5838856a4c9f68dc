"""`systemic_signal`: whether a pattern is a person's or the practice's."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart

MARTS: tuple[Mart, ...] = ()
GUARDRAILS: tuple[Guardrail, ...] = ()
