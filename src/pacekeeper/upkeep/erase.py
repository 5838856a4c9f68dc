"""A client taken out of everything a practice keeps, on request (decision 12).

In one transaction of the warehouse, which is only committed when the operational database, Dagster's storage and
PostgreSQL have let go of the client too: a kill at any moment leaves an erasure that is repeated from its beginning.
Then every file is written anew, because what was deleted still stands in a file's free blocks.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.engine.publication import publish
from pacekeeper.errors import ConfigError
from pacekeeper.landing.erased import tombstone_of, tombstone_sql
from pacekeeper.landing.identity_sql import install_keyed_hash
from pacekeeper.mapping.kept import forget_everything
from pacekeeper.ops.erasure_tables import ErasedKey, ErasedRows, Erasure
from pacekeeper.privacy import keyed_hash
from pacekeeper.upkeep.backup import alone
from pacekeeper.upkeep.erased_keys import delete_rows, erased_keys, find_client, refuse_leftovers, spared_keys
from pacekeeper.upkeep.erased_sqlite import blank_sqlite, delete_sqlite
from pacekeeper.upkeep.kept_files import need_space

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.home import PracticeHome

_KEY = re.compile(r"[0-9a-f]{32}")
_ROOM = 64 << 20
#: Told what is being done.
Step = Callable[[str], None]


@dataclass(frozen=True)
class Erased:
    """What an erasure came to. records: of the client, over all sources; rows: deleted in all tables.

    is_repeat: the client had been erased before; files were written anew.
    """

    erasure_id: str
    records: int
    rows: int
    is_repeat: bool


def client_key_of(home: PracticeHome, source: str, identity: str) -> str:
    """The key of a client by the id that a source knows; made in memory. Raises ConfigError for an empty one."""
    bare = re.sub(r"^urn:(uuid|oid):", "", identity.strip())
    if not bare:
        raise ConfigError("no id was given: type the id by which the source knows the client, or pipe it in")
    return keyed_hash(home.hash_key(), source, "client", bare)


def records_by_source(home: PracticeHome, client_key: str) -> dict[str, int]:
    """How many records of the client readers' copy has, by source."""
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT source, count(*) FROM canonical.client WHERE client_key IN (SELECT m.client_key "
            "FROM canonical.client_match m JOIN canonical.client_match o USING (person_key) WHERE o.client_key = ?) "
            "GROUP BY 1 ORDER BY 1",
            [client_key],
        ).fetchall()
    return {str(source): int(records) for source, records in rows}


def erase_client(
    home: PracticeHome, client_key: str, *, by: str, wait_seconds: float = 60, step: Step = lambda _: None
) -> Erased:
    """Erase a client and all records that are known to be the same person's.

    by: who does it, for the record. Raises ConfigError where nobody has this key, RetryableError while a run of this
    practice is under way. The marts' sums are those of before until the next run.
    """
    if not _KEY.fullmatch(client_key):
        raise ConfigError("this is no client key: a key has 32 characters, 0 to 9 and a to f")
    with alone(home, wait_seconds=wait_seconds):
        home.hash_key()
        if not home.warehouse.path.exists():
            raise ConfigError(f"there is no warehouse in {home.data_dir}: nobody is known here")
        need_space(home.data_dir, 2 * home.warehouse.path.stat().st_size + _ROOM, why="writing the files anew")
        erasure = Erasure(erasure_id=str(uuid4()), started_at=datetime.now(UTC), erased_by=by)
        is_repeat = _erase_rows(home, client_key, erasure, step)
        _write_anew(home, step)
        erasure.ended_at = datetime.now(UTC)
        home.ops.add([erasure])
    return Erased(erasure.erasure_id, erasure.client_records, erasure.rows, is_repeat)


