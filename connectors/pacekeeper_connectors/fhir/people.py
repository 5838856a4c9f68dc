"""Location, clinician, client, their identifiers, and merged client records."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, ifelse, literal, null, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import clinician_of_role, first_of, in_order, rank


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


@Fhir.maps("client_identifier", of="patient_identifier")
def client_identifier(raw: RawTables) -> Table:
    """Medical record numbers (MR) and members' numbers (MB), HL7 v2 table 0203; others name nobody elsewhere."""
    t = raw.patient_identifier
    t = t.mutate(domain=raw.value_map("client_domain", t.type))
    t = t.mutate(place=rank(t, ["parent_key", "domain", "mrn"], in_order))
    return t.select(
        client_key=t.parent_key,
        domain=t.domain,
        match_key=expr.ifelse(t.domain == "member", t.member, t.mrn),
        out_of_scope=reason(
            (t.domain == "unknown", "identifier_of_another_kind"),
            (t.mrn.isnull(), "no_value"),
            (t.place > 0, "repeated"),
        ),
    )


@Fhir.maps("client_identifier", of="patient")
def client_email(raw: RawTables) -> Table:
    """The first e-mail address."""
    t = raw.patient
    return t.select(
        client_key=t.id,
        domain=literal("email"),
        match_key=t.email,
        out_of_scope=reason((t.email.isnull(), "no_email")),
    )


@Fhir.maps("key_merge", of="patient_link")
def key_merge(raw: RawTables) -> Table:
    """`replaced-by` says this record was merged into the other; `replaces` says the same from the other side."""
    t = raw.patient_link
    said = t.filter(t.type == "replaced-by").select(said_from="parent_key").distinct()
    t = t.left_join(said, t.other == said.said_from)
    is_gone = t.type == "replaced-by"
    t = t.mutate(
        from_key=expr.ifelse(is_gone, t.parent_key, t.other), into_key=expr.ifelse(is_gone, t.other, t.parent_key)
    )
    t = t.mutate(place=rank(t, ["from_key", "type"], in_order))
    return t.select(
        entity=literal("client"),
        from_key=t.from_key,
        into_key=t.into_key,
        effective_at=null("timestamp('UTC')"),
        out_of_scope=reason(
            (~t.type.isin(["replaced-by", "replaces"]), "no_merge"),
            (t.other.isnull(), "to_no_client"),
            ((t.type == "replaces") & t.said_from.notnull(), "said_by_the_other"),
            (t.place > 0, "repeated"),
        ),
    )


def _active_and_latest(role: Table) -> list[Value]:
    is_active = role.active.fill_null(True)  # noqa: FBT003  FHIR: a role without `active` is in use
    return [ifelse(is_active, 0, 1), role.period_start.desc(nulls_first=False), role.id]
