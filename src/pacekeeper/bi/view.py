"""The contract with BI: views with stable names, and who reads which rows of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pacekeeper.bi.access import PersonRows, shipped_access
from pacekeeper.measures.mart import SQL_TYPES, ColumnType
from pacekeeper.sql_text import sql_literal, sql_name

#: What readers ask, and where the rows of these views are: a copy of the marts, with what BI may not have left out.
BI_SCHEMA = "bi"
PUBLISHED_SCHEMA = "published"
Source = Literal["mart", "practice_measure", "verdict_count", "person_label"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BiColumn(_Part):
    """unit: empty for keys, codes and dates."""

    name: str
    label: str
    type: ColumnType
    unit: str
    description: str
    is_nullable: bool

    @property
    def comment(self) -> str:
        unit = f" Unit: {self.unit}." if self.unit else ""
        return f"{self.label}. {self.description}{unit}"


class BiView(_Part):
    """`bi.<name>`. source: a mart of the same name, or how the rows are made.

    topic: null = a column `topic` says it row by row. person: column with the key of the clinician whom a row is
    about; null = no row is about one person. nobody: SQL condition that holds for rows about nobody in particular;
    null = where there is a `person`, every row is about one.
    """

    name: str
    label: str
    description: str
    grain: str
    primary_key: tuple[str, ...]
    columns: tuple[BiColumn, ...]
    topic: str | None
    source: Source = "mart"
    person: str | None = None
    nobody: str | None = None

    @property
    def comment(self) -> str:
        return f"{self.label}. {self.description} Grain: {self.grain}. Primary key: {', '.join(self.primary_key)}."

    @property
    def ddl(self) -> str:
        return ", ".join(f"{sql_name(column.name)} {SQL_TYPES[column.type]}" for column in self.columns)

    @property
    def aggregate_condition(self) -> str:
        """SQL: whether a row is about nobody in particular."""
        return "true" if self.person is None else self.nobody or "false"


class BiContract(_Part):
    """Every view, and the topic of every guardrail. Rows of guardrails that are not named have topic `other`."""

    views: tuple[BiView, ...]
    guardrail_topics: Mapping[str, str] = {}


@dataclass(frozen=True)
class RowRule:
    """What a role sees of a view.

    aggregates: whether rows about nobody in particular. person: whose rows. topics: of rows with these; null = any.
    """

    role: str
    aggregates: bool
    person: PersonRows
    topics: tuple[str, ...] | None = None

    def condition(self, view: BiView, *, keys: Mapping[PersonRows, str]) -> str:
        """SQL on a row of the view. keys: a query for keys of clinicians, for `own` and for `team`."""
        parts = [f"({view.aggregate_condition})"] if self.aggregates else []
        if view.person is not None and self.person != "none":
            parts.append(f"{sql_name(view.person)} IN ({keys[self.person]})")
        seen = " OR ".join(parts)
        if self.topics is None:
            return seen
        return f"topic IN ({', '.join(map(sql_literal, self.topics))}) AND ({seen})"


def row_rule(role: str, view: BiView) -> RowRule | None:
    """What a role sees of a view; null = nothing, it has no right to ask."""
    access = shipped_access().role[role]
    if view.topic is not None and view.topic not in access.topics:
        return None
    has_aggregates = view.person is None or view.nobody is not None
    person: PersonRows = "none" if view.person is None else access.person
    if not has_aggregates and person == "none":
        return None
    return RowRule(role, has_aggregates, person, access.topics if view.topic is None else None)
