"""A folder of messages read by the connector into raw tables in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.raw_bench import RawBench, Row, context

from pacekeeper.stream import Window
from pacekeeper_connectors.hl7v2 import Hl7v2, Hl7v2Settings


class Desk:
    """Every `send` writes one more file; `read` reads the folder again, whole."""

    def __init__(self, folder: Path, *, default_tz: str | None = "America/New_York", **settings: Any) -> None:
        self.folder = folder
        self._files = 0
        self.bench = RawBench(Hl7v2(Hl7v2Settings(folder=folder, **settings), context(default_tz=default_tz)))

    def send(self, *messages: str, name: str | None = None) -> Desk:
        self._files += 1
        file = self.folder / (name or f"MSG-{self._files:04d}.hl7")
        file.write_text("".join(messages), encoding="utf-8", newline="")
        return self

    def rows(self, entity: str) -> list[Row]:
        """Canonical rows after reading everything that was sent."""
        self.bench.read()
        return self.bench.wanted(entity)

    def one(self, entity: str) -> Row:
        (row,) = self.rows(entity)
        return row

    def rejected(self) -> list[tuple[str, str]]:
        """Reason and place of what could not be read."""
        connector = self.bench.connector
        pages = connector.read(connector.streams, Window())
        return [(one.reason, one.locator) for page in pages for one in page.rejected]
