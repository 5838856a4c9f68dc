"""Reference pages of what a person writes: the columns of a stream, and the settings file."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_MADE = "<!-- Made from the code by `make reference`. -->\n"


def columns_markdown() -> str:
    """Every column type a stream may declare: what it takes, and what lands."""
    from pacekeeper import columns as c

    shared = {field.name for field in fields(c.Column)}
    lines = [
        _MADE,
        "# Columns of a stream\n",
        "`from pacekeeper import ...`. What is not declared is never landed; what does not fit is rejected with a "
        "reason, and without its value. Every column also takes `path` (without one, its own name is the path), "
        "`required` and `description`.\n",
    ]
    for kind, sql in c.SQL_TYPES.items():
        own = [f"`{field.name}`" for field in fields(kind) if field.name not in shared]
        takes = f" Takes {', '.join(own)}." if own else ""
        lines += [f"## {kind.__name__}\n", f"Lands as `{sql}`.{takes}\n", f"{inspect.getdoc(kind)}\n"]
    return "\n".join(lines)


def settings_markdown() -> str:
    """Every key of `pacekeeper.toml` that does not belong to a connector."""
    from pacekeeper import settings as s

    sections: dict[str, type[BaseModel]] = {
        "practice": s.PracticeSettings,
        "policy": s.PolicySettings,
        "identity": s.IdentitySettings,
        "warehouse": s.WarehouseSettings,
        "operations": s.OperationsSettings,
        "alerts": s.AlertSettings,
        "bi": s.BiSettings,
        "sources.<name>": s.SourceSettings,
    }
    lines = [
        _MADE,
        "# The settings file\n",
        "`pacekeeper.toml`. Each value can come from the environment too, which wins: `PACEKEEPER_PRACTICE__HOME_TZ`, "
        "`PACEKEEPER_SOURCES__EHR__TOKEN`. Secrets belong there. A source's table also holds the settings of its "
        "connector, which its page describes.",
    ]
    for name, model in sections.items():
        lines += [f"\n## [{name}]\n", f"{_about(model)}\n", "| key | default | meaning |", "|---|---|---|"]
        lines += [f"| `{key}` | {_default(field)} | {field.description} |" for key, field in model.model_fields.items()]
    return "\n".join(lines) + "\n"


def _about(model: type[BaseModel]) -> str:
    """The section's docstring without its name."""
    text = (inspect.getdoc(model) or "").partition(": ")[2]
    return text[:1].upper() + text[1:]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "none" if field.default in (None, {}) else f"`{str(field.default).lower()}`"
