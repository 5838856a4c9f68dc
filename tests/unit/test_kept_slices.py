"""A night costs what changed: slices, marts and copies are kept while nothing changes that they are made from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.test_mapping_run import (
    AS_OF,
    PRACTICE,
    connection,
    connector,
    land,
    land_scores,
    mapping_with,
    plain,
    rows,
    run,
    warehouse,
)

from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.made import digest, made_from, making
from pacekeeper.expr import RawTables, Table
from pacekeeper.home import PracticeHome
from pacekeeper.mapping import map_source
from pacekeeper.settings import load_settings

__all__ = ["connection", "warehouse"]  # fixtures of this module too


def states(results: dict[str, Any]) -> dict[str, str]:
    return {entity: result.state for entity, result in results.items()}


@pytest.fixture
def mapped(connection: Connection) -> Connection:
    """A night over: 40 appointments, of which one is in quarantine, and two scores."""
    land(connection, *((n, "ann", "done") for n in range(39)), (39, "ann", "odd"))
    connection.raw.execute("UPDATE raw_ehr.appointment SET start = NULL WHERE id = md5('3')")
    land_scores(connection, (1, "9"), (2, "10"))
    assert set(states(run(connection)).values()) == {"swapped"}
    return connection


def test_what_has_not_changed_is_not_made_again_and_its_ledger_still_tells(mapped: Connection) -> None:
    before = run(mapped, anew=True)["appointment"]
    stamps = mapped.rows("SELECT DISTINCT run_id FROM quarantine.appointment")
    after = run(mapped, run_id="run-2")
    assert set(states(after).values()) == {"unchanged"}
    found = after["appointment"]
    assert (found.in_scope, found.mapped, found.quarantined) == (40, 39, {"missing_required": 1})
    assert (found.unmapped, found.quarantined_rows) == (before.unmapped, 1) == ((("status", "odd", 1),), 1)
    assert mapped.rows("SELECT DISTINCT run_id FROM quarantine.appointment") == stamps


def test_only_what_reads_the_changed_stream_is_made_again(mapped: Connection) -> None:
    land_scores(mapped, (1, "9"), (2, "10"), (3, "11"))
    assert states(run(mapped)) == {
        "appointment": "unchanged",
        "measure_response": "swapped",
        "measure_item": "unchanged",
    }
    assert rows(mapped, "canonical.measure_response") == 3


@pytest.mark.parametrize(
    "change", [{"value_maps": {"status": {"odd": "cancelled"}}}, {"quarantine_limit": 0.5}, {"anew": True}]
)
def test_other_settings_make_everything_again(mapped: Connection, change: dict[str, Any]) -> None:
    assert states(run(mapped, **change))["appointment"] == "swapped"


def test_a_mapping_that_asks_for_the_instant_is_run_for_every_instant(connection: Connection) -> None:
    def dated(raw: RawTables) -> Table:
        a = raw.appointment
        return plain(raw).filter(a.start < raw.as_of)

    def night(later: timedelta) -> str:
        results = map_source(
            connection,
            source="ehr",
            connector=connector(of=mapping_with(dated)),
            practice=PRACTICE,
            as_of=AS_OF + later,
            run_id="r",
        )
        return next(result.state for result in results if result.entity == "appointment")

    land(connection, (1, "ann", "done"))
    assert [night(timedelta()), night(timedelta()), night(timedelta(days=1))] == ["swapped", "unchanged", "swapped"]


def test_a_slice_that_was_held_back_is_tried_again(connection: Connection) -> None:
    land(connection, *((n, "ann", "done") for n in range(9)))
    run(connection)
    land(connection, *((n, "ann", "done") for n in range(8)), (8, "ann", "late"))
    connection.raw.execute("UPDATE raw_ehr.appointment SET start = NULL WHERE id = md5('8')")
    assert [states(run(connection))["appointment"] for _ in range(2)] == ["over_limit", "over_limit"]
    assert rows(connection) == 9


def test_rows_that_got_lost_are_made_again(mapped: Connection) -> None:
    mapped.execute("DELETE FROM canonical.appointment WHERE status = 'unknown'")
    assert states(run(mapped))["appointment"] == "swapped"
    assert rows(mapped) == 39


def test_what_has_been_half_made_is_not_known_as_made(connection: Connection) -> None:
    of = digest("a", 1)
    with making(connection, "marts", of):
        assert made_from(connection, "marts") is None
    assert made_from(connection, "marts") == of
    with pytest.raises(ValueError, match="half"), making(connection, "marts", of):
        raise ValueError("half")
    assert made_from(connection, "marts") is None


@pytest.fixture
def home(tmp_path: Path) -> PracticeHome:
    settings = tmp_path / "pacekeeper.toml"
    settings.write_text('[practice]\nname = "Riverbend"\nhome_tz = "America/New_York"\ndata_dir = "data"\n')
    made = PracticeHome(load_settings(settings))
    made.create()
    return made


def _write(home: PracticeHome) -> None:
    with home.warehouse.connect() as connection:
        connection.execute("CREATE TABLE marts.more AS SELECT 1 AS one")


def test_copies_of_the_warehouse_as_it_is_are_left_alone(home: PracticeHome) -> None:
    home.publish()
    before = home.read_copy.stat().st_ino
    home.publish()
    assert home.read_copy.stat().st_ino == before


@pytest.mark.parametrize("change", [_write, lambda home: home.bi_copy.unlink()], ids=["a write", "a copy is gone"])
def test_copies_are_made_again_where_they_would_not_be_the_same(
    home: PracticeHome, change: Callable[[PracticeHome], None]
) -> None:
    home.publish()
    before = home.read_copy.stat().st_ino
    change(home)
    home.publish()
    assert home.read_copy.stat().st_ino != before
    assert home.bi_copy.exists()
