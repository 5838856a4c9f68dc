"""OperationOutcomes, of which only severities and codes are shown: their texts may quote data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from pacekeeper.fhir.parts import parts

_ERRORS = {"error", "fatal"}


def outcome_text(outcome: Mapping[str, Any]) -> str:
    """Severity and code of an OperationOutcome's issues."""
    issues = [f"{_word(issue.get('severity'))} ({_word(issue.get('code'))})" for issue in parts(outcome, "issue")]
    return "an OperationOutcome: " + (", ".join(issues[:5]) or "without issues")


def is_error(outcome: object) -> bool:
    """Whether any of its issues is an error; an outcome without a readable issue is taken to be one."""
    severities = [issue.get("severity") for issue in parts(outcome, "issue")]
    return not severities or any(severity in _ERRORS for severity in severities)


def answered_outcome(response: httpx.Response) -> Mapping[str, Any]:
    """The OperationOutcome an answer holds; an empty one where it holds none."""
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) and found.get("resourceType") == "OperationOutcome" else {}


def has_code(outcome: Mapping[str, Any], *codes: str) -> bool:
    """Whether an issue has one of the codes."""
    return any(issue.get("code") in codes for issue in parts(outcome, "issue"))


def _word(value: object) -> str:
    text = str(value)
    return text if text.replace("-", "").isalpha() and len(text) <= 32 else "unreadable"
