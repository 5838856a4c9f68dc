"""What a site file says about client measures and staff surveys, whatever the survey system."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pacekeeper.contract.instruments import Instrument, instruments
from pacekeeper_connectors.site_file import Section

InstrumentName = Literal["epds", "gad7", "phq9"]
RespondentName = Literal["self", "caregiver", "clinician", "unknown"]
ClientDomain = Literal["mrn", "member", "email", "other"]
_CODE = re.compile(r"[a-z][a-z0-9_]{0,40}")
_LONGEST_NAME = 60


def _in_full(given: object) -> object:
    return {"field": given} if isinstance(given, str) else given


#: `client = "mrn"` is short for `client = { field = "mrn" }`.
FieldInShort = BeforeValidator(_in_full)


class ClientSpec(Section):
    """Where the identifier of the client stands. domain: what it is, so that other sources' equal ones meet it."""

    field: str
    domain: ClientDomain = "mrn"


class RespondentSpec(Section):
    """Who answered: a field, and the canonical value by its answer code."""

    field: str
    values: dict[str, RespondentName] = Field(default_factory=dict)


class MeasureSpec(Section):
    """One instrument on one form.

    items: fields of the items in their order; empty = only the total is there; null = the connector's default names.
    answers: score by answer code; null = the codes are the scores. reversed_items: numbers of items whose codes run
    the other way; the EPDS must say. total: field with the total. date: field with the day it was given.
    respondent: who answers, or the field that tells.
    """

    instrument: InstrumentName | None = None
    items: tuple[str, ...] | None = None
    answers: dict[str, float] | None = None
    reversed_items: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    total: str | None = None
    date: str | None = None
    respondent: RespondentName | RespondentSpec = "unknown"

    def default_field(self, facts: Instrument, number: int) -> str:
        """The connector's own name of the field of an item; numbers start at 1."""
        raise NotImplementedError(f"{type(self).__name__} names no fields")

    def item_fields(self, name: str) -> tuple[str, ...]:
        """Fields of the items: those named, else the connector's own. name: of the measure."""
        if self.items is not None:
            return self.items
        facts = instruments().get(self.instrument or name)
        return () if facts is None else tuple(self.default_field(facts, n) for n in range(1, facts.items + 1))


class WaveSpec(Section):
    """One wave of a staff survey, local days. invited: number of people asked, by team code. event: REDCap's event."""

    opens_on: date
    closes_on: date
    invited: dict[str, Annotated[int, Field(ge=0)]]
    event: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> WaveSpec:
        if self.closes_on < self.opens_on:
            raise ValueError("closes_on should not lie before opens_on")
        return self


class StaffSpec(Section):
    """A staff survey: nothing in it may lead to a person.

    instrument: code of the questionnaire. team: field with the team's code. wave: field with the wave's name; null =
    the wave that was open on the day. items: fields with the answers. answers: value by answer code; null = the codes
    are numbers. date: field with the day, where the system keeps no time of its own. item_codes: code of an item by
    field, as `{ exhausted = "1" }` where the instrument numbers its items; a field that is not in it is its own code.
    """

    instrument: str = "staff_survey"
    team: str
    wave: str | None = None
    items: tuple[str, ...]
    item_codes: dict[str, str] = Field(default_factory=dict)
    answers: dict[str, float] | None = None
    date: str | None = None
    waves: dict[str, WaveSpec]

    @field_validator("instrument")
    @classmethod
    def _is_code(cls, given: str) -> str:
        if not _CODE.fullmatch(given):
            raise ValueError("should be a code: lower_snake_case, at most 41 characters")
        return given

    @field_validator("items", "waves")
    @classmethod
    def _not_empty(cls, given: tuple[str, ...] | dict[str, WaveSpec]) -> tuple[str, ...] | dict[str, WaveSpec]:
        if not given:
            raise ValueError("should not be empty")
        return given


