"""Who is who across sources: the crosswalks of clinicians and clients, and the list of records to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from pacekeeper.contract.identity_review import IdentityReview
from pacekeeper.contract.vocabulary import MergedEntity, ReviewReason
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.client_crosswalk import match_clients
from pacekeeper.mapping.crosswalk import Finding, match_clinicians
from pacekeeper.mapping.crosswalk_file import Crosswalk
from pacekeeper.mapping.derived import write_derived

#: By kind of record: its crosswalk, and the tables in which a source describes such records.
_TABLES: Mapping[MergedEntity, tuple[str, str, tuple[str, ...]]] = {
    MergedEntity.CLIENT: ("client_match", "client_key", ("client", "client_identifier")),
    MergedEntity.CLINICIAN: ("person_match", "clinician_key", ("clinician", "clinician_identifier")),
}


def match_identities(connection: Connection, crosswalk: Crosswalk) -> None:
    """Rebuild `person_match`, `client_match` and `identity_review` from the canonical tables and the crosswalk file."""
    found = {
        MergedEntity.CLIENT: match_clients(connection, crosswalk.clients),
        MergedEntity.CLINICIAN: match_clinicians(connection, crosswalk.clinicians),
    }
    named = {MergedEntity.CLIENT: crosswalk.clients, MergedEntity.CLINICIAN: crosswalk.clinicians}
    rows: list[tuple[str, str, str, str | None]] = []
    for entity, findings in found.items():
        rows += _review(connection, entity, findings, named[entity])
    names = ("entity", "record_key", "reason", "of_source")
    schema = pa.schema([(name, pa.string()) for name in names])
    listed = [dict(zip(names, row, strict=True)) for row in sorted(rows, key=lambda row: row[:3])]
    write_derived(connection, IdentityReview, pa.Table.from_pylist(listed, schema=schema))


def _review(
    connection: Connection, entity: MergedEntity, findings: Iterable[Finding], named: Mapping[str, str]
) -> list[tuple[str, str, str, str | None]]:
    """Rows of `identity_review` about one kind of record: findings, unmatched records, and names for no record."""
    match, key, tables = _TABLES[entity]
    raw = connection.raw
    described = " UNION ".join(f"SELECT {key} AS record_key, source FROM canonical.{table}" for table in tables)
    source_of = dict(raw.execute(f"SELECT record_key, min(source) FROM ({described}) GROUP BY ALL").fetchall())
    unmatched = raw.execute(
        f"WITH described AS ({described}), placed AS (SELECT d.record_key, d.source, m.person_key "
        f"FROM described d JOIN canonical.{match} m ON m.{key} = d.record_key) "
        "SELECT record_key FROM placed WHERE (SELECT count(DISTINCT source) FROM described) > 1 "
        "QUALIFY count(DISTINCT source) OVER (PARTITION BY person_key) = 1"
    ).fetchall()
    in_use = {found for (found,) in raw.execute(f"SELECT {key} FROM canonical.{match}").fetchall()}
    reasons = {(finding.record_key, finding.reason) for finding in findings}
    reasons |= {(record, ReviewReason.UNMATCHED) for (record,) in unmatched}
    reasons |= {(record, ReviewReason.NOT_FOUND) for record in named if record not in in_use}
    return [(entity.value, record, reason.value, source_of.get(record)) for record, reason in reasons]
