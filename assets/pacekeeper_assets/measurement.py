"""`mbc_completeness`, `client_no_show_week`, `alert_response`, `clinician_outcome`: measuring, acting, outcome."""

from __future__ import annotations

from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart
from pacekeeper_assets import alert_response
from pacekeeper_assets.alert_response import ALERT_RESPONSE
from pacekeeper_assets.clinician_outcome import CLINICIAN_OUTCOME, OUTCOME_FUNNEL
from pacekeeper_assets.mbc import MBC_COMPLETENESS, MEASUREMENT_COMPLETENESS
from pacekeeper_assets.no_shows import CLIENT_NO_SHOW_WEEK, NO_SHOW_RUN

MARTS: tuple[Mart, ...] = (MBC_COMPLETENESS, CLIENT_NO_SHOW_WEEK, ALERT_RESPONSE, CLINICIAN_OUTCOME)
GUARDRAILS: tuple[Guardrail, ...] = (
    MEASUREMENT_COMPLETENESS,
    NO_SHOW_RUN,
    *alert_response.GUARDRAILS,
    OUTCOME_FUNNEL,
)
