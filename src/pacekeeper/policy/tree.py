"""Parsed TOML, checked key by key: every complaint names the place and what would be right."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from pacekeeper.errors import PolicyError

# Parsed TOML is a tree of dicts, lists and scalars; whoever reads a `Tree` checks what it takes from it.
Tree = dict[str, Any]


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """Sections merge key by key; a value, with its unit and provenance, and a list replace what was there."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and not _is_value(value) and not _is_value(below):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def _is_value(tree: Mapping[str, Any]) -> bool:
    return "value" in tree or "unit" in tree


def table(tree: object, where: str) -> Tree:
    if not isinstance(tree, dict):
        raise PolicyError(f'{where} is missing; add the section, or begin the file with extends = "default"')
    return tree


def tables(tree: object, name: str, where: str) -> list[Tree]:
    """The entries of an array of tables; none where it is not there."""
    if tree is None:
        return []
    if not isinstance(tree, list) or not all(isinstance(entry, dict) for entry in tree):
        raise PolicyError(f"{where}: {name}: write each as [[{name}]] on a line of its own")
    return tree


def refuse_unknown(tree: Mapping[str, Any], known: Collection[str], where: str) -> None:
    unknown = sorted(set(tree) - set(known))
    if unknown:
        raise PolicyError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}")


def text(tree: Mapping[str, Any], key: str, where: str) -> str:
    found = tree.get(key)
    if not isinstance(found, str) or not found.strip():
        raise PolicyError(f"{where}: {key} is missing; it must be a text")
    return found


def word(tree: Mapping[str, Any], key: str, known: Collection[str], where: str) -> str:
    found = tree.get(key)
    if not isinstance(found, str) or found not in known:
        raise PolicyError(f"{where}: {key} is {found!r}; it must be one of {', '.join(known)}")
    return found


def day(tree: Mapping[str, Any], key: str, where: str) -> date:
    found = tree.get(key)
    if not isinstance(found, date) or isinstance(found, datetime):
        raise PolicyError(f"{where}: {key} must be a date without quotes, such as 2026-01-05")
    return found


def flag(tree: Mapping[str, Any], key: str, where: str, *, default: bool = False) -> bool:
    found = tree.get(key, default)
    if not isinstance(found, bool):
        raise PolicyError(f"{where}: {key} is {found!r}; it must be true or false")
    return found
