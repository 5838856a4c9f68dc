"""Canonical value by HL7 code. Data: a site overrides or adds single codes in its settings.

A value that is no canonical one but names why a record is none of ours (`not_booked`, `inpatient` ...) is the reason
under which the mapping counts it as out of scope.
"""

from __future__ import annotations

from collections.abc import Mapping

from pacekeeper_connectors.session_codes import MODALITY, SESSION_TYPE


def _spellings(values: Mapping[str, str]) -> dict[str, str]:
    """Codes that are words, as senders write them."""
    return {form: value for code, value in values.items() for form in (code, code.upper(), code.lower())}


#: What the trigger event says. `modified` leaves the state to SCH-25, and without it as it was.
SIU_EVENT = {
    "S12": "booked",
    "S13": "booked",
    "S15": "cancelled",
    "S16": "cancelled",
    "S17": "entered_in_error",
    "S26": "no_show",
    **dict.fromkeys(("S14", "S18", "S19", "S20", "S21", "S22"), "modified"),
    **dict.fromkeys(("S23", "S24", "S25", "S27"), "not_booked"),
}

#: HL7 table 0278. Started and Complete count as kept: the client came.
APPOINTMENT_STATUS = _spellings(
    {
        "Pending": "not_booked",
        "Waitlist": "not_booked",
        "Blocked": "not_booked",
        "Booked": "booked",
        "Overbook": "booked",
        "Started": "kept",
        "Complete": "kept",
        "Cancelled": "cancelled",
        "Dc": "cancelled",
        "Deleted": "entered_in_error",
        "Noshow": "no_show",
        "NoShow": "no_show",
        "No Show": "no_show",
        "No-Show": "no_show",
    }
)

#: Who cancelled, by SCH-6. HL7 has no table for it: words, and the codes that FHIR has.
CANCELLED_BY = {
    **_spellings(
        {
            "Patient": "client",
            "Client": "client",
            "Pat": "client",
            "Clinician": "clinician",
            "Provider": "clinician",
            "Practice": "practice",
            "Clinic": "practice",
            "System": "system",
        }
    ),
    "prov": "practice",
    "prov-pers": "clinician",
    **dict.fromkeys(("maint", "oth-err", "oth-oerr", "oth-swie"), "system"),
    **dict.fromkeys(("other", "oth-room", "oth-weath"), "other"),
}

#: HL7 table 0004 (PV1-2). A recurring patient's visit number may stand for months: see sessions.
PATIENT_CLASS = {
    "O": "outpatient",
    "R": "recurring",
    **dict.fromkeys(("I", "E", "B"), "not_outpatient"),
    **dict.fromkeys(("P", "C", "N", "U"), "no_visit"),
}

#: ADT events that undo the visit.
VISIT_EVENT = {"A11": "voided"}

#: HL7 table 0017 (FT1-6).
TRANSACTION_TYPE = {"CG": "charge", "CD": "credit", "PY": "payment", "CO": "copayment", "AJ": "adjustment"}

#: FT1-7 of a payment: who paid is the site's own code. A co-payment (FT1-6 CO) is the client's.
PAYMENT_SOURCE = _spellings({"Payer": "payer", "Insurance": "payer", "Client": "client", "Patient": "client"})

#: IN1-15: HL7 table 0086 is the site's own; these are plain words.
PAYER_CLASS = _spellings(
    {
        "Commercial": "commercial",
        "HMO": "commercial",
        "PPO": "commercial",
        "POS": "commercial",
        "EPO": "commercial",
        "Medicare": "medicare",
        "Medicaid": "medicaid",
        "Tricare": "tricare",
        "WC": "workers_comp",
        "Self": "self_pay",
    }
)

#: HL7 table 0270 (TXA-2); PR is a progress note there, and PN is what practices write for one.
NOTE_TYPE = {
    "PN": "progress",
    "PR": "progress",
    "DS": "discharge",
    "PH": "intake",
    **dict.fromkeys(("AR", "CD", "CN", "DI", "ED", "HP", "OP", "PC", "SP", "TS"), "other"),
}

#: HL7 table 0271 (TXA-17).
NOTE_STATUS = {
    "IP": "draft",
    "IN": "draft",
    "DI": "preliminary",
    "DO": "preliminary",
    "PA": "preliminary",
    "AU": "final",
    "LA": "final",
}

#: HL7 table 0085 (OBX-11): what makes a score count for nothing.
OBSERVATION_STATUS = {
    **dict.fromkeys(("P", "R", "S", "I", "O", "B"), "not_final"),
    **dict.fromkeys(("D", "W", "X", "N"), "entered_in_error"),
}

VALUE_MAPS: Mapping[str, Mapping[str, str]] = {
    "appointment_status": APPOINTMENT_STATUS,
    "cancelled_by": CANCELLED_BY,
    "modality": MODALITY,
    "note_status": NOTE_STATUS,
    "note_type": NOTE_TYPE,
    "observation_status": OBSERVATION_STATUS,
    "patient_class": PATIENT_CLASS,
    "payer_class": PAYER_CLASS,
    "payment_source": PAYMENT_SOURCE,
    "session_type": SESSION_TYPE,
    "siu_event": SIU_EVENT,
    "transaction_type": TRANSACTION_TYPE,
    "visit_event": VISIT_EVENT,
}
