"""`mbc_completeness`, `alert_response` and `clinician_outcome`: measurement, what it leads to, and outcome."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart

MARTS: tuple[Mart, ...] = ()
GUARDRAILS: tuple[Guardrail, ...] = ()
