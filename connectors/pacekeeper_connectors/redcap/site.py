"""The site file of a REDCap project: what its forms and fields mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field as PydanticField
from pydantic import field_validator

from pacekeeper.contract.instruments import instruments
from pacekeeper.errors import ConfigError
from pacekeeper_connectors.questionnaire import (
    ClientSpec,
    Measure,
    MeasureSpec,
    RespondentSpec,
    Section,
    Staff,
    StaffSpec,
    load_site_file,
    nearest,
)
from pacekeeper_connectors.questionnaire.spec import measure_faults, measure_of, wave_faults
from pacekeeper_connectors.redcap.dictionary import Dictionary, Field

PAGE = "docs/connectors/redcap.md"
STAFF = "staff"


class RedcapMeasure(MeasureSpec):
    """A measure on a form. form: null = the table's name. events: only these (unique names); empty = all."""

    form: str | None = None
    events: tuple[str, ...] = ()


class RedcapStaff(StaffSpec):
    """A staff survey on a form. form: null = the project's first."""

    form: str | None = None


class RedcapSite(Section):
    """A whole site file: one project, which holds either client measures or a staff survey."""

    client: ClientSpec | None = None
    measures: dict[str, RedcapMeasure] = PydanticField(default_factory=dict)
    staff_survey: RedcapStaff | None = None

    @field_validator("client", mode="before")
    @classmethod
    def _short_form(cls, given: object) -> object:
        """`client = "mrn"` is short for `[client] field = "mrn"`."""
        return {"field": given} if isinstance(given, str) else given

    @cached_property
    def known_measures(self) -> tuple[Measure, ...]:
        return tuple(measure_of(name, name, spec, items_of(name, spec)) for name, spec in self.measures.items())

    @cached_property
    def known_staff(self) -> tuple[Staff, ...]:
        return () if self.staff_survey is None else (Staff(STAFF, self.staff_survey.answers),)

    @property
    def domain(self) -> str:
        return "mrn" if self.client is None else self.client.domain


def items_of(name: str, spec: MeasureSpec) -> tuple[str, ...]:
    """Fields of the items: those named, else `phq9_1`, `phq9_2` ... by the instrument."""
    if spec.items is not None:
        return spec.items
    facts = instruments().get(spec.instrument or name)
    return () if facts is None else tuple(f"{facts.code}_{number}" for number in range(1, facts.items + 1))


def load_site(path: Path) -> RedcapSite:
    """The site file; ConfigError that names every fault it has by itself."""
    site = load_site_file(path, RedcapSite, page=PAGE)
    faults = list(_faults(site))
    if faults:
        raise ConfigError(f"mapping file {path}: " + "; ".join(faults))
    return site


def check_against(site: RedcapSite, dictionary: Dictionary, *, path: Path, events: frozenset[str] | None) -> None:
    """Raise ConfigError for every name that the project does not have. events: null = it is not longitudinal."""
    faults = list(_field_faults(site, dictionary))
    faults += list(_event_faults(site, events))
    if faults:
        raise ConfigError(f"mapping file {path}, compared with the project's data dictionary: " + "; ".join(faults))


def _faults(site: RedcapSite) -> Iterator[str]:
    if site.measures and site.staff_survey is not None:
        yield (
            "[measures] and [staff_survey] are both there: a project of clients and one of staff are two sources, each "
            "with its own token and file"
        )
    if not site.measures and site.staff_survey is None:
        yield "there is neither [measures.<name>] nor [staff_survey]: add one"
    if site.measures and site.client is None:
        yield 'client is missing: name the field with the client\'s identifier, for example client = "mrn"'
    for name, spec in site.measures.items():
        if not name.replace("_", "").isalnum() or not name.isascii() or len(name) > 60:
            yield f"[measures.{name}]: its name should be letters, digits and _, at most 60 characters"
        for fault in measure_faults(name, spec, items_of(name, spec)):
            yield f"[measures.{name}]: {fault}"
    staff = site.staff_survey
    if staff is not None:
        by_day = staff.wave is None and not all(wave.event for wave in staff.waves.values())
        for fault in wave_faults(staff.waves, by_day=by_day):
            yield f"[staff_survey]: {fault}"


