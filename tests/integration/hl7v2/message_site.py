"""A practice whose only source is a folder of HL7 v2 messages: written, landed and mapped, night after night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pacekeeper.engine.duckdb import LINEAGE_COLUMNS
from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.mapping.result import MappingResult
from pacekeeper.ops import StreamReason, StreamRun
from pacekeeper.settings import load_settings

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
Rows = list[tuple[Any, ...]]


class MessageSite:
    """Runs nights on a folder. messages are written as files, one per name."""

    def __init__(
        self,
        home: Path,
        *,
        folder: Path | None = None,
        default_tz: str | None = "America/New_York",
        settings: str = "",
    ) -> None:
        self.folder = folder or home / "messages"
        self.folder.mkdir(parents=True, exist_ok=True)
        zone = f'default_tz = "{default_tz}"\n' if default_tz else ""
        config = home / "pacekeeper.toml"
        config.write_text(
            '[practice]\nname = "Test"\nhome_tz = "America/New_York"\n'
            f'[sources.adt]\nconnector = "hl7v2"\nfolder = "{self.folder}"\nquarantine_limit = 1.0\n{zone}{settings}'
        )
        self.home = PracticeHome(load_settings(config))
        self.home.create()
        self.nights = 0

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def night(self) -> dict[str, MappingResult]:
        """Read every file, land and map; results by entity. Both ledgers balance, or the test ends here."""
        self.nights += 1
        run_id = f"night-{self.nights}"
        for source in self.home.sources:
            self.home.ops.read_whole_next(source)
        (landed,) = land_sources(self.home, run_id=run_id, as_of=AS_OF)
        assert (landed.state, landed.message) == ("ok", None)
        assert all(run.is_balanced for run in self.home.ops.rows(StreamRun, run_id=run_id))
        results = map_sources(self.home, run_id=run_id, as_of=AS_OF)
        assert [(result.entity, result.message) for result in results if not result.is_current] == []
        return {result.entity: result for result in results}

    def ledger(self, stream: str) -> StreamRun:
        """The landing ledger of the last night."""
        return self.home.ops.rows(StreamRun, run_id=f"night-{self.nights}", stream=stream)[0]

    def reasons(self, stream: str, kind: str = "rejected") -> dict[str, int]:
        """Rows by reason, of the last night."""
        found = self.home.ops.rows(StreamReason, run_id=f"night-{self.nights}", stream=stream, kind=kind)
        return {row.reason: row.rows for row in found}

    def query(self, sql: str) -> Rows:
        with self.home.warehouse.connect(read_only=True) as connection:
            return connection.raw.execute(sql).fetchall()

    def content(self) -> dict[str, str]:
        """Content hash of every raw, canonical and quarantine table."""
        with self.home.warehouse.connect() as connection:
            tables = connection.raw.execute(
                "SELECT schema_name || '.\"' || table_name || '\"' FROM duckdb_tables() "
                "WHERE NOT starts_with(table_name, '_dlt') AND (starts_with(schema_name, 'raw') "
                "OR schema_name IN ('quarantine', 'canonical'))"
            ).fetchall()
            return {name: connection.content_hash(name, exclude=LINEAGE_COLUMNS) for (name,) in tables}
