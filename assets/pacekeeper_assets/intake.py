"""`intake_funnel`, `clinician_intake`: from inquiry to first appointment, and the flow of clients."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart
from pacekeeper_assets.clinician_intake import CLINICIAN_INTAKE, INTAKE_FLOW
from pacekeeper_assets.intake_funnel import INTAKE_FUNNEL, INTAKE_RAILS

MARTS: tuple[Mart, ...] = (INTAKE_FUNNEL, CLINICIAN_INTAKE)
GUARDRAILS: tuple[Guardrail, ...] = (*INTAKE_RAILS, INTAKE_FLOW)
