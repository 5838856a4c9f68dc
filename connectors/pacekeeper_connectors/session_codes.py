"""Codes of sessions that mean the same whatever carries them: our own words, and numbers of procedures."""

from __future__ import annotations

#: Our own words, and CPT and HCPCS code numbers. 99211 is left out: it is no prescriber's visit.
SESSION_TYPE = {
    **{
        word: word
        for word in (
            "intake",
            "individual",
            "couple",
            "family",
            "group",
            "crisis",
            "testing",
            "medication",
            "consult",
            "iop",
        )
    },
    **dict.fromkeys(("90791", "90792"), "intake"),
    **dict.fromkeys(("90832", "90833", "90834", "90836", "90837", "90838", "90845"), "individual"),
    **dict.fromkeys(("90846", "90847", "90849"), "family"),
    "90853": "group",
    **dict.fromkeys(("90839", "90840"), "crisis"),
    **dict.fromkeys(("96130", "96131", "96132", "96133", "96136", "96137", "96138", "96139"), "testing"),
    **dict.fromkeys(("99202", "99203", "99204", "99205", "99212", "99213", "99214", "99215"), "medication"),
    **dict.fromkeys(("S9480", "H0015"), "iop"),
}

#: Words for where and how people meet.
MODALITY = {
    "in_person": "in_person",
    "in-person": "in_person",
    "office": "in_person",
    "video": "video",
    "telehealth": "video",
    "audio": "audio",
    "phone": "audio",
    "home": "home",
    "community": "community",
}
