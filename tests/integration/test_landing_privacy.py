"""Canaries in every source field reach no file that landing writes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pacekeeper.columns import (
    Area,
    BirthYear,
    Boolean,
    Code,
    Column,
    Date,
    Decimal,
    Instant,
    Integer,
    Key,
    LocalTime,
    MatchKey,
    Ref,
)
from pacekeeper.landing import dlt_load
from pacekeeper.stream import JsonLines, Page, Stream
from tests.landing_site import LandingSite, Row

CANARY = "CANARY, wept"
TYPED: dict[str, Column] = {
    "code": Code(),
    "instant": Instant(),
    "date": Date(),
    "time": LocalTime(),
    "whole": Integer(),
    "exact": Decimal(),
    "flag": Boolean(),
    "year": BirthYear(),
    "area": Area(),
}
CLIENT = Stream(
    "client",
    {"id": Key("client"), "npi": MatchKey("npi"), "who": Ref("client", match={"urn:npi": "npi"}), **TYPED},
    deletes="key_diff",
    resource_type="Patient",
)
PART = Stream("part", {"kind": Code(), "who": Ref("client")}, child_of="client", explode="parts")


def _record(number: int, **values: object) -> Row:
    hashed = {
        "id": f"CANARYid{number}",
        "npi": f"CANARYnpi{number}",
        "who": f"Patient?identifier=urn:npi|CANARY{number}",
    }
    unknown = {"name": CANARY, "note": CANARY, CANARY: CANARY, "contact": {"deep": [CANARY]}}
    parts = [{"kind": CANARY, "who": CANARY, "text": CANARY}, {"kind": "phone", "who": "Patient/CANARYref1"}]
    return {"resourceType": "Patient", **hashed, **unknown, "parts": parts, **values}


def _content_of(file: Path) -> str:
    """Bytes as text, and what compressed files hold when they are read."""
    found = file.read_bytes().decode("latin-1")
    if file.suffix == ".parquet":
        found += str(pq.read_table(file).to_pylist())
    if file.suffix == ".duckdb":
        with duckdb.connect(file) as connection:
            tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            found += str([connection.execute(f'FROM "{s}"."{t}"').fetchall() for s, t in tables])
    return found


def test_no_canary_is_on_disk_at_any_point_of_a_landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = LandingSite(tmp_path, [CLIENT, PART], default_tz="America/New_York")
    files_at: dict[str, int] = {}
    suffixes_with_data: set[str] = set()

    def look(point: str) -> None:
        contents = {path: _content_of(path) for path in tmp_path.rglob("*") if path.is_file()}
        assert [str(path) for path, content in contents.items() if "CANARY" in f"{path.name} {content}"] == []
        suffixes_with_data.update(path.suffix for path, content in contents.items() if "'phone'" in content)
        files_at[point] = len(contents)

    monkeypatch.setattr(dlt_load, "faultpoint", look)
    monkeypatch.setattr("pacekeeper.landing.load.faultpoint", look)
    faulty = [_record(n, **{name: CANARY}) for n, name in enumerate(TYPED, 10)]
    broken = JsonLines(pa.array([f'{{"name":"{CANARY}', f'["{CANARY}"]'], pa.string()), "CANARY.ndjson")
    for state in ("booked", "kept"):
        records = [_record(1, code=state), _record(2, code=state), *faulty]
        ledger = site.land(Page("client", records), Page("client", broken), Page("client", deleted=["CANARYid9"]))
        assert ledger["client"].rejected == len(TYPED) + 2
        assert ledger["part"].rejected == 2
        assert len(site.current("client")) == 2
    look("afterwards")
    assert files_at.keys() == {"load.found", "load.extracted", "load.normalized", "load.committed", "afterwards"}
    assert files_at["load.normalized"] > files_at["load.committed"], "dlt's folder was looked at while it was there"
    assert suffixes_with_data == {".parquet", ".duckdb"}, "the search finds what has landed"
    assert site.reasons("client")["undeclared", "name"] == 11
