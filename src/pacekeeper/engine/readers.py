"""Which rows of the marts readers of the BI copy do not get: those about one person's pay or leave.

The marts with the numbers stand in schema `restricted`, which readers do not have. Verdicts on them, and what is made
of verdicts, stand among all others, by `guardrail_id`.
"""

from __future__ import annotations

from collections.abc import Iterable

from pacekeeper.sql_text import sql_literal

RESTRICTED_SCHEMA = "restricted"
VERDICTS = "guardrail_result"
GUARDRAIL_COLUMN = "guardrail_id"


def hidden_guardrails(verdicts: str, restricted: Iterable[str]) -> str:
    """A query for the guardrails that judge one of those marts. verdicts: the table of verdicts as SQL names it."""
    marts = ", ".join(sql_literal(name) for name in ("", *restricted))
    return f"SELECT DISTINCT {GUARDRAIL_COLUMN} FROM {verdicts} WHERE evidence_mart IN ({marts})"


def without(hidden: Iterable[str], columns: Iterable[str]) -> str:
    """A condition on the rows of a table with those columns that leaves out what is said by these guardrails."""
    names = ", ".join(sql_literal(name) for name in hidden)
    return f" WHERE {GUARDRAIL_COLUMN} NOT IN ({names})" if names and GUARDRAIL_COLUMN in columns else ""
