"""Why guardrails can or cannot be measured with a practice's sources, in words."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from pacekeeper.measures.doubt import SOURCE_GAP, days_of
from pacekeeper.measures.state import Reason
from pacekeeper_assets import NEEDS

if TYPE_CHECKING:
    from pacekeeper.capability import Finding, PracticeCapability
    from pacekeeper.engine.duckdb import Connection


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


def why_incomplete(connection: Connection, guardrails: Collection[str]) -> dict[tuple[str, str], str]:
    """Why verdicts can be stale, partial or defaulted: what sources are known to lack, by guardrail and reason."""
    gaps = []
    if connection.has_table("quarantine", SOURCE_GAP.name):
        gaps = connection.raw.execute(
            "SELECT DISTINCT source, entity, stream, reason, advice, first_day, last_day "
            f"FROM {SOURCE_GAP.sql} ORDER BY ALL"
        ).fetchall()
    texts: dict[tuple[str, str], str] = {}
    for guardrail in guardrails:
        needed = NEEDS[guardrail].entities
        told: dict[str, list[str]] = {}
        for source, entity, stream, code, advice, first, last in gaps:
            if entity in needed:
                reason = Reason.STALE if first is None and last is None else Reason.PARTIAL
                text = f"source {source}, stream {stream} lacks {days_of(first, last)} ({code}): {advice}"
                told.setdefault(reason.value, []).append(text)
        unreviewed = _unreviewed(connection, needed)
        if unreviewed:
            told[Reason.DEFAULTED.value] = [unreviewed]
        texts |= {(guardrail, reason): "; ".join(dict.fromkeys(found)) for reason, found in told.items()}
    return texts


def _unreviewed(connection: Connection, entities: Collection[str]) -> str:
    """Which sources show attendance that nobody reviewed; empty where none does."""
    selects = [
        f"SELECT source, '{entity}', count(*) FROM canonical.{entity} WHERE status = 'unreviewed' GROUP BY 1"
        for entity in ("appointment", "session")
        if entity in entities
    ]
    rows = connection.raw.execute(" UNION ALL ".join(selects) + " ORDER BY ALL").fetchall() if selects else []
    found = [f"source {source} has {n:,} of {entity}" for source, entity, n in rows]
    where = "that are over and show the default status: review their attendance there"
    return f"{', '.join(found)} {where}" if found else ""
