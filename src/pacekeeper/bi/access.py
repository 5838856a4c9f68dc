"""Roles of readers, topics of tables, and what a role sees: `access.toml`, and nothing else, decides."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

PersonRows = Literal["own", "team", "none"]
#: Of what the file does not name: marts of plugins.
OTHER_TOPIC = "other"


class RoleAccess(BaseModel):
    """What a role reads: rows about nobody in particular of its topics, and of these topics the rows of persons."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topics: tuple[str, ...]
    person: PersonRows


class Mixed(BaseModel):
    """A mart with rows about clinicians and others. person: column with their keys; nobody: condition of the others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: str
    nobody: str


class Access(BaseModel):
    """Roles by name, names of marts by topic, and how many there must be for a statistic to be shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Mapping[str, RoleAccess]
    topic: Mapping[str, tuple[str, ...]]
    mixed: Mapping[str, Mixed]
    least_clinicians: int
    least_clients: int

    def topic_of(self, mart: str) -> str:
        return next((topic for topic, marts in self.topic.items() if mart in marts), OTHER_TOPIC)


@cache
def shipped_access() -> Access:
    """The rules of this release."""
    return Access.model_validate(tomllib.loads(files(__package__).joinpath("access.toml").read_text(encoding="utf-8")))
