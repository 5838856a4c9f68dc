"""`episode_outcome`, `retention_dropout` and `early_termination_quarter`: how episodes of care go and how they end."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart
from pacekeeper_assets.episode_outcome import EPISODE_OUTCOME
from pacekeeper_assets.retention import EARLY_TERMINATION, EARLY_TERMINATION_QUARTER, RETENTION_DROPOUT

MARTS: tuple[Mart, ...] = (EPISODE_OUTCOME, RETENTION_DROPOUT, EARLY_TERMINATION_QUARTER)
GUARDRAILS: tuple[Guardrail, ...] = (EARLY_TERMINATION,)
