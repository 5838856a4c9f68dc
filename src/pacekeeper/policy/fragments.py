"""Guardrails that plugins ship: each a piece of TOML that is merged under every policy.

A distribution registers an object in the entry-point group `pacekeeper.measures`. Its attribute `policy_toml` is a text
with `[guardrails.<id>]` tables in the form of `profiles/default.toml`; an empty text ships none. Nothing is listed or
imported before a policy is loaded.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import metadata

from pacekeeper.errors import PolicyError
from pacekeeper.policy.tree import Tree
from pacekeeper.privacy import describe

GROUP = "pacekeeper.measures"


@dataclass(frozen=True)
class Fragment:
    """Guardrails of one entry point. label: distribution and entry point, for errors."""

    label: str
    guardrails: Tree


def guardrail_fragments() -> tuple[Fragment, ...]:
    """What installed plugins ship, by entry-point name. Raises PolicyError that names a plugin at fault and the fix."""
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return tuple(_fragment(point) for point in points)


def fix_of(label: str) -> str:
    """What a reader can do about a plugin that is at fault."""
    return f"Fix: update or uninstall {label}, or report this to its author"


def _fragment(point: metadata.EntryPoint) -> Fragment:
    distribution = point.dist.name if point.dist is not None else "unknown"
    label = f"distribution {distribution} (entry point {point.name} of {GROUP})"
    try:
        text = point.load().policy_toml
    except (Exception, SystemExit) as error:  # noqa: BLE001  a plugin border: its import may raise anything
        raise PolicyError(f"{label}: {point.value} cannot be loaded: {describe(error)}. {fix_of(label)}") from None
    if not isinstance(text, str):
        raise PolicyError(f"{label}: policy_toml of {point.value} is no text. {fix_of(label)}")
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{label}: policy_toml is no valid TOML: {error}. {fix_of(label)}") from None
    guardrails = tree.pop("guardrails", {})
    if tree or not isinstance(guardrails, dict):
        raise PolicyError(f"{label}: policy_toml may hold [guardrails.<id>] tables only. {fix_of(label)}")
    return Fragment(label, guardrails)
