"""What does not work now, from the ledgers of a few runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper.ops import MappingRun, OpsDatabase, Run, SourceRun, StreamGap, StreamRun, StreamState, UnmappedValue
from pacekeeper.ops.costs import source_costs
from pacekeeper.ops.problems import Problem, standing_problems

FIRST = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture
def ops(tmp_path: Path) -> OpsDatabase:
    return OpsDatabase(tmp_path / "ops.sqlite")


def night(
    ops: OpsDatabase, number: int, *, state: str = "success", source: str = "ok", message: str | None = None
) -> str:
    """A run a day after the one before, that reads source `ehr` and maps its sessions."""
    at, run_id = FIRST + timedelta(days=number), f"r{number}"
    ended = None if state == "killed" else at + timedelta(hours=1)
    ops.add([Run(run_id=run_id, as_of=at, started_at=at, ended_at=ended, state=state)])
    ops.add([SourceRun(run_id=run_id, source="ehr", connector="fhir", state=source, message=message)])
    if source == "ok":
        ops.add([StreamState(source="ehr", stream="encounter", complete_through=at)])
        ops.add([StreamRun(run_id=run_id, source="ehr", stream="encounter")])
        ops.add([MappingRun(run_id=run_id, source="ehr", entity="session", state="swapped")])
    return run_id


def found(ops: OpsDatabase, *, days: float = 3.25) -> list[Problem]:
    return standing_problems(ops, sources=["ehr"], now=FIRST + timedelta(days=days))


def test_after_a_good_night_nothing_is_broken(ops: OpsDatabase) -> None:
    night(ops, 3)
    assert found(ops) == []


def test_before_the_first_run_that_is_the_problem(ops: OpsDatabase) -> None:
    (problem,) = found(ops)
    assert (problem.severity, problem.what, problem.fix) == ("error", "never_run", "pacekeeper run")


def test_a_source_that_fails_tells_since_when_and_how_often(ops: OpsDatabase) -> None:
    night(ops, 1)
    night(ops, 2, source="failed", message="token refused")
    night(ops, 3, source="failed", message="token refused")
    (problem,) = found(ops)
    assert (problem.what, problem.where, problem.since) == ("source_failed", "ehr", FIRST + timedelta(days=2))
    assert problem.message == "token refused (2 times in a row)"
    assert problem.fix == "pacekeeper check ehr"


def test_a_source_that_works_again_is_no_problem_any_more(ops: OpsDatabase) -> None:
    night(ops, 2, source="failed", message="token refused")
    night(ops, 3)
    assert found(ops) == []


def test_runs_that_failed_count_from_the_first_after_the_last_good_one(ops: OpsDatabase) -> None:
    night(ops, 1)
    night(ops, 2, state="failed")
    night(ops, 3, state="killed")
    by_what = {problem.what: problem for problem in found(ops)}
    assert by_what["run_failed"].since == FIRST + timedelta(days=2)
    assert by_what["run_failed"].message.startswith("2 runs were killed; what is published")
    assert by_what["no_night"].since == FIRST + timedelta(days=1, hours=1)


def test_a_night_that_never_started_is_told_after_a_day_and_a_half(ops: OpsDatabase) -> None:
    night(ops, 1)
    assert found(ops, days=1 + 36 / 24) == []
    (late,) = found(ops, days=1 + 38 / 24)
    assert (late.what, late.message) == ("no_night", "no run has succeeded since 2026-03-03 07:00 UTC")


def test_a_stream_that_the_last_runs_did_not_read_completely_is_late(ops: OpsDatabase) -> None:
    for number in (1, 2, 3):
        night(ops, number)
    ops.add([StreamState(source="ehr", stream="note", complete_through=FIRST + timedelta(days=1))])
    (late,) = found(ops)
    assert (late.what, late.where, late.since) == ("source_late", "ehr", FIRST + timedelta(days=1))
    assert late.message == "not read completely for 36 hours: note"


def test_what_is_kept_back_incomplete_or_left_out_is_listed(ops: OpsDatabase) -> None:
    run_id = night(ops, 3)
    ops.add(
        [
            MappingRun(run_id=run_id, source="ehr", entity="session", state="over_limit", message="9 of 20 rows"),
            MappingRun(run_id=run_id, source="ehr", entity="note", state="unchanged", mapped=3, quarantined=2),
            StreamRun(run_id=run_id, source="ehr", stream="encounter", suspect=4),
            StreamGap(
                source="ehr", stream="note", number=1, reason="page_lost", advice="ask", last_day=date(2026, 3, 1)
            ),
            UnmappedValue(run_id=run_id, source="ehr", entity="note", column="kind", code="zz", rows=7),
        ]
    )
    listed = [(p.severity, p.what, p.where, p.message) for p in found(ops)]
    assert listed == [
        ("error", "slice_kept_back", "ehr.session", "9 of 20 rows"),
        ("warn", "incomplete", "ehr.note", "page_lost: ... to 2026-03-01"),
        ("warn", "quarantined", "ehr", "2 rows broke the contract and count for nothing"),
        ("warn", "suspect", "ehr", "4 records whose latest reading was rejected; an older version of them counts"),
        ("warn", "unmapped", "ehr", "7 rows with codes no value map knows: note.kind"),
    ]


def test_a_source_that_is_switched_off_is_nobodys_problem(ops: OpsDatabase) -> None:
    night(ops, 3, source="failed", message="gone")
    assert standing_problems(ops, sources=[], now=FIRST + timedelta(days=3)) == []


def test_costs_are_those_of_the_last_read_and_the_mean_of_the_last_fourteen(ops: OpsDatabase) -> None:
    for number in range(1, 17):
        run_id = night(ops, number)
        row = SourceRun(run_id=run_id, source="ehr", connector="fhir", state="ok", seconds=60 * number, calls=number)
        ops.add([row, StreamRun(run_id=run_id, source="ehr", stream="encounter", read=5 * number)])
    (cost,) = source_costs(ops, sources=["ehr", "never_read"])
    assert (cost.minutes, cost.calls, cost.rows, cost.reads) == (16, 16, 80, 14)
    assert (cost.mean_minutes, cost.mean_calls) == (9.5, 9.5), "of 3 to 16"
