"""The canonical contract: what every source is mapped onto. The row models are the single source of all schemas."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pacekeeper.contract.alert_action import AlertAction
from pacekeeper.contract.appointment import Appointment
from pacekeeper.contract.appointment_event import AppointmentEvent
from pacekeeper.contract.availability_template import AvailabilityTemplate
from pacekeeper.contract.calendar_day import CalendarDay
from pacekeeper.contract.capacity_flag import CapacityFlag
from pacekeeper.contract.case_assignment import CaseAssignment
from pacekeeper.contract.case_weight import CaseWeight
from pacekeeper.contract.case_weight_flag import CaseWeightFlag
from pacekeeper.contract.charge import Charge
from pacekeeper.contract.charge_modifier import ChargeModifier
from pacekeeper.contract.claim import Claim
from pacekeeper.contract.claim_event import ClaimEvent
from pacekeeper.contract.claim_payment import ClaimPayment
from pacekeeper.contract.claim_payment_line import ClaimPaymentLine
from pacekeeper.contract.client import Client
from pacekeeper.contract.client_identifier import ClientIdentifier
from pacekeeper.contract.client_match import ClientMatch
from pacekeeper.contract.clinical_alert import ClinicalAlert
from pacekeeper.contract.clinician import Clinician
from pacekeeper.contract.clinician_identifier import ClinicianIdentifier
from pacekeeper.contract.clinician_specialty import ClinicianSpecialty
from pacekeeper.contract.comp_plan import CompPlan
from pacekeeper.contract.comp_plan_tier import CompPlanTier
from pacekeeper.contract.cost_rate import CostRate
from pacekeeper.contract.coverage import Coverage
from pacekeeper.contract.ehr_event import EhrEvent
from pacekeeper.contract.ehr_interval import EhrInterval
from pacekeeper.contract.employment import Employment
from pacekeeper.contract.entity import DERIVED, SETTINGS, Entity, Rule, entity_name
from pacekeeper.contract.episode import Episode
from pacekeeper.contract.experiment import Experiment
from pacekeeper.contract.identity_review import IdentityReview
from pacekeeper.contract.key_merge import KeyMerge
from pacekeeper.contract.location import Location
from pacekeeper.contract.measure_item import MeasureItem
from pacekeeper.contract.measure_response import MeasureResponse
from pacekeeper.contract.member_month import MemberMonth
from pacekeeper.contract.message import Message
from pacekeeper.contract.note import Note
from pacekeeper.contract.pay_period import PayPeriod
from pacekeeper.contract.payer_contract import PayerContract
from pacekeeper.contract.payment import Payment
from pacekeeper.contract.person_match import PersonMatch
from pacekeeper.contract.practice import Practice
from pacekeeper.contract.practice_closure import PracticeClosure
from pacekeeper.contract.pto_ledger import PtoLedger
from pacekeeper.contract.referral import Referral
from pacekeeper.contract.reminder import Reminder
from pacekeeper.contract.remit import Remit
from pacekeeper.contract.remit_adjustment import RemitAdjustment
from pacekeeper.contract.remit_provider_adjustment import RemitProviderAdjustment
from pacekeeper.contract.report_delivery import ReportDelivery
from pacekeeper.contract.schedule_block import ScheduleBlock
from pacekeeper.contract.session import Session
from pacekeeper.contract.session_clinician import SessionClinician
from pacekeeper.contract.session_participant import SessionParticipant
from pacekeeper.contract.staff_survey_item import StaffSurveyItem
from pacekeeper.contract.staff_survey_response import StaffSurveyResponse
from pacekeeper.contract.supervision_link import SupervisionLink
from pacekeeper.contract.survey_wave import SurveyWave
from pacekeeper.contract.task import Task
from pacekeeper.contract.time_entry import TimeEntry
from pacekeeper.contract.version import ContractVersion

__all__ = ["CONTRACT_VERSION", "DERIVED", "ENTITIES", "SETTINGS", "ContractVersion", "Entity", "Rule", "entity_name"]

#: Version of these tables; docs/decisions/0006 says what raises it.
CONTRACT_VERSION = ContractVersion(1, 2)

#: Every canonical entity by table name, in reading order.
ENTITIES: Mapping[str, type[Entity]] = MappingProxyType(
    {
        entity_name(entity): entity
        for entity in (
            Practice,
            Location,
            Clinician,
            ClinicianIdentifier,
            ClinicianSpecialty,
            PersonMatch,
            Employment,
            SupervisionLink,
            CompPlan,
            CompPlanTier,
            PayPeriod,
            PtoLedger,
            TimeEntry,
            CapacityFlag,
            PracticeClosure,
            AvailabilityTemplate,
            ScheduleBlock,
            Client,
            ClientIdentifier,
            KeyMerge,
            ClientMatch,
            IdentityReview,
            Coverage,
            Referral,
            Episode,
            CaseAssignment,
            CaseWeight,
            CaseWeightFlag,
            Appointment,
            AppointmentEvent,
            Reminder,
            Session,
            SessionClinician,
            SessionParticipant,
            Note,
            Message,
            Task,
            EhrEvent,
            EhrInterval,
            MeasureResponse,
            MeasureItem,
            ClinicalAlert,
            AlertAction,
            Charge,
            ChargeModifier,
            Claim,
            ClaimEvent,
            Remit,
            RemitProviderAdjustment,
            ClaimPayment,
            ClaimPaymentLine,
            RemitAdjustment,
            Payment,
            PayerContract,
            MemberMonth,
            CostRate,
            SurveyWave,
            StaffSurveyResponse,
            StaffSurveyItem,
            ReportDelivery,
            Experiment,
            CalendarDay,
        )
    }
)
