"""`guardrail_breach`: episodes of verdicts that a reader can redo by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marts import Row, World

from pacekeeper.policy import load_policy

LONG_AGO = date(2025, 1, 6)
PASSES, WARNS, BREACHES = 20, 25, 36


def world(*hours: int | None, only: tuple[str, ...] = ("direct_hours", "guardrail_breach")) -> World:
    """Direct hours of c1 by week; null is a week of which the sessions' status is unknown."""
    made = World(only=only)
    made.employ(LONG_AGO)
    for week, each in enumerate(hours):
        for weekday in range(5):
            minutes = 60 if each is None else each * 12
            status = "unknown" if each is None else "completed"
            made.session(made.day(week, weekday), "08:00", minutes, status=status)
    return made


def episodes(made: World) -> list[Row]:
    return made.select("SELECT * FROM marts.guardrail_breach ORDER BY guardrail_id, first_week")


@pytest.mark.edge_case(39)
def test_an_episode_is_one_row_that_gets_worse_and_unknown_weeks_do_not_end_it() -> None:
    made = world(PASSES, WARNS, BREACHES, None, 40, PASSES, 24)
    made.run(weeks=7)
    first, second = episodes(made)
    assert (first["first_week"], first["last_week"]) == (made.day(1), made.day(4))
    assert [first[name] for name in ("periods_n", "breach_periods_n", "weeks")] == [3, 2, 4]
    assert (first["severity_max"], first["worst_value"], first["unit"]) == ("breach", 40, "hours")
    assert (first["closed_reason"], first["closed_week"]) == ("recovered", made.day(5))
    assert first["notified_roles"] == "clinician, supervisor"
    assert [second[name] for name in ("severity_max", "worst_value", "closed_reason")] == ["warn", 24, "ongoing"]


def test_an_episode_with_nothing_but_unknown_weeks_after_it_is_not_ongoing() -> None:
    made = world(BREACHES, None)
    made.run(weeks=2)
    (episode,) = episodes(made)
    assert (episode["closed_reason"], episode["closed_week"], episode["periods_n"]) == ("unknown", None, 1)


@pytest.mark.edge_case(40)
def test_late_data_that_reclassifies_a_breach_leaves_it_as_retracted() -> None:
    made = world(BREACHES, BREACHES)
    made.run(weeks=2)
    assert [row["closed_reason"] for row in episodes(made)] == ["ongoing"]
    made.rows["session"] = [row for row in made.rows["session"] if row["started_at"] < made.at(made.day(1, 2), "00:00")]
    made.run(weeks=2)
    first, second = episodes(made)
    assert [first[name] for name in ("first_week", "closed_reason", "closed_week")] == [
        made.day(0),
        "recovered",
        made.day(1),
    ]
    assert [second[name] for name in ("first_week", "closed_reason", "worst_value")] == [made.day(1), "retracted", 36]


@pytest.mark.edge_case(40)
def test_a_breach_whose_verdict_is_withdrawn_is_retracted() -> None:
    made = world(BREACHES, PASSES)
    made.run(weeks=2)
    made.rows["employment"].clear()
    made.employ(made.day(1))
    made.rows["session"] = [row for row in made.rows["session"] if row["started_at"] > made.at(made.day(1), "00:00")]
    made.seat(made.day(1), "09:00")
    made.run(weeks=2)
    assert [row["closed_reason"] for row in episodes(made)] == ["retracted"]


def test_a_breach_of_which_a_session_became_unclear_is_neither_gone_nor_ongoing() -> None:
    made = world(BREACHES)
    made.run(weeks=1)
    made.session(made.day(0, 6), "09:00", 50, status="unknown")
    made.run(weeks=1)
    (episode,) = episodes(made)
    assert (episode["closed_reason"], episode["worst_value"]) == ("unknown", 36)


def test_a_floor_that_no_longer_holds_closes_the_episode_as_exempt() -> None:
    made = World(only=("utilization", "guardrail_breach"))
    made.employ(LONG_AGO)
    for week in range(4):
        made.open_week(week)
        made.hold(week, 2)
    made.leave(made.day(3, 1), 4)
    made.run(weeks=4)
    (episode,) = episodes(made)
    assert (episode["first_week"], episode["closed_reason"]) == (made.day(2), "exempt")
    assert episode["worst_value"] == pytest.approx(0.1)


@pytest.mark.rule("D02")
def test_a_breach_of_unfinished_administration_carries_what_to_try(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        'extends = "default"\nprofile = "own"\ntitle = "Own"\n[breach]\n'
        'admin_guardrails = { value = ["direct_hours"], unit = "words", provenance = "ours" }\n'
    )
    made = world(WARNS, PASSES, BREACHES)
    made.run(weeks=3, policy=load_policy(file=file))
    warned, breached = episodes(made)
    assert warned["remedy_code"] is None
    assert breached["remedy_code"] == "fewer_clients, training, better_ehr, support_staff"
    made.run(weeks=3)
    assert {row["remedy_code"] for row in episodes(made)} == {None}


@settings(max_examples=6, deadline=None)
@given(st.lists(st.sampled_from([PASSES, WARNS, BREACHES, None]), min_size=1, max_size=7))
def test_every_verdict_out_of_band_is_in_exactly_one_episode(hours: list[int | None]) -> None:
    made = world(*hours)
    made.run(weeks=len(hours))
    out = made.select("SELECT * FROM marts.guardrail_result WHERE is_current AND state IN ('warn', 'breach')")
    found = episodes(made)
    assert sum(row["periods_n"] for row in found) == len(out)
    for verdict in out:
        within = [e for e in found if e["first_week"] <= date.fromisoformat(verdict["period"]) <= e["last_week"]]
        assert len(within) == 1
