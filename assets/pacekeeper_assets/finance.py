"""`revenue_service_line`, `payer_mix` and `pay_stability`: what services earn and how pay swings."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart
from pacekeeper_assets import attendance_month
from pacekeeper_assets.reminders import REMINDER_MONTH

MARTS: tuple[Mart, ...] = (*attendance_month.MARTS, REMINDER_MONTH)
GUARDRAILS: tuple[Guardrail, ...] = attendance_month.GUARDRAILS
