"""Canonical value by X12 code, and the family of each adjustment reason.

Sources: element code lists of X12 005010 as in the maps of pyx12 (835 X221A1, 837 X222A1); claim status categories
(code list 507), claim adjustment reasons (139).
"""

from __future__ import annotations

from collections.abc import Mapping

_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "authorisation": ("15", "39", "197", "198", "243", "284"),
    "eligibility": ("22", "26", "27", "31", "32", "33", "109", "177", "200"),
    "coding": ("4", "5", "6", "7", "8", "9", "10", "11", "16", "97", "125", "146", "181", "182", "199", "234", "236"),
    "necessity": ("50", "55", "56", "58"),
    "timeliness": ("29", "164"),
    "duplicate": ("18",),
    # Prices, shares and earlier payments: less is paid, nothing is refused.
    "none": (
        *("1", "2", "3", "23", "24", "44", "45", "59", "66", "85", "90", "91", "94", "100", "101", "102", "103", "104"),
        *("105", "121", "131", "132", "139", "142", "144", "161", "187", "209", "223", "235", "237", "241", "242"),
        *("253", "A0", "A1", "B10", "P12", "P22", "P23", "P24", "P25"),
    ),
}

VALUE_MAPS: Mapping[str, Mapping[str, str]] = {
    "payer_class": {
        "09": "self_pay",
        **dict.fromkeys(("12", "13", "14", "15", "17", "BL", "CI", "FI", "HM"), "commercial"),
        **dict.fromkeys(("16", "MA", "MB"), "medicare"),
        "MC": "medicaid",
        "CH": "tricare",
        "WC": "workers_comp",
        **dict.fromkeys(("11", "AM", "DS", "LI", "LM", "OF", "TV", "VA"), "other"),
    },
    "claim_frequency": {
        "1": "original",
        "6": "replacement",
        "7": "replacement",
        "8": "void",
        **dict.fromkeys(("0", "2", "3", "4", "5", "9"), "other"),
    },
    "claim_payment_status": {
        "1": "primary",
        "2": "secondary",
        "3": "tertiary",
        "4": "denied",
        "19": "primary",
        "20": "secondary",
        "21": "tertiary",
        "22": "reversal",
        "23": "not_our_claim",
        "25": "predetermination",
    },
    "adjustment_group": {"CO": "contractual", "PR": "patient", "OA": "other", "PI": "payer", "CR": "correction"},
    "claim_event_status": {
        **dict.fromkeys(("A0", "A1"), "received"),
        **dict.fromkeys(("A2", "A5"), "accepted"),
        **dict.fromkeys(("A3", "A6", "A7", "A8"), "rejected"),
        "A4": "not_found",
        **dict.fromkeys(("P0", "P1", "P2", "P3", "P4", "P5"), "pended"),
        **dict.fromkeys(("F0", "F1", "F2", "F3", "F3F", "F3N", "F4"), "finalized"),
        "D0": "not_found",
    },
    # A reason that is not listed is a denial of another kind.
    "denial_family": {reason: family for family, reasons in _FAMILIES.items() for reason in reasons},
    # The client's share is a denial only where the plan does not cover the service.
    "patient_share_denial": dict.fromkeys(("96", "119", "204"), "other"),
}
