"""Raw tables keep every version of every record, once; the ledger accounts for every row that was read."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.columns import Boolean, Code, Column, Date, Decimal, Instant, Integer, Key, LocalTime, Ref
from pacekeeper.errors import ConfigError, FatalError
from pacekeeper.ops import OpsDatabase, StreamRun, StreamState
from pacekeeper.privacy import HashKey
from pacekeeper.stream import Page, Stream
from tests.landing_site import FIRST_NIGHT, LandingSite, Row

VISIT = Stream(
    "visit",
    {
        "id": Key("visit"),
        "state": Code(),
        "client": Ref("client", match={"urn:npi": "npi"}),
        "changed": Instant(),
    },
    cursor="changed",
    deletes="key_diff",
)
PART = Stream("part", {"kind": Code(required=True)}, child_of="visit", explode="parts")
DAY = Stream("day", {"day": Code(path="$")}, child_of="part", explode="days")


@pytest.fixture
def site(tmp_path: Path) -> LandingSite:
    return LandingSite(tmp_path, [DAY, PART, VISIT])


def visit(identity: str, state: str = "booked", *parts: Any, **more: Any) -> Row:
    return {"id": identity, "state": state, "parts": list(parts), **more}


def page(*records: Row) -> Page:
    return Page("visit", records)


def test_booked_cancelled_booked_again_keeps_three_versions_in_a_chain(site: LandingSite) -> None:
    for state in ("booked", "cancelled", "booked"):
        site.land(page(visit("1", state), visit("2")))
    versions = site.versions("visit", "1")
    assert [(v["version_no"], v["state"]) for v in versions] == [(1, "booked"), (2, "cancelled"), (3, "booked")]
    assert [v["predecessor_id"] for v in versions] == [None, versions[0]["version_id"], versions[1]["version_id"]]
    assert len({v["version_id"] for v in versions}) == 3
    assert versions[0]["content_hash"] == versions[2]["content_hash"]
    assert [v["observed_at"] for v in versions] == [FIRST_NIGHT + timedelta(days=n) for n in range(3)]
    assert [v["state"] for v in site.current("visit")] == ["booked", "booked"]
    assert len(site.versions("visit", "2")) == 1


def test_the_same_read_again_adds_nothing(site: LandingSite) -> None:
    read = page(visit("1", "booked", {"kind": "a", "days": ["mon"]}), visit("2"))
    site.land(read)
    before = site.content()
    ledger = site.land(read)
    assert site.content() == before
    assert [(ledger[s].unchanged, ledger[s].inserted, ledger[s].updated) for s in ("visit", "part", "day")] == [
        (2, 0, 0),
        (1, 0, 0),
        (1, 0, 0),
    ]


def test_a_change_of_the_cursor_alone_is_no_new_version(site: LandingSite) -> None:
    site.land(page(visit("1", changed="2026-03-01T10:00:00Z")))
    ledger = site.land(page(visit("1", changed="2026-03-02T10:00:00Z")))
    assert ledger["visit"].unchanged == 1
    assert len(site.versions("visit", "1")) == 1


def test_what_a_full_read_lacks_gets_a_tombstone_and_may_come_back(site: LandingSite) -> None:
    site.land(page(visit("1", "booked", {"kind": "a"}), visit("2")))
    ledger = site.land(page(visit("2")))
    assert (ledger["visit"].tombstones, ledger["part"].tombstones) == (1, 1)
    assert [v["row_key"] for v in site.current("visit")] == [site.key("visit", "2")]
    assert site.current("part") == []
    assert site.land(page(visit("2")))["visit"].tombstones == 0
    assert site.land(page(visit("1", "booked", {"kind": "a"}), visit("2")))["visit"].inserted == 1
    versions = site.versions("visit", "1")
    assert [(v["version_no"], v["is_deleted"], v["state"]) for v in versions] == [
        (1, False, "booked"),
        (2, True, None),
        (3, False, "booked"),
    ]
    assert [v["predecessor_id"] for v in versions[1:]] == [v["version_id"] for v in versions[:2]]
    assert len(site.current("part")) == 1


def test_a_reported_deletion_gets_a_tombstone_and_an_incremental_read_deletes_nothing_else(site: LandingSite) -> None:
    site.land(page(visit("1", "booked", {"kind": "a", "days": ["mon"]}), visit("2"), visit("3")))
    ledger = site.land(page(visit("2", "kept")), Page("visit", deleted=["1", "unknown"]), is_full=False)
    assert {name: row.tombstones for name, row in ledger.items()} == {"visit": 1, "part": 1, "day": 1}
    assert {v["row_key"]: v["state"] for v in site.current("visit")} == {
        site.key("visit", "2"): "kept",
        site.key("visit", "3"): "booked",
    }


def test_an_element_that_its_record_lost_gets_a_tombstone(site: LandingSite) -> None:
    site.land(page(visit("1", "booked", {"kind": "a", "days": ["mon", "tue"]}, {"kind": "b"})))
    ledger = site.land(page(visit("1", "booked", {"kind": "a", "days": ["mon"]})), is_full=False)
    assert {name: row.tombstones for name, row in ledger.items()} == {"visit": 0, "part": 1, "day": 1}
    assert [v["kind"] for v in site.current("part")] == ["a"]
    assert [v["day"] for v in site.current("day")] == ["mon"]


def test_a_rejected_record_keeps_what_has_landed_of_it(site: LandingSite) -> None:
    site.land(page(visit("1", "booked", {"kind": "a"}), visit("2", "booked", {"kind": "a"})))
    broken = visit("1", "not a code, but a sentence", {"kind": "z"})
    ledger = site.land(page(broken, visit("2", "booked", {"kind": "a, b"})))
    assert (ledger["visit"].rejected, ledger["visit"].tombstones) == (1, 0)
    assert (ledger["part"].rejected, ledger["part"].tombstones) == (1, 0)
    assert [v["state"] for v in site.current("visit")] == ["booked", "booked"]
    assert [v["kind"] for v in site.current("part")] == ["a", "a"]


def test_a_full_read_that_found_nothing_or_nameless_records_deletes_nothing(site: LandingSite) -> None:
    site.land(page(visit("1"), visit("2")))
    assert site.land()["visit"].tombstones == 0
    assert site.land(page(visit("1"), {"state": "booked"}))["visit"].tombstones == 0
    assert len(site.current("visit")) == 2


def test_of_a_record_read_twice_the_last_one_counts_with_its_own_elements(site: LandingSite) -> None:
    first = visit("1", "booked", {"kind": "a"}, {"kind": "b", "days": ["mon"]})
    pages = [page(first, visit("2", "booked", {"kind": "c"})), page(visit("1", "kept", {"kind": "z"}))]
    ledger = site.land(*pages, flush_rows=1)
    assert {name: (row.inserted, row.duplicate) for name, row in ledger.items()} == {
        "visit": (2, 1),
        "part": (2, 2),
        "day": (0, 1),
    }
    assert [v["state"] for v in site.versions("visit", "1")] == ["kept"]
    assert sorted(v["kind"] for v in site.current("part")) == ["c", "z"]
    before = site.content()
    for flush_rows in (1, 1000):
        again = site.land(*pages, flush_rows=flush_rows)
        assert (again["visit"].unchanged, again["visit"].duplicate) == (2, 1)
        assert site.content() == before


def test_the_ledger_balances_for_any_mix_and_current_is_what_was_read_last(tmp_path: Path) -> None:
    rng = random.Random(11)
    site = LandingSite(tmp_path, [VISIT])
    expected: dict[str, str] = {}
    for _ in range(6):
        is_full = rng.random() < 0.5
        records, deleted = [], []
        read: dict[str, str | None] = {}
        for _ in range(rng.randrange(1, 40)):
            identity, kind = str(rng.randrange(25)), rng.choice(["ok", "ok", "ok", "bad"])
            state = rng.choice(["booked", "kept"]) if kind == "ok" else "no, that is not a code"
            records.append(visit(identity, state))
            read[identity] = state if kind == "ok" else read.get(identity)
        if not is_full:
            deleted = [str(rng.randrange(25))]
        site.land(page(*records), Page("visit", deleted=deleted), is_full=is_full)
        if is_full:
            expected = {identity: state for identity, state in expected.items() if identity in read}
        for identity in deleted:
            if not read.get(identity):
                expected.pop(identity, None)
        expected |= {identity: state for identity, state in read.items() if state is not None}
        found = {row["row_key"]: row["state"] for row in site.current("visit")}
        assert found == {site.key("visit", identity): state for identity, state in expected.items()}


def test_reasons_are_on_record_and_quarantine_holds_keys_and_reasons_until_a_record_is_read_again(
    site: LandingSite,
) -> None:
    bad = "a sentence, not a code"
    site.land(page(visit("1", bad), visit("2", bad), {"state": "x", "extra": 1}))
    assert site.reasons("visit") == {
        ("rejected", "state: bad_code"): 2,
        ("rejected", "id: missing"): 1,
        ("undeclared", "extra"): 1,
    }
    table = "SELECT row_key, column_name, reason, locator FROM quarantine.raw_ehr__visit ORDER BY ALL"
    found = site.query(table)
    assert {row["row_key"] for row in found} == {None, site.key("visit", "1"), site.key("visit", "2")}
    assert {(row["column_name"], row["reason"]) for row in found} == {("state", "bad_code"), ("id", "missing")}
    site.land(page(visit("1")), is_full=False)
    assert [row["row_key"] for row in site.query(table)] == [site.key("visit", "2")]
    site.land(page(visit("1")))
    assert site.query(table) == []


def test_a_ledger_that_does_not_balance_is_on_record_and_moves_no_state(site: LandingSite) -> None:
    folder, manifest = site.spool(page(visit("1"), visit("2")))
    manifest.streams["visit"].read += 1
    with pytest.raises(FatalError, match=r"does not balance for visit \(read 3 = 2 new"):
        site.load(folder, manifest)
    rows = {row.stream: row for row in site.ops.rows(StreamRun, run_id="night-1")}
    assert [name for name, row in rows.items() if not row.is_balanced] == ["visit"]
    assert site.ops.rows(StreamState) == []


def test_a_record_whose_latest_reading_is_rejected_is_suspect_until_it_can_be_read(site: LandingSite) -> None:
    assert site.land(page(visit("1"), visit("2"), visit("3", "a whole sentence")))["visit"].suspect == 0
    assert site.land(page(visit("1", "a whole sentence")), is_full=False)["visit"].suspect == 1
    assert site.land(is_full=False)["visit"].suspect == 1, "an incremental read says nothing about it"
    assert site.land(page(visit("1", "kept")), is_full=False)["visit"].suspect == 0


def test_quarantine_keeps_what_an_earlier_version_listed_under_the_ambiguous_name(site: LandingSite) -> None:
    site.land(page(visit("1", "a whole sentence")))
    with site.warehouse.connect() as connection:
        connection.raw.execute("ALTER TABLE quarantine.raw_ehr__visit RENAME TO raw_ehr_visit")
    site.land(page(visit("2")), is_full=False)
    listed = site.query(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'quarantine' AND estimated_size > 0"
    )
    assert listed == [{"table_name": "raw_ehr__visit"}], "the list of an earlier run, under the new name"


def test_an_operational_database_of_an_earlier_version_gains_the_new_columns(site: LandingSite) -> None:
    site.land(page(visit("1")))
    with site.ops.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE streamrun DROP COLUMN suspect")
        connection.exec_driver_sql("ALTER TABLE streamstate DROP COLUMN fingerprint")
    later = OpsDatabase(site.ops.path)
    assert {row.suspect for row in later.rows(StreamRun)} == {0}
    assert {row.fingerprint for row in later.rows(StreamState)} == {None}


def test_the_watermark_is_the_servers_time_or_the_latest_cursor_and_never_after_as_of(site: LandingSite) -> None:
    site.land(page(visit("1", changed="2026-03-01T10:00:00Z"), visit("2", changed="2026-02-01T10:00:00Z")))
    assert site.state("visit").watermark == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert site.state("part").watermark is None
    site.land(page(visit("2", changed="2026-02-01T10:00:00Z")), is_full=False)
    assert site.state("visit").watermark == datetime(2026, 3, 1, 10, tzinfo=UTC)
    site.land(is_full=False, watermarks={"visit": datetime(2026, 3, 4, 2, 59, tzinfo=UTC)})
    assert site.state("visit").watermark == datetime(2026, 3, 4, 2, 59, tzinfo=UTC)
    site.land(page(visit("3", changed="2036-01-01T00:00:00Z")), is_full=False)
    assert site.state("visit").watermark == FIRST_NIGHT + timedelta(days=3)
    assert site.state("visit").complete_through == FIRST_NIGHT + timedelta(days=3)


def test_a_new_declared_column_makes_new_versions_only_where_it_holds_something(site: LandingSite) -> None:
    site.land(page(visit("1"), visit("2")))
    columns: dict[str, Column] = {**VISIT.columns, "mode": Code(), "rank": Integer()}
    site.streams[-1] = replace(VISIT, columns=columns)
    ledger = site.land(page(visit("1", mode="video"), visit("2")))
    assert (ledger["visit"].updated, ledger["visit"].unchanged) == (1, 1)
    assert [v["mode"] for v in site.versions("visit", "1")] == [None, "video"]
    assert [v["rank"] for v in site.current("visit")] == [None, None]


def test_a_changed_type_is_refused_and_the_tables_stay_as_they_were(site: LandingSite) -> None:
    site.land(page(visit("1")))
    before = site.content()
    site.streams[-1] = replace(VISIT, columns={**VISIT.columns, "state": Instant()})
    with pytest.raises(FatalError, match=r"column state is declared as TIMESTAMP WITH TIME ZONE.* is VARCHAR"):
        site.land(page(visit("2", "2026-03-01T10:00:00Z")))
    assert site.content() == before


def test_keys_of_another_secret_are_refused(site: LandingSite) -> None:
    site.land(page(visit("1")))
    before = site.content()
    with pytest.raises(ConfigError, match="hash secret"):
        site.land(page(visit("1")), key=HashKey.of(b"1" * 32))
    assert site.content() == before


def test_every_type_lands_as_declared_and_once_more_without_complaint(tmp_path: Path) -> None:
    columns: dict[str, Column] = {
        "id": Key("thing"),
        "at": Instant(),
        "on": Date(),
        "minute": LocalTime(),
        "count": Integer(),
        "amount": Decimal(),
        "done": Boolean(),
        "filename": Date(),
    }
    site = LandingSite(tmp_path, [Stream("thing", columns)])
    record = {"id": "1", "at": "2026-03-01T10:00:00Z", "on": "2026-03-01", "minute": "09:30", "count": 3, "amount": 1.5}
    site.land(Page("thing", [record]))
    site.land(Page("thing", [{**record, "done": True}]))
    types = {row["column_name"]: row["column_type"] for row in site.query("DESCRIBE raw_ehr.thing")}
    assert [types[name] for name in columns] == [
        "VARCHAR",
        "TIMESTAMP WITH TIME ZONE",
        "DATE",
        "SMALLINT",
        "BIGINT",
        "DECIMAL(18,4)",
        "BOOLEAN",
        "DATE",
    ]
    assert [v["done"] for v in site.versions("thing")] == [None, True]


def test_a_stream_that_never_held_anything_is_an_empty_table_with_its_view(site: LandingSite) -> None:
    site.land(page(visit("1")))
    assert site.versions("day") == []
    assert site.current("day") == []
    site.land(page(visit("1", "booked", {"kind": "a", "days": ["mon"]})))
    assert [v["day"] for v in site.current("day")] == ["mon"]


def test_nothing_is_left_behind_beside_the_raw_tables(site: LandingSite, monkeypatch: pytest.MonkeyPatch) -> None:
    home = site.folder / "home"
    monkeypatch.setenv("HOME", str(home))
    for state in ("booked", "kept"):
        site.land(page(visit("1", state), visit("2", state)))
        assert site.query("SELECT schema_name FROM duckdb_schemas() WHERE schema_name LIKE '%staging'") == []
    assert [path for path in (site.folder / "work").rglob("*") if path.is_file()] == []
    assert not home.exists()
