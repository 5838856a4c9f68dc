"""Which slices need not be made again, because nothing they are made from has changed.

`contract.slice_state` has a row for every slice that is current: what it was made from, and the ledger's entry of the
run that made it. It is written in the transaction that swaps the slice in, so that a run may die at any moment.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from typing import Any

from pacekeeper.connector import Connector
from pacekeeper.contract import DERIVED, ENTITIES
from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.made import digest, made_from
from pacekeeper.engine.made import forget as forget_made
from pacekeeper.fingerprint import code_fingerprint, plugin_fingerprint
from pacekeeper.landing.fingerprint import fingerprints
from pacekeeper.landing.versions import schema_of
from pacekeeper.mapping.raw_tables import AS_OF, WatchedTables
from pacekeeper.mapping.result import MappingResult
from pacekeeper.measures.doubt import DOUBT_TABLES
from pacekeeper.measures.mart import MARTS_SCHEMA
from pacekeeper.sql_text import sql_name

_TABLE = "contract.slice_state"
#: made_from: digest of code, settings and raw versions. asked: JSON list of what of the raw tables the mapping asked
#: for. ledger: JSON of the ledger's entry.
_DDL = (
    f"CREATE TABLE IF NOT EXISTS {_TABLE} (source VARCHAR NOT NULL, entity VARCHAR NOT NULL, "
    "made_from VARCHAR NOT NULL, asked VARCHAR NOT NULL, ledger VARCHAR NOT NULL)"
)
_LIBRARIES = ("duckdb", "ibis-framework", "pandera", "sqlglot")
#: What makes slices, and what is derived from them, beside the code of connectors.
_PACKAGES = tuple(
    f"pacekeeper.{name}"
    for name in ("contract", "engine", "expr", "fhir", "hl7v2", "landing", "mapping", "value_maps", "x12")
)


def mapping_code() -> str:
    """Fingerprint of the code that maps, without the connectors'."""
    return code_fingerprint(_PACKAGES, _LIBRARIES)


def made_by(connector: Connector[Any], *settings: object) -> str:
    """Digest of the code, the declarations and the settings that make the slices of a source."""
    return digest(
        mapping_code(), plugin_fingerprint(type(connector)), connector.name, fingerprints(connector), settings
    )


class KeptSlices:
    """The slices of one source that are kept. Raw tables must not change meanwhile."""

    def __init__(self, connection: Connection, raw: WatchedTables, *, made_by: str) -> None:
        self._connection = connection
        self._raw = raw
        self._made_by = made_by
        self._contents: dict[str, object] = {}
        connection.raw.execute(_DDL)
        rows = connection.raw.execute(
            f"SELECT entity, made_from, asked, ledger FROM {_TABLE} WHERE source = ?", [raw.source]
        ).fetchall()
        self._known = {str(entity): (known, asked, ledger) for entity, known, asked, ledger in rows}

    def unchanged(self, entity: str) -> MappingResult | None:
        """The ledger's entry of a slice that need not be made again; null where it must be."""
        if entity not in self._known:
            return None
        known, asked, ledger = self._known[entity]
        if known != self._made_from(json.loads(asked)):
            return None
        entry = json.loads(ledger)
        there = f"SELECT count(*) FROM canonical.{entity} WHERE source = ?"
        if self._connection.count(there, (self._raw.source,)) != entry["mapped"]:
            return None
        entry["unmapped"] = tuple(map(tuple, entry["unmapped"]))
        return replace(MappingResult(**entry), state="unchanged")

    def keep(self, result: MappingResult) -> None:
        """Note what a slice has been made from, where it is current. Belongs in the transaction that swaps it in."""
        where = [result.source, result.entity]
        self._connection.raw.execute(f"DELETE FROM {_TABLE} WHERE source = ? AND entity = ?", where)
        if result.is_current:
            asked = sorted(self._raw.asked)
            self._connection.raw.execute(
                f"INSERT INTO {_TABLE} VALUES (?, ?, ?, ?, ?)",
                [*where, self._made_from(asked), json.dumps(asked), json.dumps(asdict(replace(result, seconds=0.0)))],
            )

    def _made_from(self, asked: Iterable[str]) -> str:
        return digest(self._made_by, [(name, self._content(name)) for name in asked])

    def _content(self, asked: str) -> object:
        """What tells one content of a raw table from another: it is append-only."""
        if asked == AS_OF:
            return self._raw.run_instant.isoformat()
        if asked not in self._contents:
            schema = schema_of(self._raw.source)
            self._contents[asked] = (
                self._connection.raw.execute(
                    "SELECT count(*), sum(version_no)::VARCHAR, epoch_us(max(observed_at)) "
                    f"FROM {schema}.{sql_name(asked)}"
                ).fetchone()
                if self._connection.has_table(schema, asked)
                else None
            )
        return self._contents[asked]


def forget(connection: Connection, *, source: str | None = None, entities: Collection[str]) -> None:
    """Have slices of these entities made again; source: null = of every source."""
    connection.raw.execute(_DDL)
    connection.raw.execute(
        f"DELETE FROM {_TABLE} WHERE list_contains(?::VARCHAR[], entity) AND (?::VARCHAR IS NULL OR source = ?)",
        [list(entities), source, source],
    )


def forget_others(connection: Connection, *, kept: Collection[str]) -> None:
    """Forget the slices of every source but these."""
    connection.raw.execute(_DDL)
    connection.raw.execute(f"DELETE FROM {_TABLE} WHERE NOT list_contains(?::VARCHAR[], source)", [list(kept)])


def forget_everything(connection: Connection) -> None:
    """Have every slice, what is derived from them and the marts made again. What has landed stays."""
    connection.create_schemas()
    forget(connection, entities=ENTITIES)
    for what in (DERIVED, MARTS_SCHEMA):
        forget_made(connection, what)


def mapped_digest(connection: Connection) -> str:
    """Digest of all that mapping leaves: slices, what is derived from them, and what is known to be wrong with them."""
    doubts = [connection.content_hash(table.sql) for table in DOUBT_TABLES]
    return digest(canonical_digest(connection), made_from(connection, DERIVED), doubts)


def canonical_digest(connection: Connection) -> str:
    """Digest of what the slices of every source are made from."""
    connection.raw.execute(_DDL)
    return digest(connection.rows(f"SELECT source, entity, made_from FROM {_TABLE} ORDER BY ALL"))
