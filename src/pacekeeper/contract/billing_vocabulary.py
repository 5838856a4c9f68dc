"""Closed vocabularies of charges, claims and payments; see `vocabulary`."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class PayerClass(StrEnum):
    COMMERCIAL = "commercial"
    MEDICARE = "medicare"
    MEDICAID = "medicaid"
    TRICARE = "tricare"
    WORKERS_COMP = "workers_comp"
    SELF_PAY = "self_pay"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class ChargeStatus(StrEnum):
    BILLED = "billed"
    VOIDED = "voided"
    UNKNOWN = "unknown"


@unique
class ClaimFrequency(StrEnum):
    """Whether a claim is new, or replaces or voids an earlier one (X12 CLM05-3)."""

    ORIGINAL = "original"
    REPLACEMENT = "replacement"
    VOID = "void"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class ClaimEventStatus(StrEnum):
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PENDED = "pended"
    FINALIZED = "finalized"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


@unique
class ClaimPaymentStatus(StrEnum):
    """How a payer processed a claim (X12 CLP02)."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    TERTIARY = "tertiary"
    DENIED = "denied"
    FORWARDED = "forwarded"
    REVERSAL = "reversal"
    NOT_OUR_CLAIM = "not_our_claim"
    PREDETERMINATION = "predetermination"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class AdjustmentLevel(StrEnum):
    CLAIM = "claim"
    LINE = "line"


@unique
class AdjustmentGroup(StrEnum):
    """Who bears an adjustment (X12 CAS01: CO, PR, OA, PI, CR)."""

    CONTRACTUAL = "contractual"
    PATIENT = "patient"
    OTHER = "other"
    PAYER = "payer"
    CORRECTION = "correction"
    UNKNOWN = "unknown"


@unique
class DenialFamily(StrEnum):
    AUTHORISATION = "authorisation"
    ELIGIBILITY = "eligibility"
    CODING = "coding"
    NECESSITY = "necessity"
    TIMELINESS = "timeliness"
    DUPLICATE = "duplicate"
    OTHER = "other"


@unique
class PaymentSource(StrEnum):
    """Who paid."""

    PAYER = "payer"
    CLIENT = "client"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class PaymentModel(StrEnum):
    """How a payer pays: by the service, by the month of a managed client, by the bundle, or by the member."""

    FEE_FOR_SERVICE = "fee_for_service"
    MONTHLY_CODE = "monthly_code"
    BUNDLE = "bundle"
    CAPITATION = "capitation"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class CompPlanKind(StrEnum):
    SALARY = "salary"
    COMMISSION = "commission"
    BASE_PLUS = "base_plus"
    TIERED = "tiered"
    HYBRID = "hybrid"
    HOURLY = "hourly"
    UNKNOWN = "unknown"


@unique
class PayBasis(StrEnum):
    """What pay is counted by; `fixed`: by none."""

    FIXED = "fixed"
    HOURS = "hours"
    SESSIONS = "sessions"
    CHARGES = "charges"
    COLLECTIONS = "collections"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class BonusBasis(StrEnum):
    NONE = "none"
    TEAM_GOALS = "team_goals"
    INDIVIDUAL_OUTCOMES = "individual_outcomes"
    COLLECTIONS = "collections"
    SESSIONS = "sessions"
    OTHER = "other"
    UNKNOWN = "unknown"
