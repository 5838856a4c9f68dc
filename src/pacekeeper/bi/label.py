"""What a column is called on a page: its name in words, with the unit."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_WORDS = MappingProxyType(
    {
        "ehr": "EHR",
        "fte": "FTE",
        "pto": "PTO",
        "ai": "AI",
        "xmr": "XmR",
        "km": "Kaplan-Meier",
        "wow": "work outside work",
    }
)
_SUFFIXES = frozenset({"n", "h", "min", "d", "id", "at", "on", "cents", "sec"})


def column_labels(units: Mapping[str, str]) -> dict[str, str]:
    """Label by name of a column, all different. units: by name; empty for keys, codes and dates."""
    short = {name: _label(name, unit, is_short=True) for name, unit in units.items()}
    found = list(short.values())
    return {
        name: text if found.count(text) == 1 else _label(name, units[name], is_short=False)
        for name, text in short.items()
    }


def table_label(name: str) -> str:
    return _label(name, "", is_short=False)


def _label(name: str, unit: str, *, is_short: bool) -> str:
    words = name.split("_")
    if is_short and len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    text = " ".join(_WORDS.get(word, word) for word in words)
    text = text[:1].upper() + text[1:]
    is_told = not unit or unit.startswith("see ") or unit in text.lower()
    return text if is_told else f"{text} ({unit.replace('_', ' ')})"