def _field_faults(site: RedcapSite, dictionary: Dictionary) -> Iterator[str]:
    for place, key, name in _named_fields(site):
        field = dictionary.field_of(name)
        if field is None:
            yield f"{key} in [{place}] names field {name!r}; it should be {nearest(name, list(dictionary.fields))}"
    for name, spec in site.measures.items():
        form = spec.form or name
        if form not in dictionary.forms:
            yield f"form of [measures.{name}] is {form!r}; it should be {nearest(form, dictionary.forms)}"
            continue
        for item in items_of(name, spec):
            found = dictionary.fields.get(item)
            if found is not None and found.form != form:
                yield f"items in [measures.{name}] names {item!r}, which is on form {found.form!r}, not on {form!r}"
            if found is not None and found.kind in {"notes", "file", "descriptive"}:
                yield f"items in [measures.{name}] names {item!r}, a {found.kind} field: answers are codes or numbers"
    if site.staff_survey is not None:
        yield from _staff_faults(site.staff_survey, dictionary)


def _staff_faults(spec: RedcapStaff, dictionary: Dictionary) -> Iterator[str]:
    form = spec.form or dictionary.forms[0]
    if form not in dictionary.forms:
        yield f"form of [staff_survey] is {form!r}; it should be {nearest(form, dictionary.forms)}"
    for key, names in (("team", [spec.team]), ("wave", [spec.wave]), ("date", [spec.date]), ("items", spec.items)):
        for name in names:
            field = None if name is None else dictionary.field_of(name)
            if field is None:
                continue
            if field.is_identifier:
                yield f"{key} in [staff_survey] names {name!r}, flagged as an identifier: it may name a person"
            elif key == "items" and field.holds_text:
                yield f"items in [staff_survey] names {name!r}, a field for free text: answers are codes or numbers"


def _named_fields(site: RedcapSite) -> Iterator[tuple[str, str, str]]:
    """Table, key and name of every field the file names."""
    if site.client is not None:
        yield "client", "field", site.client.field
    for name, spec in site.measures.items():
        place = f"measures.{name}"
        yield from ((place, "items", item) for item in items_of(name, spec))
        yield from ((place, key, given) for key in ("total", "date") if (given := getattr(spec, key)) is not None)
        if isinstance(spec.respondent, RespondentSpec):
            yield f"{place}.respondent", "field", spec.respondent.field
    staff = site.staff_survey
    if staff is not None:
        yield from (("staff_survey", "items", item) for item in staff.items)
        given_fields: Mapping[str, str | None] = {"team": staff.team, "wave": staff.wave, "date": staff.date}
        yield from (("staff_survey", key, given) for key, given in given_fields.items() if given is not None)


def _event_faults(site: RedcapSite, events: frozenset[str] | None) -> Iterator[str]:
    named = [(f"events in [measures.{name}]", event) for name, spec in site.measures.items() for event in spec.events]
    if site.staff_survey is not None:
        waves = site.staff_survey.waves.items()
        named += [(f"event in [staff_survey.waves.{name}]", wave.event) for name, wave in waves if wave.event]
    for place, event in named:
        if events is None:
            yield f"{place} is set, but the project is not longitudinal: leave it out"
        elif event not in events:
            yield f"{place} names {event!r}; it should be {nearest(event, sorted(events))}"


def fields_to_ask(site: RedcapSite, dictionary: Dictionary) -> list[str]:
    """Fields an export has to have, no others: the record's own, those named, and the forms' status."""
    names = [dictionary.record_id]
    forms: list[str] = []
    for _, _, name in _named_fields(site):
        field: Field | None = dictionary.field_of(name)
        if field is not None:
            names.append(field.name)
    forms += [spec.form or name for name, spec in site.measures.items()]
    if site.staff_survey is not None:
        forms.append(site.staff_survey.form or dictionary.forms[0])
    return list(dict.fromkeys([*names, *(f"{form}_complete" for form in forms)]))
