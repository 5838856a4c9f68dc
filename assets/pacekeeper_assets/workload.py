"""Guardrails on hours at work, protected time, supervision and case weight."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart

MARTS: tuple[Mart, ...] = ()
GUARDRAILS: tuple[Guardrail, ...] = ()
