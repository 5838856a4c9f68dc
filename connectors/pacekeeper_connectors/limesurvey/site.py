"""The site file of a LimeSurvey server: what its surveys and questions mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator

from pacekeeper.contract.instruments import instruments
from pacekeeper.errors import ConfigError
from pacekeeper_connectors.questionnaire import (
    Measure,
    MeasureSpec,
    RespondentSpec,
    Section,
    Staff,
    StaffSpec,
    load_site_file,
    nearest,
)
from pacekeeper_connectors.questionnaire.spec import ClientDomain, measure_faults, measure_of, wave_faults

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


class LimeSurveySpec(Section):
    """One survey: client measures, or one staff survey."""

    client: LimeClient | None = None
    measures: dict[str, LimeMeasure] = Field(default_factory=dict)
    staff_survey: StaffSpec | None = None

    @field_validator("client", mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        """`client = "MRN"` is short for `client = { field = "MRN" }`."""
        return {"field": given} if isinstance(given, str) else given


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
            measure_of(label_of(number, name), name, spec, items_of(name, spec))
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


def items_of(name: str, spec: LimeMeasure) -> tuple[str, ...]:
    """Headings of the items: those named, else `PHQ9[SQ001]` ... of the question."""
    if spec.items is not None:
        return spec.items
    facts = instruments().get(spec.instrument or name)
    if facts is None:
        return ()
    question = spec.question or facts.code.upper()
    return tuple(f"{question}[SQ{number:03d}]" for number in range(1, facts.items + 1))


def load_site(path: Path) -> LimeSite:
    """The site file; ConfigError that names every fault it has by itself."""
    site = load_site_file(path, LimeSite, page=PAGE)
    faults = list(_faults(site))
    if faults:
        raise ConfigError(f"mapping file {path}: " + "; ".join(faults))
    return site


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
    if spec.client is not None and spec.client.field is not None:
        yield "client", "field", spec.client.field
    for name, measure in spec.measures.items():
        place = f"measures.{name}"
        yield from ((place, "items", item) for item in items_of(name, measure))
        yield from ((place, key, given) for key in ("total", "date") if (given := getattr(measure, key)) is not None)
        if isinstance(measure.respondent, RespondentSpec):
            yield f"{place}.respondent", "field", measure.respondent.field
    staff = spec.staff_survey
    if staff is not None:
        yield from (("staff_survey", "items", item) for item in staff.items)
        given = {"team": staff.team, "wave": staff.wave, "date": staff.date}
        yield from (("staff_survey", key, name) for key, name in given.items() if name is not None)


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
            if not name.replace("_", "").isalnum() or not name.isascii() or len(name) > 60:
                yield f"[surveys.{number}.measures.{name}]: its name should be letters, digits and _"
            for fault in measure_faults(name, measure, items_of(name, measure)):
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
