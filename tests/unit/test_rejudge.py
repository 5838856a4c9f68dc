"""History judged by another policy beside the published verdicts."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from tests.marts import CORE, World

from pacekeeper.measures.rejudge import Rejudged, rejudge
from pacekeeper.policy import load_policy
from pacekeeper_assets import CATALOGUE

WEEKS = 4


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """c1 holds 10 hours a week in sessions, and 13 in the last one, of which 3 are a consultation."""
    made = World()
    made.employ(date(2025, 1, 6))
    for week in range(WEEKS):
        made.seat(made.day(week), "09:00")
        made.hold(week, 10)
    made.hold(WEEKS - 1, 3, weekday=2, session_type="consult")
    made.run(weeks=WEEKS)
    file = tmp_path_factory.mktemp("published") / "warehouse_read.duckdb"
    made.con.raw_sql(f"ATTACH '{file}' AS copy")
    made.con.raw_sql("COPY FROM DATABASE memory TO copy")
    made.con.raw_sql("DETACH copy")
    return file


def judged(copy: Path, folder: Path, text: str) -> Rejudged:
    file = folder / "policy.toml"
    file.write_text(f'extends = "default"\nprofile = "other"\n{text}')
    as_of = World().at(World().day(WEEKS), "00:00")
    return rejudge(copy, CATALOGUE.only(CORE), load_policy(file=file), instead_of=load_policy(), as_of=as_of)


def test_another_threshold_changes_who_is_warned_and_touches_nothing(copy: Path, tmp_path: Path) -> None:
    before = hashlib.sha256(copy.read_bytes()).hexdigest()
    found = judged(
        copy,
        tmp_path,
        "acknowledge_conflict = true\nguardrails.direct_hours.thresholds.warn = "
        '{ value = 12, unit = "hours", provenance = "a test" }\n',
    )
    (change,) = found.changes
    assert (change.subject_key, change.period, change.state, change.new_state) == ("c1", "2026-01-26", "pass", "warn")
    assert (change.value, change.threshold_warn) == (13.0, 12.0)
    assert (found.judged_n, found.rebuilt) == (4 * WEEKS, False)
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == before


def test_the_policy_in_force_changes_nobody(copy: Path, tmp_path: Path) -> None:
    assert judged(copy, tmp_path, "").changes == ()


def test_what_a_measure_is_computed_with_is_computed_anew(copy: Path, tmp_path: Path) -> None:
    found = judged(
        copy,
        tmp_path,
        "acknowledge_conflict = true\n"
        'guardrails.direct_hours.thresholds.warn = { value = 9, unit = "hours", provenance = "a test" }\n'
        "guardrails.direct_hours.settings.countable = "
        '{ value = ["consult"], unit = "session_type", provenance = "a test" }\n',
    )
    assert found.rebuilt
    assert found.changes == (), "without individual sessions nobody comes near the ceiling"


def test_a_guardrail_that_is_switched_off_gives_no_verdict(copy: Path, tmp_path: Path) -> None:
    found = judged(copy, tmp_path, "guardrails.direct_hours.enabled = false\n")
    assert {(one.guardrail_id, one.new_state) for one in found.changes} == {("direct_hours", None)}
    assert len(found.changes) == WEEKS
