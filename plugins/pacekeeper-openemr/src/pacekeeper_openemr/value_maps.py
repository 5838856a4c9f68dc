"""Canonical value by OpenEMR's code. Data: a site overrides or adds single codes in its settings.

`not_booked` is no canonical value, but the reason under which the mapping counts a row as out of scope.
"""

from __future__ import annotations

#: The list `apptstat` as OpenEMR 7.0.2 installs it. It differs from OpenEMR's own FHIR in three: `-`, with which every
#: appointment begins, is `proposed` there; `+`, a chart pulled beforehand, is `checked-in`; `CALL`, a call to be
#: returned about an appointment that stands, is `waitlist`.
APPOINTMENT_STATUS = {
    "-": "booked",  # none
    "*": "booked",  # reminder done
    "+": "booked",  # chart pulled
    "#": "booked",  # insurance or financial issue
    "AVM": "booked",  # confirmed by voice mail
    "SMS": "booked",  # confirmed by text message
    "EMAIL": "booked",  # confirmed by e-mail
    "CALL": "booked",  # callback requested
    "^": "not_booked",  # pending: asked for by the client, not yet accepted
    "@": "kept",  # arrived
    "~": "kept",  # arrived late
    "<": "kept",  # in exam room
    ">": "kept",  # checked out
    "$": "kept",  # coding done
    "x": "cancelled",
    "%": "cancelled",  # less than 24 hours before
    "!": "cancelled",  # left without visit
    "?": "no_show",
}

#: Calendar categories (`pc_catid`) as installed; practices add their own, and name them in their settings.
SESSION_TYPE = {
    "5": "individual",  # office visit
    "9": "individual",  # established patient
    "10": "intake",  # new patient
    "15": "group",  # group therapy
}

#: v3 ActEncounterCode.
MODALITY = {"AMB": "in_person", "VR": "video", "HH": "home", "FLD": "community"}

#: FHIR R4 EncounterStatus. OpenEMR 7.0.2 says `finished` of every encounter.
SESSION_STATUS = {
    "finished": "completed",
    "cancelled": "voided",
    "entered-in-error": "voided",
    **dict.fromkeys(("planned", "arrived", "triaged", "in-progress", "onleave"), "not_finished"),
}

#: CMS place of service, as OpenEMR stores it: a number.
LOCATION_KIND = {
    **dict.fromkeys(("11", "49", "50", "53", "72"), "clinic"),
    **dict.fromkeys(("2", "02", "10"), "telehealth"),
    **dict.fromkeys(("3", "03", "4", "04", "12"), "community"),
}

VALUE_MAPS = {
    "appointment_status": APPOINTMENT_STATUS,
    "session_type": SESSION_TYPE,
    "modality": MODALITY,
    "session_status": SESSION_STATUS,
    "location_kind": LOCATION_KIND,
}
