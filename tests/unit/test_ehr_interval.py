"""Log entries joined to intervals: worked examples that a reader can redo by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.mapping.calendar import build_calendar
from pacekeeper.mapping.ehr_interval import build_ehr_intervals, ehr_conventions, ehr_coverage
from pacekeeper.settings import PracticeSettings

ZONE = "America/New_York"
PRACTICE = PracticeSettings(name="test practice", home_tz=ZONE)
#: start, end, task, minutes, entries
Found = tuple[str, str, str, float, int]


def key(name: str) -> str:
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


class Log:
    """An audit log filled by hand. Times are UTC on 12 January 2026; 05:00 is midnight in New York."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._entries = 0

    def add(
        self, at: str, task: str, until: str | None = None, *, who: str = "anna", what: str = "view", day: int = 12
    ) -> None:
        self._entries += 1
        ended = None if until is None else f"2026-01-{day} {until}:00+00"
        self.connection.raw.execute(
            'INSERT INTO canonical.ehr_event (source, event_key, clinician_key, "at", ended_at, event_type,'
            " task_type, action_count) VALUES ('ehr', ?, ?, ?, ?, ?, ?, 1)",
            [key(str(self._entries)), key(who), f"2026-01-{day} {at}:00+00", ended, what, task],
        )

    def session(self, day: int, *, who: str = "anna", status: str = "completed") -> None:
        self._entries += 1
        self.connection.raw.execute(
            "INSERT INTO canonical.session (source, session_key, clinician_key, started_at, ended_at, duration_source,"
            " session_type, modality, status, is_intake)"
            " VALUES ('ehr', ?, ?, ?, ?, 'scheduled', 'individual', 'video', ?, false)",
            [key(str(self._entries)), key(who), f"2026-01-{day} 15:00:00+00", f"2026-01-{day} 15:50:00+00", status],
        )

    def build(self, *, idle_timeout_s: int | None = None) -> list[Found]:
        """Intervals in order; built twice, because a second build must give the same."""
        build_calendar(self.connection, practice=PRACTICE, as_of=datetime(2026, 1, 20, tzinfo=UTC))
        results = []
        for _ in range(2):
            build_ehr_intervals(self.connection, home_tz=ZONE, idle_timeout_s=idle_timeout_s)
            results.append(
                self.connection.raw.execute(
                    "SELECT strftime(started_at, '%H:%M'), strftime(ended_at, '%H:%M'), task_type, active_min, events_n"
                    " FROM canonical.ehr_interval ORDER BY clinician_key, started_at, task_type"
                ).fetchall()
            )
        assert results[0] == results[1]
        return results[0]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.create_schemas()
    with warehouse.connect() as connection:
        yield Log(connection)


def test_gaps_up_to_five_minutes_are_work_and_longer_ones_are_breaks(log: Log) -> None:
    for at in ("14:00", "14:04", "14:09", "14:15", "14:16"):
        log.add(at, "note")
    assert log.build() == [("14:00", "14:09", "note", 9.0, 3), ("14:15", "14:16", "note", 1.0, 2)]


def test_a_gap_belongs_to_the_task_before_it(log: Log) -> None:
    log.add("14:00", "note")
    log.add("14:03", "inbox")
    log.add("14:05", "inbox")
    log.add("14:09", "note")
    assert log.build() == [
        ("14:00", "14:03", "note", 3.0, 1),
        ("14:03", "14:09", "inbox", 6.0, 2),
        ("14:09", "14:09", "note", 0.0, 1),
    ]


def test_a_lone_entry_is_there_and_counts_no_time(log: Log) -> None:
    log.add("14:00", "note")
    assert log.build() == [("14:00", "14:00", "note", 0.0, 1)]


def test_entries_that_differ_in_their_key_only_count_once(log: Log) -> None:
    for at in ("14:00", "14:00", "14:02", "14:02"):
        log.add(at, "note")
    assert log.build() == [("14:00", "14:02", "note", 2.0, 2)]


