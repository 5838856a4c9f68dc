"""Closed vocabularies of notes, messages, referrals and work in the EHR; see `vocabulary`."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Direction(StrEnum):
    """Which way something went, seen from the practice."""

    IN = "in"
    OUT = "out"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


@unique
class ReferralChannel(StrEnum):
    SELF = "self"
    PROVIDER = "provider"
    PAYER = "payer"
    SCHOOL = "school"
    EMPLOYER = "employer"
    WEBSITE = "website"
    PHONE = "phone"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class ReferralOutcome(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REFER_OUT = "refer_out"
    WAITLIST = "waitlist"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    ENTERED_IN_ERROR = "entered_in_error"
    UNKNOWN = "unknown"


@unique
class NoteType(StrEnum):
    """Kind of note. Psychotherapy process notes are none: they never land."""

    INTAKE = "intake"
    PROGRESS = "progress"
    PLAN = "plan"
    DISCHARGE = "discharge"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class NoteStatus(StrEnum):
    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    ENTERED_IN_ERROR = "entered_in_error"
    UNKNOWN = "unknown"


@unique
class AuthoringMode(StrEnum):
    TYPED = "typed"
    TEMPLATE = "template"
    DICTATION = "dictation"
    AI_ASSIST = "ai_assist"
    AI_AMBIENT = "ai_ambient"
    UNKNOWN = "unknown"


@unique
class MessageCategory(StrEnum):
    CLINICAL = "clinical"
    SCHEDULING = "scheduling"
    BILLING = "billing"
    REFILL = "refill"
    ADMIN = "admin"
    UNKNOWN = "unknown"


@unique
class MessageStatus(StrEnum):
    PREPARATION = "preparation"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    STOPPED = "stopped"
    ENTERED_IN_ERROR = "entered_in_error"
    UNKNOWN = "unknown"


@unique
class Urgency(StrEnum):
    ROUTINE = "routine"
    URGENT = "urgent"
    ASAP = "asap"
    STAT = "stat"
    UNKNOWN = "unknown"


@unique
class TaskStatus(StrEnum):
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    ENTERED_IN_ERROR = "entered_in_error"
    UNKNOWN = "unknown"


@unique
class EhrEventType(StrEnum):
    LOGIN = "login"
    LOGOUT = "logout"
    VIEW = "view"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    SIGN = "sign"
    SEARCH = "search"
    PRINT = "print"
    EXPORT = "export"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class EhrTask(StrEnum):
    """What work in the EHR was about."""

    NOTE = "note"
    CHART_REVIEW = "chart_review"
    INBOX = "inbox"
    ORDERS = "orders"
    BILLING = "billing"
    SCHEDULING = "scheduling"
    MEASURES = "measures"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class TimeEntryKind(StrEnum):
    ADMIN = "admin"
    DOCUMENTATION = "documentation"
    SUPERVISION_IND = "supervision_ind"
    SUPERVISION_GRP = "supervision_grp"
    HUDDLE = "huddle"
    TRAINING = "training"
    CE = "ce"
    MEETING = "meeting"
    OUTREACH = "outreach"
    COORDINATION = "coordination"
    DIRECT = "direct"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class StaffRole(StrEnum):
    """What somebody at the practice does, where it does not matter who it is."""

    THERAPIST = "therapist"
    PRESCRIBER = "prescriber"
    SUPERVISOR = "supervisor"
    CLINICAL_LEAD = "clinical_lead"
    MANAGER = "manager"
    INTAKE = "intake"
    SUPPORT = "support"
    BILLING = "billing"
    SYSTEM = "system"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class SupervisionKind(StrEnum):
    CLINICAL = "clinical"
    ADMIN = "admin"
    UNKNOWN = "unknown"


@unique
class EntryCancelledBy(StrEnum):
    """Who called off a planned hour, seen from whose entry it is."""

    SELF = "self"
    COUNTERPART = "counterpart"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class ClosureKind(StrEnum):
    CLOSURE = "closure"
    HOLIDAY = "holiday"
    UNKNOWN = "unknown"


@unique
class ScheduleTemplate(StrEnum):
    """How a clinician's week is laid out; a week is judged by its own template only."""

    HALF_DAY_BLOCKS = "half_day_blocks"
    FOUR_CLIENT_DAYS = "four_client_days"
    FOUR_BY_TEN = "four_by_ten"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class TargetUnit(StrEnum):
    """What an agreed target counts, by the week."""

    HOURS = "hours"
    SESSIONS = "sessions"
    DISTINCT_CLIENTS = "distinct_clients"
    UNKNOWN = "unknown"


@unique
class ReminderChannel(StrEnum):
    TEXT = "text"
    EMAIL = "email"
    PUSH = "push"
    PHONE = "phone"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class ReportKind(StrEnum):
    """own_data: a clinician's own numbers. The quarterly packs are one kind each."""

    OWN_DATA = "own_data"
    PRACTICE_SUMMARY = "practice_summary"
    OUTCOMES = "outcomes"
    WELLBEING = "wellbeing"
    CASELOAD = "caseload"
    FINANCE = "finance"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class ExperimentDecision(StrEnum):
    KEEP = "keep"
    CHANGE = "change"
    STOP = "stop"
    UNKNOWN = "unknown"
