"""Client, client_identifier and clinician_identifier.

A billing file knows a clinician by NPI alone, and a client by the number the payer gave; the crosswalk joins them with
those of the EHR.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, literal, null, reason
from pacekeeper_connectors.x12.connector import X12
from pacekeeper_connectors.x12.lookup import client_of_claim


@X12.maps("clinician_identifier", of="provider")
def clinician_identifier(raw: RawTables) -> Table:
    t = raw.provider
    return t.select(
        clinician_key=t.npi, domain=literal("npi"), match_key=t.npi_match, out_of_scope=null("string")
    )  # fmt: skip


@X12.maps("client", of="patient")
def client(raw: RawTables) -> Table:
    t = raw.patient
    return t.select(
        client_key=t.id,
        birth_year=t.birth_year,
        area_code=t.area_code,
        part2_flag=literal("unknown"),
        out_of_scope=null("string"),
    )


@X12.maps("client_identifier", of="patient")
def client_identifier(raw: RawTables) -> Table:
    """The member number of subscribers; a dependent is known by no number of their own."""
    t = raw.patient
    return t.select(
        client_key=t.id,
        domain=literal("member"),
        match_key=t.member,
        out_of_scope=reason((t.member.isnull(), "no_own_number")),
    )


@X12.maps("client", of="claim_payment")
def client_of_remit(raw: RawTables) -> Table:
    """Clients of whom only remittances are known."""
    t = _remit_clients(raw)
    return t.select(client_key=t.client, part2_flag=literal("unknown"), out_of_scope=t.why_not)


@X12.maps("client_identifier", of="claim_payment")
def client_identifier_of_remit(raw: RawTables) -> Table:
    t = _remit_clients(raw)
    return t.select(client_key=t.client, domain=literal("member"), match_key=t.member, out_of_scope=t.why_not)


def _remit_clients(raw: RawTables) -> Table:
    """Processed claims with `why_not`: null in the first one of every client whom no claim names."""
    t = raw.claim_payment
    known = raw.patient.select(known_client="id")
    t = t.left_join(known, t.client == known.known_client)
    claims = client_of_claim(raw)
    t = t.left_join(claims, t.claim == claims.known_claim)
    t = t.mutate(
        first_why_not=reason(
            (t.client.isnull(), "no_own_number"),
            (t.known_client.notnull() | t.claim_client.notnull(), "known_from_claims"),
        )
    )
    among = expr.window(group_by=[t.client, t.first_why_not], order_by=t.id)
    again = expr.row_number().over(among) > 0
    return t.mutate(why_not=expr.coalesce(t.first_why_not, reason((again, "same_client_again"))))
