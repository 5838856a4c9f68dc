"""Canonical value by GNU Health's code. Data: a site overrides or adds single codes in its settings.

`not_booked` and `not_finished` are no canonical values, but reasons under which the mapping counts a row as out of
scope. Source: the selections of gnuhealth 5.0.6, module health.
"""

from __future__ import annotations

APPOINTMENT_STATUS = {
    "free": "not_booked",  # a slot nobody has taken
    "confirmed": "booked",
    "checked_in": "kept",
    "done": "kept",
    "user_cancelled": "cancelled",
    "center_cancelled": "cancelled",
    "no_show": "no_show",
}

CANCELLED_BY = {"user_cancelled": "client", "center_cancelled": "practice"}

#: Of appointments and of evaluations.
MODALITY = {"outpatient": "in_person", "inpatient": "in_person", "telemedicine": "video", "homecare": "home"}

#: `new` is a new health condition, not a new client, and what GNU Health proposes for every appointment.
SESSION_TYPE = {"new": "individual", "followup": "individual"}

SESSION_STATUS = {"in_progress": "not_finished", "done": "completed", "signed": "completed"}

#: Normal, urgent, medical emergency.
ACUITY = {"a": "routine", "b": "routine", "c": "acute"}

LOCATION_KIND = {
    **dict.fromkeys(("doctor_office", "primary_care", "clinic", "hospital", "specialized", "rural"), "clinic"),
    **dict.fromkeys(("nursing_home", "hospice"), "community"),
}

#: Codes of the specialties that GNU Health installs; practices add their own.
CLINICIAN_ROLE = {"PSYCHIATRY": "prescriber", "PSYCHO": "therapist"}

VALUE_MAPS = {
    "appointment_status": APPOINTMENT_STATUS,
    "cancelled_by": CANCELLED_BY,
    "modality": MODALITY,
    "session_type": SESSION_TYPE,
    "session_status": SESSION_STATUS,
    "acuity": ACUITY,
    "location_kind": LOCATION_KIND,
    "clinician_role": CLINICIAN_ROLE,
}
