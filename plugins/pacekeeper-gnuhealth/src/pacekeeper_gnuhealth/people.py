"""Locations, clinicians and clients, and the identifiers by which other sources know them."""

from __future__ import annotations

from pacekeeper.expr import RawTables, Table, Value, literal, reason

from pacekeeper_gnuhealth.connector import GnuHealth


@GnuHealth.maps("location", of="institution")
def location(raw: RawTables) -> Table:
    """GNU Health knows no zone of an institution: the source's own stands in."""
    t = raw.institution
    return t.select(
        location_key=t.id,
        tz=literal(raw.default_tz),
        tz_source=literal("default"),
        kind=raw.value_map("location_kind", t.kind),
        kind_source_code=t.kind,
    )


@GnuHealth.maps("clinician", of="professional")
def clinician(raw: RawTables) -> Table:
    """Health professionals, those no longer active too; the main specialty tells what they do."""
    t = raw.professional
    return t.select(
        clinician_key=t.id,
        role=raw.value_map("clinician_role", t.specialty),
        role_source_code=t.specialty,
        license_level=literal("unknown"),
        home_location_key=t.institution,
    )


@GnuHealth.maps("clinician_identifier", of="professional")
def clinician_npi(raw: RawTables) -> Table:
    """The licence number, where it is an NPI."""
    t = raw.professional
    return t.select(clinician_key=t.id, domain=literal("npi"), match_key=t.npi, out_of_scope=_missing(t.npi, "no_npi"))


@GnuHealth.maps("clinician_identifier", of="professional")
def clinician_email(raw: RawTables) -> Table:
    """The first e-mail address of the person."""
    t = raw.professional
    return t.select(
        clinician_key=t.id, domain=literal("email"), match_key=t.email, out_of_scope=_missing(t.email, "no_email")
    )


@GnuHealth.maps("client", of="patient")
def client(raw: RawTables) -> Table:
    """Whether 42 CFR Part 2 protects a record is not in GNU Health: unknown, which extracts treat as yes."""
    t = raw.patient
    return t.select(client_key=t.id, birth_year=t.birth_year, part2_flag=literal("unknown"), is_deceased=t.deceased)


@GnuHealth.maps("client_identifier", of="patient")
def client_puid(raw: RawTables) -> Table:
    """The person's number here, made by chance or given by the institution."""
    t = raw.patient
    return t.select(
        client_key=t.id, domain=literal("mrn"), match_key=t.person_id, out_of_scope=_missing(t.person_id, "no_puid")
    )


@GnuHealth.maps("client_identifier", of="patient")
def client_federation_account(raw: RawTables) -> Table:
    """The person's number in the Federation, which other GNU Healths know the person by."""
    t = raw.patient
    return t.select(
        client_key=t.id,
        domain=literal("mrn"),
        match_key=t.federation_id,
        out_of_scope=reason(
            (t.federation_id.isnull(), "no_federation_account"),
            (t.federation_id == t.person_id, "same_as_puid"),
        ),
    )


@GnuHealth.maps("client_identifier", of="patient")
def client_email(raw: RawTables) -> Table:
    """The first e-mail address of the person."""
    t = raw.patient
    return t.select(
        client_key=t.id, domain=literal("email"), match_key=t.email, out_of_scope=_missing(t.email, "no_email")
    )


def _missing(value: Value, why: str) -> Value:
    return reason((value.isnull(), why))
