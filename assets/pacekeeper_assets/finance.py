"""The marts of money and of what it depends on, collected."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart
from pacekeeper_assets import attendance_month
from pacekeeper_assets.payer_contract import PAYER_CONTRACT_AGE, PAYER_CONTRACT_MONTH
from pacekeeper_assets.payer_mix import PAYER_MIX
from pacekeeper_assets.reminders import REMINDER_MONTH
from pacekeeper_assets.revenue import REVENUE_SERVICE_LINE, SERVICE_LINE_MARGIN

MARTS: tuple[Mart, ...] = (
    *attendance_month.MARTS,
    REMINDER_MONTH,
    REVENUE_SERVICE_LINE,
    PAYER_CONTRACT_MONTH,
    PAYER_MIX,
)
GUARDRAILS: tuple[Guardrail, ...] = (*attendance_month.GUARDRAILS, SERVICE_LINE_MARGIN, PAYER_CONTRACT_AGE)
