"""With which contract a warehouse was built, and how an older one is brought up to date (decision 6)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from pacekeeper.contract import CONTRACT_VERSION, ENTITIES
from pacekeeper.contract.schema import columns, ddl, quarantine_ddl
from pacekeeper.contract.version import ContractVersion, parse_version
from pacekeeper.errors import ConfigError

_Change = Literal["extended", "emptied", "created"]
_log = logging.getLogger(__name__)
#: What a warehouse was built with that does not say it.
BEFORE_VERSIONS_WERE_KEPT = ContractVersion(1, 0)


@dataclass(frozen=True)
class Column:
    """What the engine knows of a column."""

    type: str
    nullable: bool
    comment: str

    def has_form_of(self, other: Column | None) -> bool:
        """Whether type and nullability are the same; the comment may differ."""
        return other is not None and (self.type, self.nullable) == (other.type, other.nullable)


@dataclass(frozen=True)
class Migration:
    """What was done to a warehouse. found: its version before; null where it had no tables.

    extended: tables that got columns and kept their rows. emptied: tables made anew, to be mapped again from the raw
    versions. created: tables that were not there.
    """

    found: ContractVersion | None
    extended: tuple[str, ...]
    emptied: tuple[str, ...]
    created: tuple[str, ...]


def version_of(raw: duckdb.DuckDBPyConnection) -> ContractVersion | None:
    """The contract version a warehouse was last brought to; null where it has no canonical tables."""
    if _has_table(raw, "contract", "version"):
        row = raw.execute("SELECT version FROM contract.version").fetchone()
        return parse_version(str(row[0])) if row else None
    return BEFORE_VERSIONS_WERE_KEPT if _has_table(raw, "canonical", "practice") else None


def refuse_newer(raw: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raises ConfigError where a newer Pacekeeper built the warehouse: its columns would be lost here."""
    found = version_of(raw)
    if found is not None and found > CONTRACT_VERSION:
        raise ConfigError(
            f"{path} was built with contract version {found}, and this Pacekeeper knows versions up to "
            f"{CONTRACT_VERSION}: install the Pacekeeper that built it, or a newer one. Or move the file away: a run "
            "then reads every source from its beginning into a new warehouse"
        )


def migrate(raw: duckdb.DuckDBPyConnection) -> Migration:
    """Bring canonical and quarantine tables to the contract's form, all or nothing; nothing where they have it.

    A table that lacks nullable columns of the contract gets them and keeps its rows. One that differs otherwise is
    emptied and listed in `entities_to_map`. Runs in the caller's transaction.
    """
    found = version_of(raw)
    raw.execute("CREATE TABLE IF NOT EXISTS contract.entity_to_map (entity VARCHAR NOT NULL)")
    existing = columns_of(raw, "canonical")
    quarantined = columns_of(raw, "quarantine")
    done: dict[_Change, list[str]] = {"extended": [], "emptied": [], "created": []}
    for name, entity in ENTITIES.items():
        wanted = {c.name: Column(c.duckdb_type, c.nullable, c.description) for c in columns(entity)}
        if existing.get(name) != wanted:
            change = _change(existing.get(name), wanted)
            if change is not None:
                done[change].append(name)
            _prepare(raw, name, change, existing.get(name, {}), wanted)
            raw.execute(ddl(entity))
        if name not in quarantined:
            raw.execute(quarantine_ddl(entity))
    if found != CONTRACT_VERSION:
        raw.execute("CREATE OR REPLACE TABLE contract.version AS SELECT ? AS version", [str(CONTRACT_VERSION)])
    migration = Migration(found, tuple(done["extended"]), tuple(done["emptied"]), tuple(done["created"]))
    if found is not None and (found != CONTRACT_VERSION or migration.emptied):
        _log.info(
            "warehouse migrated",
            extra={
                "from_version": str(found),
                "to_version": str(CONTRACT_VERSION),
                "extended": list(migration.extended),
                "emptied": list(migration.emptied),
                "created": list(migration.created),
            },
        )
    return migration


def entities_to_map(raw: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Entities whose tables were emptied and have not been mapped again since."""
    rows = raw.execute("SELECT DISTINCT entity FROM contract.entity_to_map ORDER BY 1").fetchall()
    return tuple(str(entity) for (entity,) in rows if entity in ENTITIES)


def columns_of(raw: duckdb.DuckDBPyConnection, schema: str) -> dict[str, dict[str, Column]]:
    """Columns by name, in order, by name of every table and view of a schema."""
    found: dict[str, dict[str, Column]] = {}
    rows = raw.execute(
        "SELECT table_name, column_name, data_type, is_nullable, coalesce(comment, '') FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = ? ORDER BY table_name, column_index",
        [schema],
    ).fetchall()
    for table, name, kind, is_nullable, comment in rows:
        found.setdefault(str(table), {})[str(name)] = Column(str(kind), bool(is_nullable), str(comment))
    return found


def _change(existing: Mapping[str, Column] | None, wanted: Mapping[str, Column]) -> _Change | None:
    """What becomes of a table that is not as wanted; null where only words about it differ."""
    if existing is None:
        return "created"
    missing = [column for name, column in wanted.items() if name not in existing]
    has_other_form = any(not column.has_form_of(wanted.get(name)) for name, column in existing.items())
    if has_other_form or not all(column.nullable for column in missing):
        return "emptied"
    return "extended" if missing else None


def _prepare(
    raw: duckdb.DuckDBPyConnection,
    name: str,
    change: _Change | None,
    existing: Mapping[str, Column],
    wanted: Mapping[str, Column],
) -> None:
    if change == "emptied":
        raw.execute(f"DROP TABLE canonical.{name}")
        raw.execute("INSERT INTO contract.entity_to_map VALUES (?)", [name])
    if change == "extended":
        for column, kind in wanted.items():
            if column not in existing:
                raw.execute(f'ALTER TABLE canonical.{name} ADD COLUMN "{column}" {kind.type}')


def _has_table(raw: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    row = raw.execute(
        "SELECT count(*) FROM duckdb_tables() "
        "WHERE database_name = current_database() AND schema_name = ? AND table_name = ?",
        [schema, name],
    ).fetchone()
    return bool(row and row[0])
