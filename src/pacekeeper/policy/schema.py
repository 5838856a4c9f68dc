"""What a policy may say: sections, guardrails, keys and the unit of each. The values are in the TOML profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

PolicyScalar = float | int | bool | str | tuple[str, ...]

SESSION_TYPES: Final = (
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
    "unknown",
)
PTO_KINDS: Final = ("grant", "accrue", "take", "carry", "forfeit", "sick", "unpaid", "parental", "unknown")

WHOLE_UNITS: Final = frozenset({"weeks", "days", "months", "appointments"})
NUMBER_UNITS: Final = frozenset({"hours", "ratio", "fte", "clients"})
WORD_UNITS: Final = MappingProxyType({"definition": ("A",)})
LIST_UNITS: Final = MappingProxyType({"session_type": SESSION_TYPES, "pto_kind": PTO_KINDS})
RAMP_UNITS: Final = ("clients", "hours")
SEVERITIES: Final = ("warn", "error")


@dataclass(frozen=True)
class GuardrailSpec:
    """Threshold and setting keys of one guardrail, each with the unit its value must be stated in."""

    thresholds: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)


SECTIONS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "fte": {"max_scale": "ratio", "cap": "fte"},
        "leave": {"paid_kinds": "pto_kind", "kinds": "pto_kind"},
        "evaluability": {"not_evaluated_below": "ratio", "full_from": "ratio"},
        "protected_admin": {"encroached_from": "ratio"},
        "expectation": {"direct_min": "hours", "direct_max": "hours", "bookable": "hours"},
    }
)

GUARDRAILS: Final[Mapping[str, GuardrailSpec]] = MappingProxyType(
    {
        "direct_hours": GuardrailSpec(
            thresholds={"warn": "hours", "breach": "hours", "breach_single_week": "hours"},
            settings={
                "consistent_weeks": "weeks",
                "consistent_window": "weeks",
                "scale_by_fte": "flag",
                "countable": "session_type",
            },
        ),
        "utilization": GuardrailSpec(
            thresholds={"floor": "ratio", "warn": "ratio", "breach": "ratio"},
            settings={
                "floor_streak": "weeks",
                "min_available_h": "hours",
                "ramp_exempt_months": "months",
                "leave_exempt": "flag",
            },
        ),
        "active_caseload": GuardrailSpec(
            thresholds={"warn": "clients", "breach": "clients"},
            settings={
                "seen_within_days": "days",
                "new_within_days": "days",
                "count_group_only": "flag",
                "scale_by_fte": "flag",
            },
        ),
        "no_show": GuardrailSpec(
            thresholds={"breach": "ratio"},
            settings={
                "definition": "definition",
                "min_n": "appointments",
                "window_weeks": "weeks",
                "late_cancel_window": "hours",
                "confidence": "ratio",
            },
        ),
    }
)

GUARDRAIL_TEXTS: Final = ("title", "period", "owner", "severity")


def fits_unit(value: object, unit: str) -> bool:
    """Whether a value may be stated in the unit: counts are whole and positive, ratios and hours are not negative."""
    if unit == "flag":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if unit in WHOLE_UNITS:
        return isinstance(value, int) and value > 0
    if unit in NUMBER_UNITS:
        return isinstance(value, int | float) and value >= 0
    if unit in WORD_UNITS:
        return value in WORD_UNITS[unit]
    words = LIST_UNITS.get(unit, ())
    return isinstance(value, list | tuple) and len(value) > 0 and all(word in words for word in value)


def what_fits(unit: str) -> str:
    """The sentence an error uses to say what would be right."""
    if unit == "flag":
        return "true or false"
    if unit in WHOLE_UNITS:
        return "a whole number above 0"
    if unit in NUMBER_UNITS:
        return "a number, 0 or more"
    if unit in WORD_UNITS:
        return "one of " + ", ".join(WORD_UNITS[unit])
    return "a list of at least one of " + ", ".join(LIST_UNITS.get(unit, ()))
