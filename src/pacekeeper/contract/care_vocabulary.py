"""Closed vocabularies of case weights and clinical alerts; see `vocabulary`."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class WeightMethod(StrEnum):
    """Who or what set a case weight."""

    CLINICIAN = "clinician"
    SUPERVISOR = "supervisor"
    RULE = "rule"
    UNKNOWN = "unknown"


@unique
class AcuityFlag(StrEnum):
    TRAUMA = "trauma"
    RECENT_LOSS = "recent_loss"
    PSYCHOSIS = "psychosis"
    SI_RISK = "si_risk"
    LEGAL = "legal"
    PERINATAL_LOSS = "perinatal_loss"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class AlertKind(StrEnum):
    """What a clinical alert warns of."""

    OFF_TRACK = "off_track"
    RELIABLE_DROP = "reliable_drop"
    ALLIANCE_LOW = "alliance_low"
    SAFETY_ITEM = "safety_item"
    NO_SHOW_RUN = "no_show_run"
    OVERDUE_MEASURE = "overdue_measure"
    UNKNOWN = "unknown"


@unique
class AlertState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    REVIEWED = "reviewed"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    FALSE_POSITIVE = "false_positive"
    UNKNOWN = "unknown"


@unique
class AlertActionKind(StrEnum):
    REVIEWED = "reviewed"
    DISCUSSED_WITH_CLIENT = "discussed_with_client"
    PLAN_CHANGED = "plan_changed"
    REFERRED = "referred"
    OUTREACH = "outreach"
    SAFETY_PLAN = "safety_plan"
    NONE_NEEDED = "none_needed"
    UNKNOWN = "unknown"


@unique
class MissingReason(StrEnum):
    """Why a measure that was due was not filled in."""

    REFUSED = "refused"
    NOT_OFFERED = "not_offered"
    LANGUAGE = "language"
    TECHNICAL = "technical"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class ScreenResult(StrEnum):
    FIT = "fit"
    REFER_OUT = "refer_out"
    WAITLIST = "waitlist"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
