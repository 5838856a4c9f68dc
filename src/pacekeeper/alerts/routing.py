"""Who is told of which guardrail, and how soon: the shipped table, with what the settings lay over it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pacekeeper.errors import ConfigError

Role = Literal["clinician", "supervisor", "clinical_lead", "owner", "billing", "intake", "outreach", "engineer"]
Latency = Literal["same_run", "weekly", "monthly"]


class Route(BaseModel):
    """How an alert of a guardrail goes out. review_days null: nobody hears again that it was not looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    notify: tuple[Role, ...]
    latency: Latency
    question: str
    guardrails: tuple[str, ...] = ()
    review_days: int | None = Field(default=None, ge=1)
    escalate: tuple[Role, ...] = ()


class Routes:
    """Routes by class, and which class a guardrail belongs to."""

    def __init__(self, over: Mapping[str, Mapping[str, Any]], guardrails: Iterable[str] = ()) -> None:
        """over: `[alerts.routes]`, by class or by guardrail. guardrails: of the practice's policy.

        Raises ConfigError for what is neither, and for what makes no route.
        """
        shipped = _shipped()
        self._of = {rail: name for name, table in shipped.items() for rail in table.get("guardrails", ())}
        for name in over:
            if name not in {*shipped, *self._of, *guardrails}:
                raise ConfigError(
                    f"[alerts.routes.{name}] of the settings names no guardrail and no class; classes are "
                    f"{', '.join(sorted(shipped))}"
                )
        tables = {name: {**table, **over.get(name, {})} for name, table in shipped.items()}
        self._classes = {name: _route(name, table) for name, table in tables.items()}
        self._rails = {
            name: _route(name, {**tables[self._of.get(name, "practice")], **own})
            for name, own in over.items()
            if name not in tables
        }

    @property
    def named(self) -> frozenset[str]:
        """Guardrails that a shipped class names."""
        return frozenset(self._of)

    def of(self, guardrail_id: str, subject_kind: str) -> Route:
        """The route of a guardrail: its own, its class's, or that of the kind of subject."""
        if guardrail_id in self._rails:
            return self._rails[guardrail_id]
        by_kind = {"clinician": "clinician", "client": "client", "alert": "client"}.get(subject_kind, "practice")
        return self._classes[self._of.get(guardrail_id, by_kind)]


@cache
def _shipped() -> Mapping[str, Mapping[str, Any]]:
    text = files(__package__).joinpath("routing.toml").read_text(encoding="utf-8")
    tables: Mapping[str, Mapping[str, Any]] = tomllib.loads(text)["class"]
    return tables


def _route(name: str, table: Mapping[str, Any]) -> Route:
    try:
        return Route.model_validate(table)
    except ValidationError as error:
        fields = ", ".join(sorted({str(detail["loc"][0]) for detail in error.errors(include_input=False)}))
    known = ", ".join(name for name in Route.model_fields if name != "guardrails")
    raise ConfigError(
        f"[alerts.routes.{name}] of the settings is not usable: {fields}. It may have {known}; what they mean stands "
        "in docs/how-to/alerts.md"
    )