def test_clinicians_are_never_joined(log: Log) -> None:
    log.add("14:00", "note")
    log.add("14:02", "note", who="ben")
    assert sorted(log.build()) == [("14:00", "14:00", "note", 0.0, 1), ("14:02", "14:02", "note", 0.0, 1)]


def test_work_over_midnight_is_cut_at_the_practices_midnight(log: Log) -> None:
    log.add("04:40", "note", "05:30")
    assert log.build() == [("04:40", "05:00", "note", 20.0, 1), ("05:00", "05:30", "note", 30.0, 0)]


def test_an_entry_with_an_end_is_an_interval_however_long(log: Log) -> None:
    log.add("14:00", "note", "14:40")
    log.add("14:43", "inbox")
    assert log.build() == [("14:00", "14:43", "note", 43.0, 1), ("14:43", "14:43", "inbox", 0.0, 1)]


def test_time_that_two_entries_cover_counts_once_for_the_one_that_began_last(log: Log) -> None:
    log.add("14:00", "note", "14:30")
    log.add("14:10", "chart_review", "14:20")
    log.add("14:25", "inbox")
    assert log.build() == [
        ("14:00", "14:10", "note", 10.0, 1),
        ("14:10", "14:20", "chart_review", 10.0, 1),
        ("14:20", "14:30", "note", 10.0, 0),
        ("14:25", "14:25", "inbox", 0.0, 1),
    ]


def test_an_interval_over_several_hours_is_covered_throughout(log: Log) -> None:
    log.add("14:00", "note", "18:00")
    log.add("16:59", "billing")
    log.add("17:30", "billing")
    found = log.build()
    assert sum(row[3] for row in found) == 240.0
    assert sum(row[4] for row in found) == 3


def test_a_logins_end_and_one_after_more_than_a_day_are_no_work(log: Log) -> None:
    log.add("14:00", "other", "22:00", what="login")
    log.connection.raw.execute(
        "UPDATE canonical.ehr_event SET ended_at = ended_at + INTERVAL 2 DAY WHERE event_type = 'view'"
    )
    log.add("14:02", "note", "14:30")
    log.connection.raw.execute(
        "UPDATE canonical.ehr_event SET ended_at = ended_at + INTERVAL 2 DAY WHERE event_type = 'view'"
    )
    assert log.build() == [("14:00", "14:02", "other", 2.0, 1), ("14:02", "14:02", "note", 0.0, 1)]


def test_an_end_before_the_start_is_not_used(log: Log) -> None:
    log.add("14:00", "note", "13:00")
    assert log.build() == [("14:00", "14:00", "note", 0.0, 1)]


def test_the_idle_timeout_is_stated_with_its_source_and_may_be_another(log: Log) -> None:
    assert (ehr_conventions()["idle_timeout"].value, ehr_conventions()["idle_timeout"].unit) == (300, "seconds")
    log.add("14:00", "note")
    log.add("14:09", "note")
    assert log.build() == [("14:00", "14:00", "note", 0.0, 1), ("14:09", "14:09", "note", 0.0, 1)]
    assert log.build(idle_timeout_s=600) == [("14:00", "14:09", "note", 9.0, 2)]


def test_no_log_gives_no_interval(log: Log) -> None:
    assert log.build() == []


def test_coverage_is_the_share_of_session_days_with_an_entry(log: Log) -> None:
    for day in (12, 13, 14, 15):
        log.session(day)
    log.session(16, status="voided")
    log.add("14:00", "note", day=12)
    log.add("23:00", "note", day=14)
    log.add("23:00", "note", who="ben", day=15)
    log.build()
    assert ehr_coverage(log.connection, home_tz=ZONE).to_pylist() == [
        {
            "clinician_key": key("anna"),
            "week_id": datetime(2026, 1, 12).date(),  # noqa: DTZ001  a date
            "session_days_n": 4,
            "logged_days_n": 2,
            "coverage_ratio": 0.5,
        }
    ]
