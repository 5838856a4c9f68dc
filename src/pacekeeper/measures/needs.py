"""What a measure or a guardrail is computed from, column by column, and which kind of system supplies it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

EHR = "EHR"
HR_FILE = "HR file"
SCHEDULE = "schedule"
BILLING = "billing"
SURVEY = "survey"
TIME_TRACKING = "time tracking"
PAYROLL = "payroll"
ACCOUNTING = "accounting"
REMINDER_SERVICE = "reminder service"
OWN_FILE = "file of the practice"

#: Kinds of system in which a practice usually keeps an entity, the likeliest first.
SUPPLIED_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "location": (EHR, HR_FILE),
        "clinician": (EHR, HR_FILE),
        "clinician_identifier": (EHR, HR_FILE),
        "clinician_specialty": (EHR, HR_FILE),
        "employment": (HR_FILE,),
        "supervision_link": (HR_FILE, EHR),
        "comp_plan": (PAYROLL, HR_FILE),
        "comp_plan_tier": (PAYROLL, HR_FILE),
        "pay_period": (PAYROLL,),
        "pto_ledger": (HR_FILE,),
        "time_entry": (TIME_TRACKING, HR_FILE),
        "capacity_flag": (OWN_FILE,),
        "practice_closure": (OWN_FILE, HR_FILE),
        "availability_template": (EHR, SCHEDULE),
        "schedule_block": (EHR, SCHEDULE),
        "client": (EHR,),
        "client_identifier": (EHR, BILLING, SURVEY),
        "key_merge": (EHR,),
        "coverage": (EHR, BILLING),
        "referral": (EHR,),
        "episode": (EHR,),
        "case_assignment": (EHR,),
        "case_weight": (EHR, OWN_FILE),
        "case_weight_flag": (EHR, OWN_FILE),
        "appointment": (EHR,),
        "appointment_event": (EHR,),
        "reminder": (EHR, REMINDER_SERVICE),
        "session": (EHR,),
        "session_clinician": (EHR,),
        "session_participant": (EHR,),
        "note": (EHR,),
        "message": (EHR,),
        "task": (EHR,),
        "ehr_event": (EHR,),
        "measure_response": (EHR, SURVEY),
        "measure_item": (EHR, SURVEY),
        "clinical_alert": (EHR, SURVEY),
        "alert_action": (EHR,),
        "charge": (BILLING, EHR),
        "charge_modifier": (BILLING, EHR),
        "claim": (BILLING,),
        "claim_event": (BILLING,),
        "remit": (BILLING,),
        "remit_provider_adjustment": (BILLING,),
        "claim_payment": (BILLING,),
        "claim_payment_line": (BILLING,),
        "remit_adjustment": (BILLING,),
        "payment": (BILLING,),
        "payer_contract": (BILLING, OWN_FILE),
        "member_month": (BILLING,),
        "cost_rate": (ACCOUNTING,),
        "survey_wave": (SURVEY,),
        "staff_survey_response": (SURVEY,),
        "staff_survey_item": (SURVEY,),
        "report_delivery": (OWN_FILE,),
        "experiment": (OWN_FILE,),
    }
)


def supplier(entity: str) -> str:
    """In words: the kinds of system that usually supply an entity."""
    return " or ".join(SUPPLIED_BY.get(entity, ("another source",)))


@dataclass(frozen=True)
class Input:
    """Columns of one entity that must be filled.

    tells: values that a coded column must be able to take; a source whose codes never mean `no_show` cannot tell a
    rate of no-shows. without: what is different without it, for inputs that only support.
    """

    entity: str
    columns: tuple[str, ...]
    tells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: str = ""

    @property
    def text(self) -> str:
        """In words: `session (started_at, status: completed)`."""
        named = [f"{c}: {' and '.join(self.tells[c])}" if c in self.tells else c for c in self.columns]
        named += [f"{c}: {' and '.join(values)}" for c, values in self.tells.items() if c not in self.columns]
        return f"{self.entity} ({', '.join(named)})" if named else self.entity


@dataclass(frozen=True)
class Needs:
    """Inputs of a measure or a guardrail.

    required: groups, of each of which one input must be there. Of a guardrail, a source that counts for the person
    must map an entity of each group, or the verdict is unknown, `no_source`.
    supporting: inputs that change the result where a source has them (FTE, leave); a stale one makes it unknown.
    subjects: who is judged; without them there are no verdicts at all.
    """

    required: tuple[tuple[Input, ...], ...]
    supporting: tuple[Input, ...] = ()
    subjects: tuple[Input, ...] = ()

    @property
    def required_entities(self) -> tuple[tuple[str, ...], ...]:
        """The required groups by entity, each once."""
        return tuple(dict.fromkeys(_entities(group) for group in self.required))

    @property
    def supporting_entities(self) -> tuple[str, ...]:
        """Supporting entities that are not required as well."""
        asked = {name for group in self.required_entities for name in group}
        return tuple(name for name in _entities(self.supporting) if name not in asked)

    @property
    def entities(self) -> tuple[str, ...]:
        """Every entity, required ones first."""
        asked = [name for group in self.required_entities for name in group]
        return tuple(dict.fromkeys([*asked, *self.supporting_entities]))

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Every input that is named."""
        return (*self.subjects, *(one for group in self.required for one in group), *self.supporting)


def _entities(inputs: Iterable[Input]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.entity for one in inputs))
