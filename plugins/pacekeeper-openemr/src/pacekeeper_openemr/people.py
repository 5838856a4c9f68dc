"""Clinicians and clients, and the identifiers by which other sources know them."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, ifelse, literal, null

from pacekeeper_openemr.connector import OpenEmr


@OpenEmr.maps("clinician", of="practitioner")
def clinician(raw: RawTables) -> Table:
    """Users with an NPI. OpenEMR tells neither what they do nor their licence."""
    t = raw.practitioner
    return t.select(clinician_key=t.id, role=literal("unknown"), license_level=literal("unknown"))


@OpenEmr.maps("clinician", of="appointment")
def clinician_of_calendar(raw: RawTables) -> Table:
    """Users without an NPI, whom FHIR does not list as Practitioner although appointments name them: once each."""
    t = raw.appointment
    known = raw.practitioner.select(known="id")
    t = t.left_join(known, t.clinician == known.known)
    first = expr.row_number().over(expr.window(group_by=t.clinician, order_by=[t.start_at, t.id])) == 0
    return t.select(
        clinician_key=t.clinician,
        role=literal("unknown"),
        license_level=literal("unknown"),
        out_of_scope=expr.cases(
            (t.clinician.isnull(), "no_clinician"),
            (t.known.notnull(), "is_practitioner"),
            (~first, "repeated"),
            else_=null("string"),
        ),
    )


@OpenEmr.maps("clinician_identifier", of="practitioner")
def clinician_npi(raw: RawTables) -> Table:
    """The NPI."""
    t = raw.practitioner
    return t.select(clinician_key=t.id, domain=literal("npi"), match_key=t.npi, out_of_scope=_missing(t.npi, "no_npi"))


@OpenEmr.maps("clinician_identifier", of="practitioner")
def clinician_email(raw: RawTables) -> Table:
    """The first e-mail address."""
    t = raw.practitioner
    return t.select(
        clinician_key=t.id, domain=literal("email"), match_key=t.email, out_of_scope=_missing(t.email, "no_email")
    )


@OpenEmr.maps("client", of="patient")
def client(raw: RawTables) -> Table:
    """Whether 42 CFR Part 2 protects a record is not in the API: unknown, which extracts treat as yes."""
    t = raw.patient
    return t.select(
        client_key=t.id,
        birth_year=t.birth_year,
        area_code=t.area_code,
        part2_flag=literal("unknown"),
        is_deceased=t.deceased,
    )


@OpenEmr.maps("client_identifier", of="patient")
def client_email(raw: RawTables) -> Table:
    """The first e-mail address. The chart number is left out: it counts from 1 in every OpenEMR."""
    t = raw.patient
    return t.select(
        client_key=t.id, domain=literal("email"), match_key=t.email, out_of_scope=_missing(t.email, "no_email")
    )


def _missing(value: expr.Value, why: str) -> expr.Value:
    return ifelse(value.isnull(), literal(why), null("string"))
