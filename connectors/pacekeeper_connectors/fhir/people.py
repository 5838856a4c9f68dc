"""Location, clinician, clinician_identifier and client."""

from __future__ import annotations

from pacekeeper.expr import RawTables, Table, Value, ifelse, literal, null
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import clinician_of_role, first_of, reason


@Fhir.maps("location", of="location")
def location(raw: RawTables) -> Table:
    """A location without the time zone extension takes the source's zone."""
    t = raw.location
    kind_code = t.physical_type.coalesce(t.type)
    return t.select(
        location_key=t.id,
        tz=t.tz.coalesce(literal(raw.default_tz)),
        tz_source=ifelse(t.tz.isnull(), "default", "record"),
        kind=raw.value_map("location_kind", kind_code),
        kind_source_code=kind_code,
        out_of_scope=reason((t.status == "entered-in-error", "entered_in_error")),
    )


@Fhir.maps("clinician", of="practitioner")
def clinician(raw: RawTables) -> Table:
    """Role and home location come from the practitioner's first active role; FHIR has no level of licence."""
    t = raw.practitioner
    known = clinician_of_role(raw)
    roles = raw.practitioner_role
    roles = roles.join(known, roles.id == known.role_key)
    best = first_of(roles, "clinician_of_role", _active_and_latest)
    best = best.select("clinician_of_role", role_code=best.code, role_location=best.location)
    found = t.left_join(best, t.id == best.clinician_of_role)
    return found.select(
        clinician_key=found.id,
        role=raw.value_map("clinician_role", found.role_code),
        role_source_code=found.role_code,
        license_level=literal("unknown"),
        home_location_key=found.role_location,
        out_of_scope=null("string"),
    )


@Fhir.maps("clinician_identifier", of="practitioner")
def clinician_identifier(raw: RawTables) -> Table:
    """The NPI, by which the crosswalk meets the same person in other sources."""
    t = raw.practitioner
    return t.select(
        clinician_key=t.id,
        domain=literal("npi"),
        match_key=t.npi,
        out_of_scope=reason((t.npi.isnull(), "no_npi")),
    )


@Fhir.maps("client", of="patient")
def client(raw: RawTables) -> Table:
    """Whether a record falls under 42 CFR Part 2 is not in FHIR: unknown, which extracts treat as yes."""
    t = raw.patient
    return t.select(
        client_key=t.id,
        birth_year=t.birth_year,
        area_code=t.area_code,
        part2_flag=literal("unknown"),
        is_deceased=ifelse(t.deceased_year.notnull(), literal(True), t.deceased),  # noqa: FBT003  a value
        out_of_scope=null("string"),
    )


def _active_and_latest(role: Table) -> list[Value]:
    is_active = role.active.fill_null(True)  # noqa: FBT003  FHIR: a role without `active` is in use
    return [ifelse(is_active, 0, 1), role.period_start.desc(nulls_first=False), role.id]
