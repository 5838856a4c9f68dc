"""Client, client_identifier, key_merge, clinician and clinician_identifier."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, literal, reason
from pacekeeper_connectors.hl7v2.connector import Hl7v2
from pacekeeper_connectors.hl7v2.fold import carried, in_order, not_current


@Hl7v2.maps("client", of="message")
def client(raw: RawTables) -> Table:
    """Each client as the last message that says something about it leaves it.

    42 CFR Part 2 has no field in HL7 v2: unknown, which extracts treat as yes.
    """
    t = carried(in_order(raw.message, "client"), "client", "birth_year", "area", "is_deceased")
    return t.select(
        client_key=t.client,
        birth_year=t.birth_year,
        area_code=t.area,
        part2_flag=literal("unknown"),
        is_deceased=t.is_deceased,
        out_of_scope=reason((t.client.isnull(), "no_client"), *not_current(t)),
    )


@Hl7v2.maps("client_identifier", of="message")
def client_identifier(raw: RawTables) -> Table:
    """The identifier in PID-3, by which other sources meet the same client."""
    t = in_order(raw.message, "client")
    return t.select(
        client_key=t.client,
        domain=literal("mrn"),
        match_key=t.mrn,
        out_of_scope=reason((t.client.isnull(), "no_client"), *not_current(t)),
    )


@Hl7v2.maps("key_merge", of="merge")
def key_merge(raw: RawTables) -> Table:
    """A client that is merged twice counts where it went last. A merge into itself says nothing."""
    t = in_order(raw.merge, "from_client")
    return t.select(
        entity=literal("client"),
        from_key=t.from_client,
        into_key=t.into_client,
        effective_at=t.at,
        out_of_scope=reason((t.from_client == t.into_client, "same_client"), *not_current(t)),
    )


@Hl7v2.maps("clinician", of="message_clinician")
def clinician(raw: RawTables) -> Table:
    """Everybody a message names as clinician, once. HL7 v2 says neither role nor licence."""
    t = _once(raw.message_clinician, "clinician")
    return t.select(
        clinician_key=t.clinician,
        role=literal("unknown"),
        license_level=literal("unknown"),
        out_of_scope=reason((t.nth > 0, "named_again")),
    )


@Hl7v2.maps("clinician_identifier", of="message_clinician")
def clinician_identifier(raw: RawTables) -> Table:
    """The NPI, by which the crosswalk meets the same person in other sources."""
    t = _once(raw.message_clinician, "clinician", "npi")
    return t.select(
        clinician_key=t.clinician,
        domain=literal("npi"),
        match_key=t.npi,
        out_of_scope=reason((t.npi.isnull(), "no_npi"), (t.nth > 0, "named_again")),
    )


def _once(table: Table, *by: str) -> Table:
    same = expr.window(group_by=[table[name] for name in by], order_by=[table.row_key])
    return table.mutate(nth=expr.row_number().over(same))
