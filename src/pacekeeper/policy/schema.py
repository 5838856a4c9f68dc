"""Units a policy states its values in, and what a policy may say, which follows from the shipped defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
ROLES: Final = ("therapist", "prescriber", "intern", "supervisor", "tester", "peer", "other", "unknown")
EMPLOYMENT_TYPES: Final = ("w2", "1099", "student", "unknown")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: `unknown` stands for people of whom no template is known.
SCHEDULE_TEMPLATES: Final = ("half_day_blocks", "four_client_days", "four_by_ten", "other", "unknown")

#: Whole, above 0: windows and smallest numbers.
WHOLE_UNITS: Final = frozenset({"weeks", "days", "business_days", "months", "quarters", "appointments"})
#: Whole, 0 or more: what is counted.
COUNT_UNITS: Final = frozenset(
    {
        "sessions", "blocks", "alerts", "messages", "notes", "claims", "records", "responses", "episodes", "clinicians",
        "people", "items", "events", "times", "usd_cents",
    }
)  # fmt: skip
#: Any number, 0 or more. A ratio of 0.1 is 10 per cent.
NUMBER_UNITS: Final = frozenset(
    {"seconds", "minutes", "hours", "ratio", "fte", "clients", "points", "per_hour", "standard_deviations"}
)
#: Any number: a score of an instrument, or a difference of scores.
SIGNED_UNITS: Final = frozenset({"score"})
LIST_UNITS: Final = MappingProxyType(
    {
        "session_type": SESSION_TYPES,
        "pto_kind": PTO_KINDS,
        "role": ROLES,
        "weekday": WEEKDAYS,
        "schedule_template": SCHEDULE_TEMPLATES,
    }
)
#: Lists of codes of the practice's own.
FREE_LIST_UNITS: Final = frozenset({"specialty", "words"})
#: One code; `choices` of the shipped default says which there are.
WORD_UNITS: Final = frozenset({"definition", "word"})
UNITS: Final = frozenset(
    {"flag", "clock"}
    | WHOLE_UNITS
    | COUNT_UNITS
    | NUMBER_UNITS
    | SIGNED_UNITS
    | set(LIST_UNITS)
    | FREE_LIST_UNITS
    | WORD_UNITS
)
#: What a threshold can be stated in.
THRESHOLD_UNITS: Final = WHOLE_UNITS | COUNT_UNITS | NUMBER_UNITS | SIGNED_UNITS
RAMP_UNITS: Final = ("clients", "sessions", "hours")
SEVERITIES: Final = ("warn", "error")
SUBJECTS: Final = ("clinician", "practice", "team", "client", "alert", "service_line", "contract")
GUARDRAIL_TEXTS: Final = ("title", "period", "owner", "severity")

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True)
class ValueSpec:
    """How a value must be stated. choices: the only words it may hold; none = all that fit the unit."""

    unit: str
    choices: tuple[str, ...] = ()

    def fits(self, value: object) -> bool:
        if not fits_unit(value, self.unit):
            return False
        words = value if isinstance(value, list | tuple) else [value]
        return not self.choices or all(word in self.choices for word in words)

    @property
    def what_fits(self) -> str:
        """The sentence an error uses to say what would be right."""
        if not self.choices:
            return what_fits(self.unit)
        return ("one of " if self.unit in WORD_UNITS else "a list of at least one of ") + ", ".join(self.choices)


@dataclass(frozen=True)
class GuardrailSpec:
    """What a guardrail's shipped defaults fix for every policy.

    subject: what it judges. rules: ids of the practice-article rules behind it. ascending: thresholds of which none may
    be below the one before it. excludes: guardrails for another schedule template than its own.
    """

    thresholds: Mapping[str, ValueSpec]
    settings: Mapping[str, ValueSpec]
    subject: str
    rules: tuple[str, ...]
    ascending: tuple[str, ...]
    excludes: tuple[str, ...]


@dataclass(frozen=True)
class PolicySchema:
    """What a policy may and must say, besides the ramp."""

    sections: Mapping[str, Mapping[str, ValueSpec]]
    guardrails: Mapping[str, GuardrailSpec]


def fits_unit(value: object, unit: str) -> bool:
    """Whether a value may be stated in the unit."""
    if unit == "flag":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if unit in WHOLE_UNITS:
        return isinstance(value, int) and value > 0
    if unit in COUNT_UNITS:
        return isinstance(value, int) and value >= 0
    if unit in NUMBER_UNITS:
        return isinstance(value, int | float) and 0 <= value < float("inf")
    if unit in SIGNED_UNITS:
        return isinstance(value, int | float) and abs(value) < float("inf")
    if unit == "clock":
        return isinstance(value, str) and _CLOCK.fullmatch(value) is not None
    if unit in WORD_UNITS:
        return is_code(value)
    if not isinstance(value, list | tuple) or not value:
        return False
    return all(word in LIST_UNITS[unit] if unit in LIST_UNITS else is_code(word) for word in value)


def is_code(value: object) -> bool:
    """Whether a value is a code: letters, digits, `_`, `.` and `-`."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def what_fits(unit: str) -> str:
    """The sentence an error uses to say what would be right."""
    if unit == "flag":
        return "true or false"
    if unit == "clock":
        return 'a local time such as "08:00"'
    if unit in WHOLE_UNITS:
        return "a whole number above 0"
    if unit in COUNT_UNITS:
        return "a whole number, 0 or more"
    if unit in NUMBER_UNITS:
        return "a number, 0 or more"
    if unit in SIGNED_UNITS:
        return "a number"
    if unit in WORD_UNITS:
        return "a code in quotes"
    return "a list of at least one of " + ", ".join(LIST_UNITS[unit]) if unit in LIST_UNITS else "a list of codes"
