"""Why a row is in quarantine: reason codes, and the sentence a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pacekeeper.contract import ENTITIES

MISSING = "missing_required"
NOT_IN_VOCABULARY = "not_in_vocabulary"
NOT_A_KEY = "not_a_key"
UNKNOWN_ZONE = "unknown_zone"
DUPLICATE_KEY = "duplicate_key"
DUPLICATE_ROW = "duplicate_row"

_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        MISSING: "A value that every row must have is missing.",
        NOT_IN_VOCABULARY: "The value is none of those the contract allows; map the code in the source's value maps.",
        NOT_A_KEY: "The value is no keyed hash; the mapping must use a Key, Ref or MatchKey column here.",
        UNKNOWN_ZONE: "The time zone is not in the IANA database; use a name like America/New_York.",
        DUPLICATE_KEY: "Several different rows have this key; one was kept, chosen by the order of their contents.",
        DUPLICATE_ROW: "The same row arrived more than once; one was kept.",
    }
)


def out_of_range(name: str) -> str:
    """Reason code of a value outside its bounds."""
    return f"{name}_out_of_range"


def not_whole(name: str) -> str:
    """Reason code of a fraction where only whole numbers make sense."""
    return f"{name}_not_whole"


def sentence(reason: str) -> str:
    """What a reason code means, for people."""
    if reason in _SENTENCES:
        return _SENTENCES[reason]
    for entity in ENTITIES.values():
        for rule in entity.rules:
            if rule.code == reason:
                return rule.message
    if reason.endswith("_not_whole"):
        return f"The {_words(reason, '_not_whole')} must be a whole number; a fraction is no valid score or count."
    if reason.endswith("_out_of_range"):
        return f"The {_words(reason, '_out_of_range')} lies outside the range the contract allows."
    return f"The row was refused with reason code {reason}."


def _words(reason: str, suffix: str) -> str:
    return reason.removesuffix(suffix).replace("_", " ")
