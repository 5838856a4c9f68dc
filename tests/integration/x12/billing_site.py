"""A practice whose only source is a folder of X12 files, taken all the way to canonical tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.mapping.result import MappingResult
from pacekeeper.ops import StreamReason, StreamRun
from pacekeeper.settings import load_settings

FIRST_NIGHT = datetime(2026, 4, 6, 3, tzinfo=UTC)
SETTINGS = """
[practice]
name = "Test"
home_tz = "America/New_York"

[sources.billing]
connector = "x12"
folder = "{folder}"
include_test = true
default_tz = "America/New_York"
quarantine_limit = 1.0
"""


@dataclass
class BillingSite:
    """Reads the folder night after night; each night is a run of its own."""

    home: PracticeHome
    nights: int = 0

    def night(self) -> dict[str, MappingResult]:
        """Read every file, land and map once; results by entity, all of them current."""
        self.nights += 1
        as_of = FIRST_NIGHT + timedelta(days=self.nights)
        for source in self.home.sources:
            self.home.ops.read_whole_next(source)
        (landed,) = land_sources(self.home, run_id=self.run_id, as_of=as_of)
        assert (landed.state, landed.message) == ("ok", None)
        results = {result.entity: result for result in map_sources(self.home, run_id=self.run_id, as_of=as_of)}
        assert all(result.is_current for result in results.values())
        assert all(result.balances for result in results.values())
        return results

    @property
    def run_id(self) -> str:
        return f"night-{self.nights}"

    def streams(self) -> dict[str, StreamRun]:
        """The landing ledger of the last night; every row balances."""
        rows = {row.stream: row for row in self.home.ops.rows(StreamRun, run_id=self.run_id)}
        assert all(row.is_balanced for row in rows.values())
        return rows

    def reasons(self, kind: str, stream: str = "transaction") -> dict[str, int]:
        """Rows of the last night that were rejected, or out of scope, by reason."""
        found = self.home.ops.rows(StreamReason, run_id=self.run_id, stream=stream)
        return {row.reason: row.rows for row in found if row.kind == kind}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.home.warehouse.connect(read_only=True) as connection:
            return connection.raw.execute(sql).fetchall()


def billing_site(folder: Path, home: Path) -> BillingSite:
    """A site that reads `folder`, with its home in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    toml = home / "pacekeeper.toml"
    toml.write_text(SETTINGS.format(folder=folder))
    found = PracticeHome(load_settings(toml))
    found.create()
    return BillingSite(found)