@dataclass(frozen=True)
class Measure:
    """A measure as mappings need it. label: names it within the source, and its value maps."""

    label: str
    instrument: str
    items: tuple[str, ...]
    answers: Mapping[str, float] | None = None
    reversed_items: frozenset[int] = frozenset()
    respondents: Mapping[str, str] = field(default_factory=dict)

    @property
    def facts(self) -> Instrument:
        return instruments()[self.instrument]

    @property
    def scores(self) -> dict[str, str]:
        """Score by answer code, as a value map holds it: text."""
        facts = self.facts
        identity = {str(value): float(value) for value in range(facts.item_min, facts.item_max + 1)}
        return {code: f"{score:g}" for code, score in (self.answers or identity).items()}


@dataclass(frozen=True)
class Staff:
    """A staff survey as mappings need it."""

    label: str
    answers: Mapping[str, float] | None = None


def measure_of(label: str, name: str, spec: MeasureSpec) -> Measure:
    """The measure of a spec that has no faults."""
    respondents = spec.respondent.values if isinstance(spec.respondent, RespondentSpec) else {}
    return Measure(
        label=label,
        instrument=spec.instrument or name,
        items=spec.item_fields(name),
        answers=spec.answers,
        reversed_items=frozenset(spec.reversed_items or ()),
        respondents=dict(respondents),
    )


def named_fields(
    measures: Mapping[str, MeasureSpec], staff: StaffSpec | None, *, client: str | None
) -> Iterator[tuple[str, str, str]]:
    """Table, key and name of every field the file names. client: the field with the client's identifier."""
    if client is not None:
        yield "client", "field", client
    for name, spec in measures.items():
        place = f"measures.{name}"
        yield from ((place, "items", item) for item in spec.item_fields(name))
        yield from ((place, key, given) for key in ("total", "date") if (given := getattr(spec, key)) is not None)
        if isinstance(spec.respondent, RespondentSpec):
            yield f"{place}.respondent", "field", spec.respondent.field
    if staff is not None:
        yield from (("staff_survey", "items", item) for item in staff.items)
        named = {"team": staff.team, "wave": staff.wave, "date": staff.date}
        yield from (("staff_survey", key, field) for key, field in named.items() if field is not None)


def measure_faults(name: str, spec: MeasureSpec) -> list[str]:
    """What is wrong with a measure beyond its types, in words."""
    found = []
    if not name.replace("_", "").isalnum() or not name.isascii() or len(name) > _LONGEST_NAME:
        found.append(f"its name should be letters, digits and _, at most {_LONGEST_NAME} characters")
    instrument, items = spec.instrument or name, spec.item_fields(name)
    facts = instruments().get(instrument)
    if facts is None:
        return [*found, f"instrument is missing, and {name!r} is none of {', '.join(instruments())}"]
    if items and len(items) != facts.items:
        found.append(f"items should name {facts.items} fields, those of the {facts.title} in their order: {len(items)}")
    if len(set(items)) != len(items):
        found.append("items names a field twice")
    if not items and spec.total is None:
        found.append("items is empty and total is missing: one of the two is needed")
    if items and instrument == "epds" and spec.reversed_items is None:
        found.append(
            "reversed_items is missing: name the items whose answer codes run the other way (0 is the worst answer), "
            "or [] where the codes are the scores"
        )
    beyond = sorted(n for n in spec.reversed_items or () if n > facts.items)
    if beyond:
        found.append(f"reversed_items names {beyond[0]}; the {facts.title} has {facts.items} items")
    wrong = sorted(
        code for code, score in (spec.answers or {}).items() if not facts.item_min <= score <= facts.item_max
    )
    if wrong:
        found.append(f"answers gives {wrong[0]!r} a score outside {facts.item_min} to {facts.item_max}")
    return found


def wave_faults(waves: Mapping[str, WaveSpec], *, by_day: bool) -> list[str]:
    """What is wrong with the waves together. by_day: a sheet's wave follows from its day."""
    ordered = sorted(waves.items(), key=lambda pair: pair[1].opens_on)
    if not by_day:
        return []
    return [
        f"waves {one} and {other} overlap, so that a day does not tell which: set wave to the field that does"
        for (one, first), (other, second) in pairwise(ordered)
        if second.opens_on <= first.closes_on
    ]
