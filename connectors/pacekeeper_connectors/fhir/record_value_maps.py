"""Canonical value by FHIR code, of notes, messages, referrals, the audit log and claims; see `value_maps`."""

from __future__ import annotations

#: LOINC document types; what is none of ours is `no_note`.
NOTE_TYPE = {
    "11506-3": "progress",
    "28570-0": "progress",
    "34117-2": "intake",
    "51848-0": "intake",
    "10210-3": "intake",
    "18776-5": "plan",
    "51847-2": "plan",
    "18842-5": "discharge",
    "34133-9": "other",
    "11488-4": "other",
    "34108-1": "other",
    "11502-2": "no_note",
    "18748-4": "no_note",
}

#: FHIR R4 CompositionStatus, and DocumentReferenceStatus where there is no docStatus.
NOTE_STATUS = {
    "preliminary": "preliminary",
    "final": "final",
    "amended": "amended",
    "entered-in-error": "entered_in_error",
    "current": "unknown",
    "superseded": "unknown",
}

#: FHIR CodeSystem communication-category, and plain words that servers use in its place.
MESSAGE_CATEGORY = {
    "clinical": "clinical",
    "instruction": "clinical",
    "alert": "clinical",
    "scheduling": "scheduling",
    "appointment": "scheduling",
    "reminder": "scheduling",
    "billing": "billing",
    "refill": "refill",
    "admin": "admin",
    "notification": "admin",
}

#: FHIR R4 EventStatus.
MESSAGE_STATUS = {
    "preparation": "preparation",
    "in-progress": "in_progress",
    "on-hold": "in_progress",
    "completed": "completed",
    "stopped": "stopped",
    "entered-in-error": "entered_in_error",
    "unknown": "unknown",
}

URGENCY = {word: word for word in ("routine", "urgent", "asap", "stat")}

#: FHIR R4 TaskStatus.
TASK_STATUS = {
    "draft": "requested",
    "requested": "requested",
    "received": "requested",
    "accepted": "accepted",
    "ready": "accepted",
    "in-progress": "in_progress",
    "on-hold": "on_hold",
    "completed": "completed",
    "rejected": "cancelled",
    "cancelled": "cancelled",
    "failed": "failed",
    "entered-in-error": "entered_in_error",
}

#: SNOMED CT codes, and plain words, that say a request is a referral; a site adds its own.
REFERRAL_CATEGORY = {"3457005": "referral", "306206005": "referral", "referral": "referral"}

#: FHIR R4 RequestStatus.
REFERRAL_OUTCOME = {
    "draft": "open",
    "active": "open",
    "on-hold": "waitlist",
    "completed": "accepted",
    "revoked": "declined",
    "entered-in-error": "entered_in_error",
}

#: FHIR restful-interaction (AuditEvent.subtype), DICOM audit codes, and AuditEvent.action.
EHR_EVENT_TYPE = {
    "110122": "login",
    "110123": "logout",
    "login": "login",
    "logout": "logout",
    "read": "view",
    "vread": "view",
    "search": "search",
    "search-type": "search",
    "create": "create",
    "update": "update",
    "patch": "update",
    "delete": "delete",
    "export": "export",
    "print": "print",
    "sign": "sign",
    "C": "create",
    "R": "view",
    "U": "update",
    "D": "delete",
    "E": "other",
}

#: v3 ActCode coverage types, and HL7's code for those who pay themselves. PUBLICPOL does not say which programme.
PAYER_CLASS = {
    "HIP": "commercial",
    "EHCPOL": "commercial",
    "HSAPOL": "commercial",
    "HMO": "commercial",
    "PPO": "commercial",
    "POS": "commercial",
    "MCPOL": "commercial",
    "MEDICARE": "medicare",
    "MEDICAID": "medicaid",
    "SUBSIDIZ": "medicaid",
    "WCBPOL": "workers_comp",
    "pay": "self_pay",
}

#: FHIR CodeSystem adjudication, and the variables of CMS Blue Button that stand in its place.
_BLUE_BUTTON = "https://bluebutton.cms.gov/resources/variables/"
ADJUDICATION = {
    "submitted": "submitted",
    "eligible": "eligible",
    "benefit": "benefit",
    **dict.fromkeys(("copay", "deductible", "coinsurance", "patientpay"), "owed"),
    f"{_BLUE_BUTTON}line_sbmtd_chrg_amt": "submitted",
    f"{_BLUE_BUTTON}line_alowd_chrg_amt": "eligible",
    f"{_BLUE_BUTTON}line_nch_pmt_amt": "benefit",
    f"{_BLUE_BUTTON}line_prvdr_pmt_amt": "to_provider",
    **dict.fromkeys(
        (f"{_BLUE_BUTTON}line_bene_ptb_ddctbl_amt", f"{_BLUE_BUTTON}line_coinsrnc_amt"),
        "owed",
    ),
}

#: FHIR CodeSystem ex-relatedclaimrelationship.
CLAIM_FREQUENCY = {"prior": "replacement", "associated": "other"}

#: FHIR R4 RemittanceOutcome.
CLAIM_OUTCOME = {"queued": "received", "complete": "finalized", "partial": "pended", "error": "rejected"}
