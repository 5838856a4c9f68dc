"""What a guardrail reads beside what it needs, where a source has it: one that is behind makes it unknown as well."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_OFFERED = ("schedule_block", "availability_template")
_UTILIZATION = ("session_clinician", "employment", "pto_ledger", "practice_closure")
_FTE = ("session_clinician", "employment")
_WORKED = (*_OFFERED, "session")

READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "direct_hours": _FTE,
        "utilization": _UTILIZATION,
        "active_caseload": _FTE,
        "total_work_hours": ("schedule_block", "message"),
        "projected_points": ("episode",),
        "hot_seat_fairness": ("employment", "supervision_link"),
        "after_hours_ehr": _WORKED,
        "night_ehr": _WORKED,
        "overdue_notes": ("session",),
        "context_switching": ("session",),
        "sustained_low_trend": _UTILIZATION,
        "own_limit_spike": _UTILIZATION,
        "own_limit_drop": _UTILIZATION,
        "time_to_first_appointment": ("practice_closure",),
        "referral_out_response": ("practice_closure",),
        "denial_rate": ("claim",),
        "turnover": ("clinician",),
    }
)
