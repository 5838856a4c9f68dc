"""What codes of verdicts are called on a page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pacekeeper.policy import Policy

STATES = ("pass", "warn", "breach", "unknown", "exempt")
STATE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "pass": "within policy",
        "warn": "near a limit",
        "breach": "outside policy",
        "unknown": "not known",
        "exempt": "does not apply",
    }
)
#: The same for one verdict, and for readers who see no colours.
STATE_SIGNS: Mapping[str, str] = MappingProxyType(
    {"pass": "●", "warn": "▲", "breach": "◆", "unknown": "?", "exempt": "–"}
)
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "no_source": "no system that is read tells of it",
        "stale": "a system was last read before the period was over",
        "partial": "something that it rests on is missing, was rejected or has an unknown status",
        "defaulted": "attendance stands as the system set it by itself; nobody has confirmed it",
        "low_denominator": "there was too little to judge by",
        "ramp": "the first months have no lower limit",
        "leave": "there was leave",
        "agreed": "something else was agreed with the person",
        "above_warning": "above the warning limit",
        "above_ceiling": "above the upper limit",
        "consistently_above": "above the upper limit in several of the last weeks",
        "single_week_above": "far above the upper limit in this one week",
        "below_floor": "below the lower limit",
        "below_warning": "below the warning limit",
    }
)
_UNITS: Mapping[str, str] = MappingProxyType({"standard_deviations": "standard deviations", "usd_cents": "US cents"})


def reason(code: str | None) -> str:
    """Why, in words; a code that has none is shown as it is."""
    return "" if code is None else REASONS.get(code, code.replace("_", " "))


def title(policy: Policy, rail: str) -> str:
    """A guardrail as the policy names it; of one that the policy no longer has, its id."""
    known = policy.latest.guardrails.get(rail)
    return rail.replace("_", " ") if known is None else known.title


def unit_name(unit: str | None) -> str:
    return "" if unit is None else _UNITS.get(unit, unit.replace("_", " "))


def number(value: float | None, unit: str | None = None) -> str:
    """A value for people: ratios as per cent, cents as dollars, others with one decimal. Null = not known."""
    if value is None:
        return "not known"
    if unit == "ratio":
        return f"{value * 100:.1f}".removesuffix(".0") + " %"
    if unit == "usd_cents":
        return f"${value / 100:,.0f}".replace("$-", "-$")
    text = f"{value:,.1f}".removesuffix(".0")
    name = unit_name(unit)
    return f"{text} {name.removesuffix('s') if text == '1' else name}" if name else text
