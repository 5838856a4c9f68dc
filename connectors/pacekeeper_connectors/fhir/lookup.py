"""Finding the record behind a reference. Every lookup has one row per key, so that a left join adds no rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, null
from pacekeeper_connectors.fhir.declare import NPI

#: What a table's rows are ordered by; has to leave no ties, or results would differ from run to run.
Order: TypeAlias = Callable[[Table], list[Value]]


def rank(table: Table, by: Sequence[str], order: Order) -> Value:
    """Position of a row among those that agree in `by`, from 0."""
    return expr.row_number().over(expr.window(group_by=[table[name] for name in by], order_by=order(table)))


def first_of(table: Table, key: str, order: Order) -> Table:
    """One row per value of `key`, the first in the order; rows without that key are left out."""
    ranked = table.mutate(rank_of_key=rank(table, [key], order))
    return ranked.filter(ranked[key].notnull() & (ranked.rank_of_key == 0)).drop("rank_of_key")


def in_order(table: Table) -> list[Value]:
    """Order in which the elements of one parent stood there: a child's key ends in its position."""
    return [table.row_key.length(), table.row_key]


def with_clinician(raw: RawTables, table: Table, *, reference: str, role: str | None = None) -> Table:
    """The table with `clinician_key`: by reference, by NPI, or through a PractitionerRole; null where none is known.

    reference: a Ref column with a match on NPI; role: the column that reads the same reference as a PractitionerRole.
    `is_known_clinician` tells whether the practitioner's own record is here.
    """
    practitioner = raw.practitioner
    by_npi = (
        practitioner.filter(practitioner.npi.notnull())
        .group_by(npi_of_clinician="npi")
        .agg(clinician_of_npi=practitioner.id.min())
    )
    found = table.left_join(by_npi, table[f"{reference}_match"] == by_npi.npi_of_clinician).drop("npi_of_clinician")
    candidates = [found[reference], found.clinician_of_npi]
    if role is not None:
        roles = clinician_of_role(raw)
        found = found.left_join(roles, found[role] == roles.role_key).drop("role_key")
        candidates = [found[reference], found.clinician_of_npi, found.clinician_of_role]
    known = practitioner.select(known_clinician="id")
    found = found.mutate(clinician_key=expr.coalesce(*candidates))
    if role is not None:
        # A reference without a type (urn:uuid:...) reads as practitioner and as role: the role's own record decides.
        found = found.mutate(clinician_key=expr.coalesce(found.clinician_of_role, found.clinician_key)).drop(
            "clinician_of_role"
        )
    found = found.left_join(known, found.clinician_key == known.known_clinician)
    return found.mutate(is_known_clinician=found.known_clinician.notnull()).drop("known_clinician", "clinician_of_npi")


def clinician_of_role(raw: RawTables) -> Table:
    """One row per PractitionerRole: role_key, clinician_of_role (null where its practitioner cannot be told)."""
    role = raw.practitioner_role
    practitioner = raw.practitioner
    by_npi = (
        practitioner.filter(practitioner.npi.notnull())
        .group_by(npi_of_role="npi")
        .agg(clinician_by_npi=practitioner.id.min())
    )
    has_npi = role.practitioner_identifier_system == NPI
    role = role.mutate(
        role_npi=expr.coalesce(role.practitioner_match, has_npi.ifelse(role.practitioner_identifier, null("string")))
    )
    found = role.left_join(by_npi, role.role_npi == by_npi.npi_of_role)
    return found.select(role_key=found.id, clinician_of_role=expr.coalesce(found.practitioner, found.clinician_by_npi))
