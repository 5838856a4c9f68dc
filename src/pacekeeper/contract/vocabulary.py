"""Closed vocabularies of the canonical contract. Stored as text; `unknown` is what an unmapped source code becomes."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class WeekStart(StrEnum):
    """Local weekday on which a practice week begins."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@unique
class TzSource(StrEnum):
    """Where a location's zone comes from: its own record, or the source's or practice's default."""

    RECORD = "record"
    DEFAULT = "default"


@unique
class LocationKind(StrEnum):
    CLINIC = "clinic"
    TELEHEALTH = "telehealth"
    COMMUNITY = "community"
    UNKNOWN = "unknown"


@unique
class ClinicianRole(StrEnum):
    THERAPIST = "therapist"
    PRESCRIBER = "prescriber"
    INTERN = "intern"
    SUPERVISOR = "supervisor"
    TESTER = "tester"
    PEER = "peer"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class LicenseLevel(StrEnum):
    LICENSED = "licensed"
    ASSOCIATE = "associate"
    TRAINEE = "trainee"
    NONE = "none"
    UNKNOWN = "unknown"


@unique
class MatchDomain(StrEnum):
    """Kind of identifier that sources share about a clinician."""

    NPI = "npi"
    EMAIL = "email"


@unique
class EmploymentEnd(StrEnum):
    VOLUNTARY = "voluntary"
    INVOLUNTARY = "involuntary"
    RETIRE = "retire"
    CONTRACT_END = "contract_end"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class EmploymentType(StrEnum):
    W2 = "w2"
    CONTRACTOR_1099 = "1099"
    STUDENT = "student"
    UNKNOWN = "unknown"


@unique
class Part2Flag(StrEnum):
    """Whether 42 CFR Part 2 protects the record; `unknown` is treated as yes in extracts."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@unique
class EpisodeStatus(StrEnum):
    PLANNED = "planned"
    WAITLIST = "waitlist"
    ACTIVE = "active"
    ONHOLD = "onhold"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered_in_error"
    UNKNOWN = "unknown"


@unique
class ClosureType(StrEnum):
    PLANNED_COMPLETE = "planned_complete"
    MUTUAL = "mutual"
    CLIENT_UNILATERAL = "client_unilateral"
    TRANSFERRED = "transferred"
    REFERRED_OUT = "referred_out"
    ADMIN = "admin"
    DECEASED = "deceased"
    MOVED = "moved"
    OPEN = "open"
    UNKNOWN = "unknown"


@unique
class AssignmentEnd(StrEnum):
    COMPLETED = "completed"
    TRANSFER_FIT = "transfer_fit"
    TRANSFER_CAPACITY = "transfer_capacity"
    CLINICIAN_LEFT = "clinician_left"
    DROPOUT = "dropout"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class BookedVia(StrEnum):
    STAFF = "staff"
    SELF = "self"
    RECURRING = "recurring"
    IMPORT = "import"
    UNKNOWN = "unknown"


@unique
class Modality(StrEnum):
    IN_PERSON = "in_person"
    VIDEO = "video"
    AUDIO = "audio"
    HOME = "home"
    COMMUNITY = "community"
    UNKNOWN = "unknown"


@unique
class AppointmentStatus(StrEnum):
    """`unreviewed`: it is over, and the source still shows the status that it gives by default."""

    BOOKED = "booked"
    KEPT = "kept"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    ENTERED_IN_ERROR = "entered_in_error"
    UNREVIEWED = "unreviewed"
    UNKNOWN = "unknown"


@unique
class CancelledBy(StrEnum):
    CLIENT = "client"
    CLINICIAN = "clinician"
    PRACTICE = "practice"
    SYSTEM = "system"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class AtPrecision(StrEnum):
    """How exactly a change is dated: by the source itself, or only by the day it was first seen."""

    INSTANT = "instant"
    DAY = "day"


@unique
class AppointmentChange(StrEnum):
    CREATED = "created"
    STATUS = "status"
    TIME = "time"
    MODALITY = "modality"
    CLINICIAN = "clinician"
    DELETED = "deleted"


@unique
class DurationSource(StrEnum):
    """Where a session's times come from, best first."""

    ACTUAL = "actual"
    CLINICIAN_ENTERED = "clinician_entered"
    SCHEDULED = "scheduled"
    CPT_NOMINAL = "cpt_nominal"


