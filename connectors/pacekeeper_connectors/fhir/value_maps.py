"""Canonical value by FHIR code. Data: a site overrides or adds single codes in its settings.

A value that is no canonical one but names why a record is none of ours (`not_booked`, `not_outpatient` ...) is the
reason under which the mapping counts it as out of scope.
"""

from __future__ import annotations

from collections.abc import Mapping

from pacekeeper_connectors.fhir.record_value_maps import (
    ADJUDICATION,
    CLAIM_FREQUENCY,
    CLAIM_OUTCOME,
    EHR_EVENT_TYPE,
    MESSAGE_CATEGORY,
    MESSAGE_STATUS,
    NOTE_STATUS,
    NOTE_TYPE,
    PAYER_CLASS,
    REFERRAL_CATEGORY,
    REFERRAL_OUTCOME,
    TASK_STATUS,
    URGENCY,
)
from pacekeeper_connectors.loinc import INSTRUMENTS
from pacekeeper_connectors.session_codes import MODALITY, SESSION_TYPE

#: FHIR R4 AppointmentStatus. Arrived and checked-in count as kept: the client came.
APPOINTMENT_STATUS = {
    "proposed": "not_booked",
    "pending": "not_booked",
    "waitlist": "not_booked",
    "booked": "booked",
    "arrived": "kept",
    "checked-in": "kept",
    "fulfilled": "kept",
    "noshow": "no_show",
    "cancelled": "cancelled",
    "entered-in-error": "entered_in_error",
}

#: Who cancelled, by HL7 CodeSystem appointment-cancellation-reason 4.0.1: the group gives the initiator.
CANCELLED_BY = {
    **dict.fromkeys(
        (
            "pat",
            "pat-crs",
            "pat-cpp",
            "pat-dec",
            "pat-fb",
            "pat-lt",
            "pat-mt",
            "pat-mv",
            "pat-preg",
            "pat-swl",
            "pat-ucp",
        ),
        "client",
    ),
    "prov-pers": "clinician",
    **dict.fromkeys(("prov", "prov-dch", "prov-edu", "prov-hosp", "prov-labs", "prov-mri", "prov-onc"), "practice"),
    **dict.fromkeys(("maint", "oth-err", "oth-oerr", "oth-swie"), "system"),
    **dict.fromkeys(
        (
            "meds-inc",
            "other",
            "oth-cms",
            "oth-fin",
            "oth-iv",
            "oth-int",
            "oth-mu",
            "oth-room",
            "oth-weath",
        ),
        "other",
    ),
}

#: HL7 v2 table 0203 IdentifierType.
CLIENT_DOMAIN = {"MR": "mrn", "MB": "member"}

BOOKED_VIA = {word: word for word in ("staff", "self", "recurring", "import")}

#: v3 ActEncounterCode, and plain words that servers use in its place.
ENCOUNTER_MODALITY = {"AMB": "in_person", "VR": "video", "HH": "home", "FLD": "community", **MODALITY}

#: Classes of a hospital stay: never a session of an outpatient practice.
ENCOUNTER_SETTING = dict.fromkeys(
    ("IMP", "ACUTE", "NONAC", "NONACC", "EMER", "OBSENC", "PRENC", "SS"), "not_outpatient"
)

#: FHIR R4 EncounterStatus.
SESSION_STATUS = {
    "finished": "completed",
    "cancelled": "voided",
    "entered-in-error": "voided",
    **dict.fromkeys(("planned", "arrived", "triaged", "in-progress", "onleave"), "not_finished"),
}

#: v3 ParticipationType.
SESSION_ROLE = {
    "PPRF": "primary",
    "SPRF": "co_therapist",
    "ATND": "primary",
    "CON": "other",
    "REF": "other",
    "ADM": "other",
    "DIS": "other",
    "ESC": "other",
    "TRANS": "other",
    "SUPERVISOR": "supervisor",
    "supervisor": "supervisor",
}

CLINICIAN_ROLE = {word: word for word in ("therapist", "prescriber", "intern", "supervisor", "tester", "peer", "other")}

#: FHIR R4 EpisodeOfCareStatus.
EPISODE_STATUS = {
    "planned": "planned",
    "waitlist": "waitlist",
    "active": "active",
    "onhold": "onhold",
    "finished": "finished",
    "cancelled": "cancelled",
    "entered-in-error": "entered_in_error",
}

CLOSURE_TYPE = {
    word: word
    for word in (
        "planned_complete",
        "mutual",
        "client_unilateral",
        "transferred",
        "referred_out",
        "admin",
        "deceased",
        "moved",
        "open",
    )
} | {
    "planned-complete": "planned_complete",
    "client-unilateral": "client_unilateral",
    "referred-out": "referred_out",
}