def erase_again(home: PracticeHome, *, by: str) -> int:
    """Erase clients whom a restored backup brought back; how many there were. Whoever calls is alone."""
    with home.warehouse.connect() as connection:
        install_keyed_hash(connection.raw, home.hash_key())
        connection.raw.execute("CREATE TEMP TABLE tombstone (tombstone VARCHAR)")
        tombstones = [row.tombstone for row in home.ops.rows(ErasedKey)]
        connection.raw.execute("INSERT INTO tombstone SELECT unnest(?)", [tombstones])
        back = connection.rows(
            "SELECT min(client_key) FROM canonical.client_match "
            f"WHERE {tombstone_sql('client_key')} IN (FROM tombstone) GROUP BY person_key ORDER BY 1"
        )
    for (client_key,) in back:
        erasure = Erasure(erasure_id=str(uuid4()), started_at=datetime.now(UTC), erased_by=by)
        _erase_rows(home, str(client_key), erasure, lambda _: None)
        erasure.ended_at = datetime.now(UTC)
        home.ops.add([erasure])
    if back:
        _write_anew(home, lambda _: None)
    return len(back)


def _erase_rows(home: PracticeHome, client_key: str, erasure: Erasure, step: Step) -> bool:
    """Delete everywhere; true where that had been done before."""
    with home.warehouse.connect() as connection:
        step("finding what is the client's")
        connection.create_schemas()
        records = find_client(connection, client_key)
        if not records:
            if home.ops.rows(ErasedKey, tombstone=tombstone_of(client_key, home.hash_key())):
                return True
            raise ConfigError("no client by this id or key is known here; nothing was erased")
        # First of all: what is read from now on does not bring the client back.
        keys = erased_keys(connection)
        erasure.client_records = records
        tombstones = [ErasedKey(tombstone=tombstone_of(key, home.hash_key())) for key in keys]
        home.ops.add([erasure, *tombstones])
        forget_everything(connection)
        with connection.transaction():
            step("warehouse: deleting")
            counts = {("warehouse", table): rows for table, rows in delete_rows(connection).items()}
            refuse_leftovers(connection)
            counts |= _elsewhere(home, connection, keys, step)
            faultpoint("erase.before_commit")
    erasure.rows = sum(counts.values())
    home.ops.add(
        ErasedRows(erasure_id=erasure.erasure_id, store=store, table_name=table, rows=rows)
        for (store, table), rows in counts.items()
    )
    faultpoint("erase.committed")
    return False


def _elsewhere(home: PracticeHome, connection: Connection, keys: list[str], step: Step) -> dict[tuple[str, str], int]:
    """Delete outside of the warehouse; rows by store and table."""
    step("operations: deleting")
    counts = {("operations", table): rows for table, rows in delete_sqlite(home.ops.path, keys).items()}
    step("Dagster's storage: making keys unreadable")
    for file in _files(home.dagster_dir):
        if _is_sqlite(file):
            for table, rows in blank_sqlite(file, keys).items():
                counts["dagster", table] = counts.get(("dagster", table), 0) + rows
        elif any(key in file.read_text(encoding="utf-8", errors="replace") for key in keys):
            file.unlink()
    if home.postgres is not None:
        from pacekeeper.upkeep.erased_postgres import delete_postgres

        step("PostgreSQL: deleting")
        with home.postgres.connect() as session:
            found = delete_postgres(session, keys, spared_keys(connection))
        counts |= {("postgres", table): rows for table, rows in found.items()}
    return counts


def _write_anew(home: PracticeHome, step: Step) -> None:
    """Files without free blocks in the places of those that had the client's rows."""
    step("writing the warehouse anew")
    for left_behind in home.data_dir.glob(f".{home.warehouse.path.name}.*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    publish(home.warehouse.path, home.warehouse.path)
    faultpoint("erase.rewritten")
    home.clear_work()
    shutil.rmtree(home.data_dir / "checkpoints", ignore_errors=True)
    step("publishing")
    home.publish()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def _is_sqlite(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(16) == b"SQLite format 3\x00"
