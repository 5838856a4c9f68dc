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
