"""What is wrong with a setting, in words that name its places and never its value."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, core_schema

from pacekeeper.privacy import code_text

#: pydantic's own messages that quote a part of the input.
_QUOTING = frozenset({
    "assertion_error", "get_attribute_error", "iteration_error", "json_invalid", "mapping_type", "union_tag_invalid",
    "url_parsing", "url_syntax_violation", "uuid_parsing", "value_error",
})  # fmt: skip
_VARIABLE_PART = re.compile(r"[A-Za-z0-9_]+")


def place(path: Sequence[str], *, file: Path | None) -> str:
    """Where a setting is looked for: its section of the settings file, and its environment variable."""
    *section, key = path
    table = f"{key} in [{'.'.join(section)}]" if section else f"[{key}]"
    places = [f"{table} of {file or 'pacekeeper.toml (there is none)'}"]
    if all(_VARIABLE_PART.fullmatch(part) for part in path):
        variable = "PACEKEEPER_" + "__".join(path).upper()
        present = any(name.upper() == variable and value for name, value in os.environ.items())
        places.append(f"environment variable {variable} ({'set' if present else 'not set'})")
    return "; ".join(places)


def problem_lines(
    error: ValidationError,
    *,
    file: Path | None,
    model: type[BaseModel],
    prefix: Sequence[str] = (),
    shared: Collection[str] = (),
) -> list[str]:
    """One line per fault: `sources.ehr.token is missing. Looked at: ...`. Never holds a value.

    prefix: path of the table that was validated against `model`. shared: names that may stand in it besides the
    model's.
    """
    lines = []
    for detail in error.errors(include_url=False, include_input=False):
        path = [*prefix, *map(str, detail["loc"])]
        known = [*model.model_fields, *shared] if len(detail["loc"]) == 1 else []
        where = place(path, file=file) if path else str(file or "the environment")
        about = _description(model, detail)
        lines.append(f"{'.'.join(path) or 'settings'} {_complaint(detail, known)}{about}. Looked at: {where}")
    return lines


def _complaint(detail: ErrorDetails, known: Sequence[str]) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"is not a known setting{hint}" + (f" (known: {', '.join(sorted(known))})" if known else "")
    raised = detail.get("ctx", {}).get("error")
    if kind in {"value_error", "assertion_error"} and isinstance(raised, BaseException):
        return f"is not accepted: {code_text(raised) or 'the connector gives no reason that is safe to show'}"
    if kind in _QUOTING or kind not in get_args(core_schema.ErrorType):
        return f"is not accepted ({re.sub(r'[^a-z_]', '', kind)})"
    return "is not accepted: " + detail["msg"].removeprefix("Input ")


def _description(model: type[BaseModel], detail: ErrorDetails) -> str:
    field = model.model_fields.get(str(detail["loc"][0])) if detail["loc"] else None
    return f" ({field.description})" if field is not None and field.description and len(detail["loc"]) == 1 else ""
