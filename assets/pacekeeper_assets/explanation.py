"""Why guardrails can or cannot be measured with a practice's sources, in words."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from pacekeeper_assets.needs import NEEDS

if TYPE_CHECKING:
    from pacekeeper.capability import Finding, PracticeCapability


def guardrail_findings(found: PracticeCapability, guardrails: Collection[str]) -> dict[str, Finding]:
    """A finding for each of the guardrails."""
    from pacekeeper.capability import findings

    needs = {name: wanted for name, wanted in NEEDS.items() if name in guardrails}
    return findings(needs, found.sources, filled=found.filled)


def why_no_source(found: PracticeCapability, guardrails: Collection[str]) -> dict[str, str]:
    """Why a verdict of each guardrail can be unknown for want of a source."""
    texts = {}
    for name, one in guardrail_findings(found, guardrails).items():
        groups = " and ".join(" or ".join(group) for group in NEEDS[name].required_entities)
        texts[name] = one.explanation or (
            f"the sources map what it needs ({groups}), but none of them has rows about this clinician, "
            "or nobody's appointments and sessions were read at all"
        )
    return texts
