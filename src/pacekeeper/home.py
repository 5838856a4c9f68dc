"""Where a practice's data lies, and what is opened from there. Making one opens nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacekeeper.privacy import HashKey, create_hash_key, load_hash_key
from pacekeeper.settings import Settings, SourceSettings

if TYPE_CHECKING:
    from pacekeeper.connector import Connector
    from pacekeeper.engine.duckdb import Warehouse
    from pacekeeper.ops import OpsDatabase
    from pacekeeper.policy import Policy


@dataclass(frozen=True)
class PracticeHome:
    """The folders and files of one practice::

    <data_dir>/hash.key             the secret identifiers are hashed under, mode 0600
               warehouse.duckdb     written by the run only
               published/           warehouse_read.duckdb, bi.duckdb: what readers open
               ops.sqlite           runs, ledgers, stream state
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
        return self.data_dir / "dagster"

    @property
    def read_copy(self) -> Path:
        """The published copy with everything, for the CLI."""
        return self.data_dir / "published" / "warehouse_read.duckdb"

    @property
    def bi_copy(self) -> Path:
        """The published copy with marts only, for BI tools."""
        return self.data_dir / "published" / "bi.duckdb"

    @cached_property
    def warehouse(self) -> Warehouse:
        """The writable warehouse; only a run opens it."""
        from pacekeeper.engine.duckdb import Warehouse

        return Warehouse(self.data_dir / "warehouse.duckdb")

    @cached_property
    def published(self) -> Warehouse:
        """The readers' copy; ConfigError on opening it before the first run."""
        from pacekeeper.engine.duckdb import Warehouse

        return Warehouse(self.read_copy)

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

    def create(self) -> None:
        """Make the data folder, the hash secret and empty published copies, where they are missing."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.key_path.exists():
            create_hash_key(self.key_path)
        if not self.read_copy.exists():
            self.warehouse.create_schemas()
            self.publish()

    def publish(self) -> None:
        """Swap in new copies for readers: everything for the CLI, marts only for BI."""
        self.warehouse.publish(self.read_copy)
        self.warehouse.publish(self.bi_copy, schemas=("marts",), mode=0o640)