@unique
class SessionType(StrEnum):
    INTAKE = "intake"
    INDIVIDUAL = "individual"
    COUPLE = "couple"
    FAMILY = "family"
    GROUP = "group"
    CRISIS = "crisis"
    TESTING = "testing"
    MEDICATION = "medication"
    CONSULT = "consult"
    IOP = "iop"
    UNKNOWN = "unknown"


@unique
class SessionStatus(StrEnum):
    """`unreviewed`: its time is over, and nobody has confirmed that it was held."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    VOIDED = "voided"
    UNREVIEWED = "unreviewed"
    UNKNOWN = "unknown"


@unique
class SessionRole(StrEnum):
    PRIMARY = "primary"
    CO_THERAPIST = "co_therapist"
    SUPERVISOR = "supervisor"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class BlockKind(StrEnum):
    CLIENT_AVAILABLE = "client_available"
    ADMIN = "admin"
    DOCUMENTATION = "documentation"
    SUPERVISION = "supervision"
    TEAM_MEETING = "team_meeting"
    TRAINING = "training"
    HOT_SEAT = "hot_seat"
    REPLY_BLOCK = "reply_block"
    HUDDLE = "huddle"
    LUNCH = "lunch"
    PTO = "pto"
    SICK = "sick"
    HOLIDAY = "holiday"
    CLOSURE = "closure"
    ON_CALL = "on_call"
    OTHER = "other"
    UNKNOWN = "unknown"


@unique
class BlockSource(StrEnum):
    TEMPLATE = "template"
    CALENDAR = "calendar"


@unique
class PtoKind(StrEnum):
    GRANT = "grant"
    ACCRUE = "accrue"
    TAKE = "take"
    CARRY = "carry"
    FORFEIT = "forfeit"
    SICK = "sick"
    UNPAID = "unpaid"
    PARENTAL = "parental"
    UNKNOWN = "unknown"


@unique
class InstrumentCode(StrEnum):
    """Instruments the contract knows; ranges and cut-offs are in `instruments.toml`."""

    EPDS = "epds"
    GAD7 = "gad7"
    ORS = "ors"
    PHQ9 = "phq9"
    SRS = "srs"


@unique
class Respondent(StrEnum):
    SELF = "self"
    CAREGIVER = "caregiver"
    CLINICIAN = "clinician"
    UNKNOWN = "unknown"


@unique
class ResponseStatus(StrEnum):
    COMPLETE = "complete"
    PARTIAL = "partial"
    INVALID = "invalid"
    PRORATED = "prorated"


@unique
class MatchedOn(StrEnum):
    """What joined a clinician record to another one, strongest first."""

    FILE = "file"
    MERGE = "merge"
    NPI = "npi"
    EMAIL = "email"
    NONE = "none"


@unique
class ClientMatchedOn(StrEnum):
    """What joined a client record to another one, strongest first."""

    FILE = "file"
    MERGE = "merge"
    MRN = "mrn"
    MEMBER = "member"
    EMAIL = "email"
    OTHER = "other"
    NONE = "none"


@unique
class ReviewReason(StrEnum):
    """Why a person should look at a record's identity.

    unmatched: other sources know such records too, and none of theirs is this one's. shared_identifier: too many
    records hold an identifier of it. conflict: its identifiers would join people whom the crosswalk file, their NPIs or
    their years of birth tell apart. not_found: the crosswalk file names a record that no source has.
    """

    UNMATCHED = "unmatched"
    SHARED_IDENTIFIER = "shared_identifier"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"


@unique
class ClientDomain(StrEnum):
    """Kind of identifier that sources share about a client."""

    MRN = "mrn"
    MEMBER = "member"
    EMAIL = "email"
    OTHER = "other"


@unique
class MergedEntity(StrEnum):
    """What was merged."""

    CLIENT = "client"
    CLINICIAN = "clinician"
