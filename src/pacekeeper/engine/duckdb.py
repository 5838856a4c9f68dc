"""The embedded warehouse: one DuckDB file with one writer at a time.

While a process holds the file open for writing, no other process can open it, not even to read. So connections are
short, extraction never opens it, and readers use published copies.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pacekeeper.contract import entity_name
from pacekeeper.contract.entity import Entity
from pacekeeper.contract.schema import columns
from pacekeeper.engine.migration import columns_of, migrate, refuse_newer
from pacekeeper.engine.publication import publish
from pacekeeper.errors import ConfigError, FatalError, RetryableError

if TYPE_CHECKING:
    import ibis.backends.duckdb
    import pyarrow as pa

#: Schemas Pacekeeper owns beside one `raw_<source>` per source.
SCHEMAS = ("canonical", "stage", "quarantine", "marts", "restricted", "contract")

#: Columns that say which run made a row, and when; left out where contents are compared.
LINEAGE_COLUMNS = ("run_id", "batch_id", "published_at", "_dlt_load_id", "_dlt_id")


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB warehouse file. Making one opens nothing.

    memory_limit: above it DuckDB spills to a folder beside the file; threads: null = one per core.
    """

    path: Path
    memory_limit: str = "4GB"
    threads: int | None = None

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[Connection]:
        """A connection in UTC, closed at the end of the block.

        Raises RetryableError while another process holds the file, ConfigError where there is none to read or a newer
        Pacekeeper built it, and FatalError where it is no warehouse.
        """
        is_new = not self.path.exists()
        if not read_only:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        raw = _open(self.path, read_only=read_only)
        try:
            if is_new:
                self.path.chmod(0o600)
            spill = self.path.with_name(self.path.name + ".spill")
            raw.execute("SET TimeZone = 'UTC'")
            raw.execute(f"SET memory_limit = '{self.memory_limit}'")
            raw.execute("SET temp_directory = ?", [str(spill)])
            raw.execute("SET preserve_insertion_order = false")
            if self.threads is not None:
                raw.execute(f"SET threads = {self.threads:d}")
            refuse_newer(raw, self.path)
            yield Connection(raw)
        finally:
            raw.close()

    def create_schemas(self) -> None:
        """Create what is missing: schemas, canonical and quarantine tables; bring older ones up to date."""
        with self.connect() as connection:
            connection.create_schemas()

    def publish(self, to: Path) -> None:
        """Swap in a copy with everything; see `publication.publish`. No connection of this process may be open."""
        publish(self.path, to)


@dataclass(frozen=True)
class Connection:
    """An open connection, a `Session`: `raw` for SQL, `ibis` for expressions, both on the same session."""

    raw: duckdb.DuckDBPyConnection

    @cached_property
    def ibis(self) -> ibis.backends.duckdb.Backend:
        import ibis

        return ibis.duckdb.from_connection(self.raw)

    @property
    def dialect(self) -> str:
        return "duckdb"

    def execute(self, sql: str) -> None:
        self.raw.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.raw.execute(sql).fetchall()

    def arrow(self, sql: str) -> pa.Table:
        return self.raw.execute(sql).to_arrow_table()

    def insert(self, table: str, rows: pa.Table) -> None:
        self.raw.register("_rows", rows)
        try:
            self.raw.execute(f"INSERT INTO {table} BY NAME SELECT * FROM _rows")
        finally:
            self.raw.unregister("_rows")

    def analyze(self, table: str) -> None:
        """Nothing: DuckDB keeps statistics of every table."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.raw.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.raw.execute("ROLLBACK")
            raise
        self.raw.execute("COMMIT")

    def count(self, sql: str, parameters: Collection[object] = ()) -> int:
        """First column of the first row of a query, as a whole number."""
        row = self.raw.execute(sql, list(parameters)).fetchone()
        return 0 if row is None or row[0] is None else int(row[0])

    def has_table(self, schema: str, name: str) -> bool:
        """Whether a table or view exists in this database."""
        return bool(
            self.count(
                "SELECT count(*) FROM information_schema.tables"
                " WHERE table_catalog = current_database() AND table_schema = ? AND table_name = ?",
                (schema, name),
            )
        )

    def column_types(self, schema: str) -> dict[str, dict[str, str]]:
        """SQL type by column name, by name of every table and view of a schema."""
        return {
            table: {name: column.type for name, column in found.items()}
            for table, found in columns_of(self.raw, schema).items()
        }

    def create_schemas(self) -> None:
        """Create what is missing: schemas, canonical and quarantine tables; bring older ones up to date."""
        for schema in SCHEMAS:
            self.raw.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        with self.transaction():
            migrate(self.raw)

    def swap_slice(self, entity: type[Entity], source: str, stage_table: str) -> int:
        """Replace one source's rows of a canonical table by a stage table's; returns how many there are now.

        Runs inside the caller's transaction if there is one; `transaction()` makes one.
        """
        name = entity_name(entity)
        names = ", ".join(f'"{c.name}"' for c in columns(entity))
        values = ", ".join(f'CAST("{c.name}" AS {c.duckdb_type}) AS "{c.name}"' for c in columns(entity))
        self.raw.execute(f"DELETE FROM canonical.{name} WHERE source = ?", [source])
        self.raw.execute(f"INSERT INTO canonical.{name} ({names}) SELECT {values} FROM {stage_table}")
        return self.count(f"SELECT count(*) FROM canonical.{name} WHERE source = ?", (source,))

    def content_hash(self, table: str, exclude: Collection[str] = LINEAGE_COLUMNS) -> str:
        """Hash of a table's content that does not depend on the order of rows or columns.

        table: `schema.name`. exclude: columns that may differ between equal contents.
        """
        described = self.raw.execute(f"DESCRIBE {table}").fetchall()
        names = sorted(str(row[0]) for row in described if row[0] not in exclude)
        cells = ", ".join(f'coalesce(CAST("{name}" AS VARCHAR), chr(0))' for name in names)
        row = self.raw.execute(
            f"SELECT sha256(coalesce(string_agg(content, '' ORDER BY content), '')) "
            f"FROM (SELECT md5(concat_ws(chr(31), {cells})) AS content FROM {table})"
        ).fetchone()
        return str(row[0]) if row else ""


def _open(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(path, read_only=read_only)
    except duckdb.Error as exc:
        raise opening_error(path, exc) from None


def opening_error(path: Path, exc: duckdb.Error) -> ConfigError | RetryableError | FatalError:
    """What a failure to open a warehouse file means to a person."""
    text = str(exc)
    if "Could not set lock" in text or "already attached" in text or "different configuration" in text:
        holder = re.search(r"\(PID (\d+)\)", text)
        who = f"process {holder.group(1)}" if holder else "another connection"
        return RetryableError(
            f"{path} is in use by {who}: only one process can have the warehouse open. Wait until that run has "
            "ended, or stop it; to read meanwhile, use the published copy"
        )
    if "database does not exist" in text:
        return ConfigError(f"there is no warehouse at {path}: run `pacekeeper run` first, or correct data_dir")
    if "not a valid DuckDB database" in text:
        return FatalError(f"{path} is no DuckDB database: move it away; a run rebuilds the warehouse from the sources")
    return FatalError(
        f"opening {path} failed ({type(exc).__name__}): check that the folder is writable, the disk is not full and "
        "the file was written by this DuckDB version or an older one"
    )
