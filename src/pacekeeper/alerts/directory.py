"""The directory file: who works here, in which role, and how they are reached. It never enters the warehouse."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from pacekeeper.alerts.routing import Role
from pacekeeper.errors import ConfigError
from pacekeeper.privacy import HashKey, keyed_hash
from pacekeeper.settings import Weekday, Zone
from pacekeeper.settings_problem import problem_lines

_KEY = re.compile(r"[0-9a-f]{32}")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _is_key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError("should be a key of 32 hex digits, or { domain = ..., value = ... }")
    return text


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Identifier(_Table):
    """An identifier that a source has as a match key (`npi` ...): hashed in memory, under the practice's key."""

    domain: str = Field(min_length=1)
    value: SecretStr

    def hashed(self, key: HashKey) -> str:
        """As the boundary does it: trimmed, lower case, without white space."""
        value = re.sub(r"\s", "", self.value.get_secret_value()).lower()
        return keyed_hash(key, "match", self.domain, value)


class QuietHours(_Table):
    """Nothing is sent between these times of the person's zone; `from` after `to` = over midnight."""

    start: time = Field(alias="from")
    to: time

    def end(self, at: datetime) -> datetime | None:
        """When the quiet hours that hold at a local time are over; null = none hold."""
        now, day = at.time(), at.date()
        if self.start <= self.to:
            return datetime.combine(day, self.to, at.tzinfo) if self.start <= now < self.to else None
        if now >= self.start:
            return datetime.combine(day + timedelta(days=1), self.to, at.tzinfo)
        return datetime.combine(day, self.to, at.tzinfo) if now < self.to else None


class Person(_Table):
    """`[people.<id>]`: id is what the outbox calls the person.

    clinician: key of theirs in the warehouse, or an identifier. supervises: ids; it wins over the warehouse's links.
    digest: `daily` = one message a day at most; `weekly` = what need not go at once waits for the digest day.
    """

    name: str = Field(min_length=1, max_length=100)
    roles: tuple[Role, ...] = ()
    urls: tuple[SecretStr, ...] = ()
    clinician: Annotated[str, AfterValidator(_is_key)] | Identifier | None = None
    team: str | None = None
    supervises: tuple[str, ...] = ()
    zone: Zone | None = None
    quiet: QuietHours | None = None
    digest: Literal["immediate", "daily", "weekly"] = "immediate"
    digest_day: Weekday = "monday"

    def local(self, at: datetime, *, practice_zone: str) -> datetime:
        """An instant by the person's clock."""
        return at.astimezone(ZoneInfo(self.zone or practice_zone))

    def is_digest_day(self, local: datetime) -> bool:
        return _DAYS[local.weekday()] == self.digest_day


class Directory(_Table):
    """Everybody, by id."""

    people: Mapping[str, Person] = {}

    @model_validator(mode="after")
    def _known_names(self) -> Directory:
        if any(not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,60}", name) for name in self.people):
            raise ValueError("an id should be lower case letters, digits, '.', '_' and '-'")
        if any(name not in self.people for person in self.people.values() for name in person.supervises):
            raise ValueError("supervises should name ids of this file")
        return self

    def in_role(self, role: Role) -> list[str]:
        """Ids of the people in a role, in the file's order."""
        return [name for name, person in self.people.items() if role in person.roles]


def load_directory(path: Path) -> Directory:
    """The directory in `path`. Raises ConfigError, without values, where it is missing, open to others or wrong."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"directory file {path} does not exist: write it (docs/how-to/alerts.md), or correct directory in [alerts] "
            "of the settings"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"directory file {path} cannot be read ({type(error).__name__})") from None
    if mode & 0o077:
        raise ConfigError(f"directory file {path} has mode {mode:04o}: others can reach it. Run: chmod 600 {path}")
    try:
        return Directory.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        reason = f"is not valid TOML at {found.group(1) if found else 'an unknown line'}"
    except ValidationError as error:
        lines = problem_lines(error, file=path, model=Directory)
        reason = "is not usable: " + "; ".join(line.partition(". Looked at:")[0] for line in lines)
    raise ConfigError(f"directory file {path} {reason}")
