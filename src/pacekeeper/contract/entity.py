"""What every canonical entity is made of: a row model, its columns, and the rules a row must keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import declared_attr, registry
from sqlmodel import Field, SQLModel

#: Value of `source` in tables that Pacekeeper derives itself, and in those that come from the settings.
DERIVED = "derived"
SETTINGS = "settings"


@dataclass(frozen=True)
class Rule:
    """One plausibility rule about a row.

    code: the reason under which a row that breaks the rule is quarantined. column: the column named with it.
    message: the sentence a person reads. passes: from a function that gives a column by name to a boolean
    expression; written so that it works on Polars and on Ibis columns alike. A null result passes: whether a value
    may be missing is the column's own business.
    """

    code: str
    column: str
    message: str
    passes: Callable[[Callable[[str], Any]], Any]  # Any: a Polars or an Ibis expression


class Entity(SQLModel, registry=registry(metadata=sa.MetaData(schema="canonical"))):
    """Base of the canonical row models, the single source of DDL, Arrow, Ibis and Pandera schemas and dictionary.

    grain: what one row is. derived: made by Pacekeeper, so that no connector may map to it.
    rules: checks beyond type, vocabulary, range and key format. zones: columns that hold an IANA zone.
    reason_names: what a column is called in reason codes, where not by its own name.
    """

    grain: ClassVar[str] = ""
    derived: ClassVar[bool] = False
    rules: ClassVar[tuple[Rule, ...]] = ()
    zones: ClassVar[tuple[str, ...]] = ()
    reason_names: ClassVar[Mapping[str, str]] = {}

    source: str = Field(description="Configured name of the source this row comes from; filled by the framework.")

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805 - SQLAlchemy hands over the class
        return _snake(cls.__name__)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def entity_name(entity: type[Entity]) -> str:
    """Table name of an entity, lower_snake_case."""
    return str(entity.__tablename__)


def column(
    description: str,
    *,
    null: str | None = None,
    key: bool = False,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    sa_type: Any = None,  # Any: a SQLAlchemy type class or instance
) -> Any:  # Any: a field specifier stands where its value will be
    """A column. null: what a missing value means; without it the column is not null. key: part of the primary key."""
    text = description if null is None else f"{description} Null: {null}."
    given = {"ge": ge, "gt": gt, "le": le, "sa_type": sa_type, "primary_key": key or None}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if null is not None:
        options["default"] = None
    return Field(description=text, **options)


def coded(description: str, *, null: str | None = None, key: bool = False) -> Any:  # Any: see column
    """A column with a vocabulary. Plain text in the database: an enum type there outlives its table."""
    return column(description, null=null, key=key, sa_type=sa.String)


def instant(description: str, *, null: str | None = None) -> Any:  # Any: see column
    """A moment, stored in UTC."""
    return column(description, null=null, sa_type=sa.DateTime(timezone=True))


def source_code(of: str) -> Any:  # Any: see column
    """The vendor's own code beside a mapped column."""
    return column(f"The source's own code behind `{of}`.", null="the source sent none, or sends the canonical value")
