"""`ehr_time_week`: time in the EHR, in and outside working hours."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart

MARTS: tuple[Mart, ...] = ()
GUARDRAILS: tuple[Guardrail, ...] = ()
