"""The site file of a LimeSurvey server: what its surveys and questions mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pacekeeper.contract.instruments import Instrument
from pacekeeper.errors import ConfigError
from pacekeeper_connectors.questionnaire import Measure, MeasureSpec, Staff, StaffSpec
from pacekeeper_connectors.questionnaire.spec import (
    ClientDomain,
    FieldInShort,
    measure_faults,
    measure_of,
    named_fields,
    wave_faults,
)
from pacekeeper_connectors.site_file import Section, load_site_file, nearest

PAGE = "docs/connectors/limesurvey.md"


class LimeClient(Section):
    """Where a survey's client identifier stands: an answer (`field`), or an attribute of the participant.

    participant: `attribute_1` ..., or `token` for the access code itself.
    """

    field: str | None = None
    participant: str | None = None


class LimeMeasure(MeasureSpec):
    """A measure in a survey. question: code of an array question whose sub-questions SQ001 ... are the items."""

    question: str | None = None

    def default_field(self, facts: Instrument, number: int) -> str:
        return f"{self.question or facts.code.upper()}[SQ{number:03d}]"


class LimeSurveySpec(Section):
    """One survey: client measures, or one staff survey."""

    client: Annotated[LimeClient | None, FieldInShort] = None
    measures: dict[str, LimeMeasure] = Field(default_factory=dict)
    staff_survey: StaffSpec | None = None


class LimeSite(Section):
    """A whole site file. client_domain: what the client identifiers of all surveys are."""

    client_domain: ClientDomain = "mrn"
    surveys: dict[str, LimeSurveySpec]

    @cached_property
    def by_number(self) -> Mapping[int, LimeSurveySpec]:
        return {int(number): spec for number, spec in self.surveys.items()}

    @cached_property
    def known_measures(self) -> tuple[Measure, ...]:
        return tuple(
            measure_of(label_of(number, name), name, spec)
            for number, survey in self.by_number.items()
            for name, spec in survey.measures.items()
        )

    @cached_property
    def known_staff(self) -> tuple[Staff, ...]:
        surveys = ((number, survey.staff_survey) for number, survey in self.by_number.items())
        return tuple(Staff(staff_label(number), spec.answers) for number, spec in surveys if spec is not None)


def label_of(survey: int, measure: str) -> str:
    """Name of a measure within the source; its value maps are `<label>_answer` and `<label>_respondent`."""
    return f"s{survey}_{measure}"


def staff_label(survey: int) -> str:
    return f"s{survey}_staff"


def load_site(path: Path) -> LimeSite:
    """The site file; ConfigError that names every fault it has by itself."""
    return load_site_file(path, LimeSite, page=PAGE, faults=_faults)


def check_headings(path: Path, number: int, spec: LimeSurveySpec, headings: Mapping[str, str]) -> None:
    """Raise ConfigError for every question the survey does not have."""
    faults = [
        f"{key} in [surveys.{number}.{place}] names {name!r}; it should be {nearest(name, list(headings))}"
        for place, key, name in named_headings(spec)
        if name not in headings
    ]
    if faults:
        raise ConfigError(f"mapping file {path}, compared with the survey: " + "; ".join(faults))


def named_headings(spec: LimeSurveySpec) -> Iterator[tuple[str, str, str]]:
    """Table, key and heading of every question the file names."""
    client = None if spec.client is None else spec.client.field
    return named_fields(spec.measures, spec.staff_survey, client=client)


def _faults(site: LimeSite) -> Iterator[str]:
    if not site.surveys:
        yield "there is no [surveys.<number>]: add one"
    for number, spec in site.surveys.items():
        if not number.isascii() or not number.isdigit():
            yield f"[surveys.{number}]: a survey is named by its number, as LimeSurvey's list of surveys shows it"
            return
        place = f"[surveys.{number}]"
        if spec.measures and spec.staff_survey is not None:
            yield f"{place}: measures and staff_survey are both there; a survey is of clients or of staff"
        if not spec.measures and spec.staff_survey is None:
            yield f"{place}: there is neither measures nor staff_survey: add one"
        yield from (f"{place}: {fault}" for fault in _client_faults(spec))
        for name, measure in spec.measures.items():
            for fault in measure_faults(name, measure):
                yield f"[surveys.{number}.measures.{name}]: {fault}"
        if spec.staff_survey is not None:
            by_day = spec.staff_survey.wave is None
            for fault in wave_faults(spec.staff_survey.waves, by_day=by_day):
                yield f"[surveys.{number}.staff_survey]: {fault}"


def _client_faults(spec: LimeSurveySpec) -> Iterator[str]:
    client = spec.client
    if spec.staff_survey is not None and client is not None:
        yield "client is there, but a staff survey knows nobody: leave it out"
    if spec.measures and client is None:
        yield 'client is missing: say where it stands, for example client = { participant = "attribute_1" }'
    if client is not None and (client.field is None) == (client.participant is None):
        yield "client should have exactly one of field and participant"
