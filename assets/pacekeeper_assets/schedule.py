"""`schedule_design_week`: protected blocks, client days, breaks and hot-seat days."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart

MARTS: tuple[Mart, ...] = ()
GUARDRAILS: tuple[Guardrail, ...] = ()
