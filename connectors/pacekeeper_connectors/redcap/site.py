"""The site file of a REDCap project: what its forms and fields mean."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field as PydanticField

from pacekeeper.contract.instruments import Instrument
from pacekeeper.errors import ConfigError
from pacekeeper_connectors.questionnaire import ClientSpec, Measure, MeasureSpec, Staff, StaffSpec
from pacekeeper_connectors.questionnaire.spec import (
    FieldInShort,
    measure_faults,
    measure_of,
    named_fields,
    wave_faults,
)
from pacekeeper_connectors.redcap.dictionary import Dictionary, Field
from pacekeeper_connectors.site_file import Section, load_site_file, nearest

PAGE = "docs/connectors/redcap.md"
STAFF = "staff"


class RedcapMeasure(MeasureSpec):
    """A measure on a form. form: null = the table's name. events: only these (unique names); empty = all."""

    form: str | None = None
    events: tuple[str, ...] = ()

    def default_field(self, facts: Instrument, number: int) -> str:
        return f"{facts.code}_{number}"


class RedcapStaff(StaffSpec):
    """A staff survey on a form. form: null = the project's first."""

    form: str | None = None


class RedcapSite(Section):
    """A whole site file: one project, which holds either client measures or a staff survey."""

    client: Annotated[ClientSpec | None, FieldInShort] = None
    measures: dict[str, RedcapMeasure] = PydanticField(default_factory=dict)
    staff_survey: RedcapStaff | None = None

    @cached_property
    def known_measures(self) -> tuple[Measure, ...]:
        return tuple(measure_of(name, name, spec) for name, spec in self.measures.items())

    @cached_property
    def known_staff(self) -> tuple[Staff, ...]:
        return () if self.staff_survey is None else (Staff(STAFF, self.staff_survey.answers),)

    @property
    def client_domain(self) -> str:
        return "mrn" if self.client is None else self.client.domain


def load_site(path: Path) -> RedcapSite:
    """The site file; ConfigError that names every fault it has by itself."""
    return load_site_file(path, RedcapSite, page=PAGE, faults=_faults)


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
        for fault in measure_faults(name, spec):
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
        for item in spec.item_fields(name):
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
    client = None if site.client is None else site.client.field
    return named_fields(site.measures, site.staff_survey, client=client)


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