#: Why an assignment ended, by how its episode was closed; where the closure says nothing of it, it is unknown.
ASSIGNMENT_END = {
    "planned_complete": "completed",
    "mutual": "completed",
    "client_unilateral": "dropout",
    "transferred": "other",
    "referred_out": "other",
    "admin": "other",
    "deceased": "other",
    "moved": "other",
}

#: FHIR R4 SlotStatus. A busy slot counts as open for clients: that is how it was booked.
SLOT_STATUS = {
    "free": "client_available",
    "busy": "client_available",
    "busy-tentative": "client_available",
    "busy-unavailable": "unavailable",
    "entered-in-error": "entered_in_error",
}

#: location-physical-type, v3 ServiceDeliveryLocationRoleType.
LOCATION_KIND = {
    **dict.fromkeys(("si", "bu", "wi", "wa", "lvl", "ro", "co", "area"), "clinic"),
    "vi": "telehealth",
    **dict.fromkeys(("ho", "ve", "rd"), "community"),
    **dict.fromkeys(("OF", "OUTPT", "PSYF", "PSY", "MHSP", "PC", "CLINIC"), "clinic"),
    **dict.fromkeys(("COMM", "PTRES", "SCHOOL", "WORK", "AMB"), "community"),
    "clinic": "clinic",
    "telehealth": "telehealth",
    "virtual": "telehealth",
    "community": "community",
}

#: LOINC answer list that PHQ-9 and GAD-7 share, by its ordinals.
MEASURE_ANSWER = {"LA6568-5": "0", "LA6569-3": "1", "LA6570-1": "2", "LA6571-9": "3"}

#: FHIR R4 ObservationStatus: what makes a score count for nothing.
OBSERVATION_STATUS = {
    "registered": "not_final",
    "preliminary": "not_final",
    "cancelled": "entered_in_error",
    "entered-in-error": "entered_in_error",
}

#: FHIR R4 QuestionnaireResponseStatus.
QUESTIONNAIRE_STATUS = {
    "completed": "final",
    "amended": "final",
    "in-progress": "not_final",
    "stopped": "not_final",
    "entered-in-error": "entered_in_error",
}

#: `instrument:item` or `instrument:total` by linkId.
QUESTIONNAIRE_ITEM = {
    **{code: f"{each.code}:{number}" for each in INSTRUMENTS for number, code in enumerate(each.items, 1)},
    **{code: f"{each.code}:total" for each in INSTRUMENTS for code in each.totals},
}

WEEKDAY = {"mon": "1", "tue": "2", "wed": "3", "thu": "4", "fri": "5", "sat": "6", "sun": "7"}

VALUE_MAPS: Mapping[str, Mapping[str, str]] = {
    "adjudication": ADJUDICATION,
    "appointment_status": APPOINTMENT_STATUS,
    "assignment_end": ASSIGNMENT_END,
    "booked_via": BOOKED_VIA,
    "cancelled_by": CANCELLED_BY,
    "claim_frequency": CLAIM_FREQUENCY,
    "claim_outcome": CLAIM_OUTCOME,
    "client_domain": CLIENT_DOMAIN,
    "clinician_role": CLINICIAN_ROLE,
    "closure_type": CLOSURE_TYPE,
    "ehr_event_type": EHR_EVENT_TYPE,
    "encounter_setting": ENCOUNTER_SETTING,
    "episode_status": EPISODE_STATUS,
    "location_kind": LOCATION_KIND,
    "measure_answer": MEASURE_ANSWER,
    "message_category": MESSAGE_CATEGORY,
    "message_status": MESSAGE_STATUS,
    "modality": ENCOUNTER_MODALITY,
    "note_status": NOTE_STATUS,
    "note_type": NOTE_TYPE,
    "observation_status": OBSERVATION_STATUS,
    "payer_class": PAYER_CLASS,
    "questionnaire_item": QUESTIONNAIRE_ITEM,
    "questionnaire_status": QUESTIONNAIRE_STATUS,
    "referral_category": REFERRAL_CATEGORY,
    "referral_outcome": REFERRAL_OUTCOME,
    "session_role": SESSION_ROLE,
    "session_status": SESSION_STATUS,
    "session_type": SESSION_TYPE,
    "slot_status": SLOT_STATUS,
    "task_status": TASK_STATUS,
    "urgency": URGENCY,
    "weekday": WEEKDAY,
}
