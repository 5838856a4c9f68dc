"""Where a practice's data lies, and what is opened from there. Making one opens nothing."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from pacekeeper.engine.made import digest
from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.fingerprint import code_fingerprint
from pacekeeper.privacy import HashKey, create_hash_key, load_hash_key
from pacekeeper.settings import Settings, SourceSettings

if TYPE_CHECKING:
    from pacekeeper.bi.people import Reader
    from pacekeeper.bi.view import BiContract
    from pacekeeper.connector import Connector
    from pacekeeper.engine.duckdb import Warehouse
    from pacekeeper.engine.postgres import PostgresWarehouse
    from pacekeeper.engine.postgres_session import PostgresSession
    from pacekeeper.engine.session import Session
    from pacekeeper.measures.mart import Mart
    from pacekeeper.measures.publication import Publication
    from pacekeeper.ops import OpsDatabase
    from pacekeeper.policy import Policy

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PracticeHome:
    """The folders and files of one practice::

    <data_dir>/hash.key             the secret identifiers are hashed under, mode 0600
               warehouse.duckdb     written by the run only
               published/           what readers open: warehouse_read.duckdb, pacekeeper_bi.duckdb
               ops.sqlite           runs, ledgers, stream state
               run.lock             held by the one run that is under way
               checkpoints/         how an interrupted read of a source is taken up, mode 0600
               spool/  work/        emptied by every run
               dagster/             Dagster's own storage
    """

    settings: Settings

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    @property
    def key_path(self) -> Path:
        return self.data_dir / "hash.key"

    @property
    def spool_dir(self) -> Path:
        return self.data_dir / "spool"

    @property
    def work_dir(self) -> Path:
        return self.data_dir / "work"

    @property
    def dagster_dir(self) -> Path:
        """Dagster's home: the folder in the settings, else one of the data folder."""
        own = self.settings.operations.dagster_dir
        return self.data_dir / "dagster" if own is None else self.settings.home / own

    @property
    def plans_dir(self) -> Path:
        """Where compiled plans are kept: the folder in the settings, else one of the data folder."""
        own = self.settings.warehouse.plans_dir
        return self.data_dir / "plans" if own is None else self.settings.home / own

    @property
    def published_dir(self) -> Path:
        return self.data_dir / "published"

    @property
    def read_copy(self) -> Path:
        """The published copy with everything, for the CLI."""
        return self.published_dir / "warehouse_read.duckdb"

    @property
    def bi_copy(self) -> Path:
        """The published copy for BI tools. Not `bi.duckdb`: DuckDB would take `bi` in a query for the file."""
        return self.published_dir / "pacekeeper_bi.duckdb"

    @cached_property
    def warehouse(self) -> Warehouse:
        """The writable warehouse; only a run opens it."""
        from pacekeeper.engine.duckdb import Warehouse

        return Warehouse(self.data_dir / "warehouse.duckdb", memory_limit=self.memory_limit)

    @cached_property
    def postgres(self) -> PostgresWarehouse | None:
        """The database in which marts are built and served; null = the DuckDB file is all there is."""
        from pacekeeper.engine.postgres import PostgresWarehouse

        url = self.settings.warehouse.url
        return None if url is None else PostgresWarehouse(url, self.hash_key().key_id)

    @cached_property
    def published(self) -> Warehouse:
        """The readers' copy. Raises ConfigError before there is one."""
        from pacekeeper.engine.duckdb import Warehouse

        if not self.read_copy.exists():
            raise ConfigError(
                f"nothing has been published yet in {self.published_dir}: run `pacekeeper run` first, or correct "
                "data_dir in the settings"
            )
        return Warehouse(self.read_copy, memory_limit=self.memory_limit)

    @property
    def memory_limit(self) -> str:
        """What DuckDB may use: the settings' own limit, else half of the memory this process may have."""
        return self.settings.warehouse.memory_limit or f"{_memory_bytes() // 2 // 2**20}MiB"

    @cached_property
    def ops(self) -> OpsDatabase:
        """The operational database."""
        from pacekeeper.ops import OpsDatabase

        return OpsDatabase(self.data_dir / "ops.sqlite")

    @property
    def sources(self) -> Mapping[str, SourceSettings]:
        """The enabled sources, by name."""
        return {name: source for name, source in sorted(self.settings.sources.items()) if source.enabled}

    def policy(self) -> Policy:
        """The policy in the settings. Raises PolicyError where it cannot be used."""
        from pacekeeper.policy import load_policy

        if self.settings.policy_file is not None:
            return load_policy(file=self.settings.policy_file)
        return load_policy(self.settings.policy.profile)

    def connector(self, source: str) -> Connector[Any]:
        """A source's connector. Raises ConfigError or PluginError; does no I/O with the source."""
        from pacekeeper import registry

        return registry.build_source(source, self.settings.sources[source], self.settings, lambda: datetime.now(UTC))

    def hash_key(self) -> HashKey:
        """The hash secret. Raises ConfigError where it is missing or can be read by others."""
        return load_hash_key(self.key_path)

    def create(self, marts: Iterable[Mart] = ()) -> None:
        """Make the data folder, the hash secret and empty published copies, where they are missing.

        Raises ConfigError where the folder cannot be made, where the database of the settings cannot be used, and where
        a warehouse is there without its secret: another one would orphan every key in it.
        """
        self._make_folder()
        if not self.key_path.exists():
            if self.warehouse.path.exists():
                load_hash_key(self.key_path)
            create_hash_key(self.key_path)
        wanted = list(marts)
        if self.postgres is not None:
            with self.postgres.connect() as session:
                _create_marts(session, wanted)
        if not self.read_copy.exists():
            from pacekeeper.bi.stored import store_contract

            with self.warehouse.connect() as connection:
                connection.create_schemas()
                _create_marts(connection, wanted)
                store_contract(connection, wanted)
            self.publish()

    @contextmanager
    def only_run(self) -> Iterator[None]:
        """Nobody else works on this practice's data during the block; a process that holds it may enter again.

        Raises RetryableError while another process does. The lock of a process that was killed is free.
        """
        self._make_folder()
        lock = FileLock(self.data_dir / "run.lock", is_singleton=True, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RetryableError(
                f"another run is using {self.data_dir}; wait until it has ended (`pacekeeper status` shows it)"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def publish(self, publication: Publication | None = None) -> None:
        """Swap in new copies for readers: everything for the CLI, the views of its contract for BI.

        Where there is a database, readers' tables there come first. Copies of the warehouse as it is are left alone.
        publication: the night that is published, for `marts.publication`; null = it is none.
        """
        note = self.published_dir / ".copied"
        is_there = all(file.exists() for file in (note, self.read_copy, self.bi_copy))
        if is_there and note.read_text(encoding="utf-8") == self._warehouse_state():
            return
        from pacekeeper.bi.duckdb_copy import publish_bi

        note.unlink(missing_ok=True)
        if publication is not None:
            self._note(publication)
        contract, readers = self.bi()
        of = self._warehouse_state()
        if self.postgres is not None:
            with self.postgres.connect() as session:
                self.publish_postgres(session, contract, readers)
        # What earlier versions gave to BI; it has rows about clients.
        (self.published_dir / "bi.duckdb").unlink(missing_ok=True)
        for left_behind in self.published_dir.glob(".*.duckdb.*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        self.warehouse.publish(self.read_copy)
        bi = self.settings.bi
        named = readers if bi.names else ()
        publish_bi(self.warehouse.path, self.bi_copy, contract, named=named, person_rows=bi.person_rows)
        note.write_text(of, encoding="utf-8")

    def publish_postgres(self, session: PostgresSession, contract: BiContract, readers: list[Reader]) -> None:
        """Bring the readers' views of the database up to date."""
        from pacekeeper.bi.postgres_copy import publish_postgres

        publish_postgres(session, contract, readers, named=readers if self.settings.bi.names else ())

    def bi(self, *, is_strict: bool = False) -> tuple[BiContract, list[Reader]]:
        """The views for BI, and the directory's people; nobody where there is no directory that can be used.

        is_strict: a directory that cannot be used raises ConfigError.
        """
        from pacekeeper.alerts.directory import load_directory
        from pacekeeper.bi.people import readers
        from pacekeeper.bi.stored import stored_contract

        file = self.settings.directory_file
        try:
            directory = None if file is None else load_directory(file)
        except ConfigError as error:
            if is_strict:
                raise
            _log.warning("nobody reads rows of persons until the directory is mended", extra={"reason": str(error)})
            directory = None
        with self.warehouse.connect() as connection:
            people = [] if directory is None else readers(connection, directory, self.hash_key())
            return stored_contract(connection), people

    def _note(self, publication: Publication) -> None:
        from pacekeeper.measures.publication import PUBLICATION_TABLE, create_publication, note_publication

        with self.warehouse.connect() as connection:
            note_publication(connection, publication)
            if self.postgres is not None:
                from pacekeeper.engine.postgres_slices import send_table

                with self.postgres.connect() as session:
                    create_publication(session)
                    send_table(connection, session, PUBLICATION_TABLE)

    def _warehouse_state(self) -> str:
        """What tells the warehouse's file from the same file after any write to it, and its copies from older ones."""
        log = self.warehouse.path.with_name(self.warehouse.path.name + ".wal")
        found = [file.stat() for file in (self.warehouse.path, log) if file.exists()]
        files = [(one.st_ino, one.st_size, one.st_mtime_ns) for one in found]
        people = self.settings.directory_file
        settings = (
            self.settings.bi.model_dump_json(),
            people and people.exists() and digest(people.read_text("utf-8")),
        )
        return digest(files, settings, code_fingerprint(("pacekeeper.engine", "pacekeeper.bi")))

    def checkpoint_path(self, source: str) -> Path:
        """Where an interrupted read of a source says how it is taken up."""
        return self.data_dir / "checkpoints" / f"{source}.json"

    def clear_work(self) -> None:
        """Empty the spool and the working folder of what a run has left there, this one or one that was killed."""
        for folder in (self.spool_dir, self.work_dir):
            shutil.rmtree(folder, ignore_errors=True)

    def _make_folder(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.published_dir.mkdir(exist_ok=True, mode=0o750)
        except OSError as error:
            raise ConfigError(
                f"the data folder {self.data_dir} cannot be made ({type(error).__name__}): correct data_dir in the "
                "settings, or the rights on the folder above"
            ) from None


def _create_marts(session: Session, marts: Iterable[Mart]) -> None:
    """Empty tables of marts that are not there."""
    from pacekeeper.measures.mart import column_ddl
    from pacekeeper.measures.publication import create_publication

    create_publication(session)
    for mart in marts:
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {mart.schema}")
        session.execute(f"CREATE TABLE IF NOT EXISTS {mart.table} ({column_ddl(mart.columns)})")


def _memory_bytes() -> int:
    """Memory of this machine, or of the container it is, in bytes; 8 GiB where neither says."""
    found = []
    try:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # no POSIX
        found.append(8 * 2**30)
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        file = Path("/sys/fs/cgroup") / name
        with suppress(OSError, ValueError):  # no container, or "max"
            found.append(int(file.read_text(encoding="ascii")))
    return min(found)
