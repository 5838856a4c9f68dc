"""An activity log through a whole night: files, events, intervals of work, and how much of it is known."""

from __future__ import annotations

from pathlib import Path

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.ops import StreamReason, StreamRun
from pacekeeper.settings import load_settings
from tests.integration.warehouse_content import content_hashes
from tests.raw_bench import AS_OF

SETTINGS = """
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"

[sources.log]
connector = "tabular"
folder = "logs"
profile = "therapynotes_activity"
default_tz = "America/New_York"
quarantine_limit = 0.5
"""
HEADERS = "User ID,Date/Time,Activity Type,Patient ID,Description\n"
#: New York, 12 January 2026: two tasks in the morning, one entry in both files, a note over midnight.
FIRST = """E1,01/12/2026 09:00:00 AM,Created Note,P1,Canary Jane
E1,01/12/2026 09:03:00 AM,Viewed Message,,
E1,01/12/2026 09:05:00 AM,Sent Message,,
E1,01/12/2026 09:09:00 AM,Signed Note,P1,
E1,01/12/2026 09:30:00 AM,Signed Note,P2,
"""
SECOND = """E1,01/12/2026 09:30:00 AM,Signed Note,P2,
E1,01/12/2026 11:58:00 PM,Edited Note,P2,
E1,01/13/2026 12:01:00 AM,Signed Note,P2,
"""


def test_a_log_in_two_files_becomes_intervals_and_a_second_night_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "activity-1.csv").write_text(HEADERS + FIRST)
    (tmp_path / "logs" / "activity-2.csv").write_text(HEADERS + SECOND)
    (tmp_path / "pacekeeper.toml").write_text(SETTINGS)
    home = PracticeHome(load_settings(tmp_path / "pacekeeper.toml"))
    home.create()
    hashes = []
    for night, state in (("one", "swapped"), ("two", "unchanged")):
        home.ops.read_whole_next("log")
        (run,) = land_sources(home, run_id=night, as_of=AS_OF)
        assert (run.state, run.message) == ("ok", None)
        assert {result.state for result in map_sources(home, run_id=night, as_of=AS_OF)} == {state}
        with home.warehouse.connect() as connection:
            found = connection.raw.execute(
                "SELECT strftime(started_at, '%d %H:%M'), task_type, active_min, events_n FROM canonical.ehr_interval"
                " ORDER BY started_at"
            ).fetchall()
        assert found == [
            ("12 14:00", "note", 3.0, 1),
            ("12 14:03", "inbox", 6.0, 2),
            ("12 14:09", "note", 0.0, 1),
            ("12 14:30", "note", 0.0, 1),
            ("13 04:58", "note", 2.0, 1),
            ("13 05:00", "note", 1.0, 1),
        ]
        hashes.append(content_hashes(home))
    assert hashes[0] == hashes[1]
    ledgers = [(row.read, row.inserted, row.unchanged, row.duplicate) for row in home.ops.rows(StreamRun)]
    assert ledgers == [(8, 7, 0, 1), (8, 0, 7, 1)]
    undeclared = [row for row in home.ops.rows(StreamReason) if row.kind == "undeclared"]
    assert {(row.reason, row.rows) for row in undeclared} == {("Description", 8)}
