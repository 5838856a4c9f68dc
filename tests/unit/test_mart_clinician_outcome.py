"""`clinician_outcome`: what little a clinician's episodes say of the clinician."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from tests.marts import Row, World

from pacekeeper.policy import load_policy

ONLY = ("clinician_outcome", "outcome_funnel")


def episodes(made: World, key: str, changes: Sequence[int | None], *, base: int = 20) -> None:
    """Episodes of two sessions that ended on 2 February, by the change of the score; null = nobody measured."""
    for number, change in enumerate(changes):
        client = f"{key}-{number}"
        made.add(
            "episode",
            episode_key=f"e-{client}",
            client_key=client,
            opened_on=made.day(0),
            closed_on=date(2026, 2, 2),
            status="finished",
            closure_type="planned_complete",
            primary_clinician_key=key,
        )
        for week in range(2):
            made.session(made.day(week), "09:00", 50, key=key, clients=(client,))
        if change is not None:
            first = base + (2 if number % 2 else -2)
            made.answer(made.day(0), first, client=client)
            made.answer(made.day(1), first + change, client=client)


@pytest.fixture(scope="module")
def world() -> World:
    made = World(only=ONLY)
    for key in ("c1", "c2", "c3"):
        if key != "c1":
            made.clinician(key)
        made.employ(date(2025, 1, 6), key=key)
    # c1: -11 and -9, c2: -5 and -3, c3: -8 and -6; bases 18 and 22 evenly within each, so that the line is base - 7.
    episodes(made, "c1", [-11, -11, -9, -9] * 3 + [None] * 4)
    episodes(made, "c2", [-5, -5, -3, -3] * 3)
    episodes(made, "c3", [-8, -8, -6, -6])
    made.run(weeks=9)
    return made


def february(world: World, key: str) -> Row:
    (found,) = world.select(
        f"SELECT * FROM marts.clinician_outcome WHERE clinician_key = '{key}' AND month_id = DATE '2026-02-01'"
    )
    return found


@pytest.mark.formula(25)
@pytest.mark.rule("O06")
def test_mean_is_against_what_is_expected_and_shrinks_towards_the_practice(world: World) -> None:
    # 28 bases two off 20: variance 28 x 4 / 27. c1 is 3 better than expected, c2 3 worse.
    sd = (28 * 4 / 27) ** 0.5
    best, worst = february(world, "c1"), february(world, "c2")
    assert (best["mean_sa_es"], worst["mean_sa_es"]) == (pytest.approx(-3 / sd), pytest.approx(3 / sd))
    assert -3 / sd < best["shrunk_es"] < 0 < worst["shrunk_es"] < 3 / sd
    assert best["lo"] < best["shrunk_es"] < best["hi"]


@pytest.mark.edge_case(25)
def test_how_many_were_measured_stands_beside_the_outcome(world: World) -> None:
    found = february(world, "c1")
    assert (found["ended_n"], found["n"], found["measured_ratio"]) == (16, 12, 0.75)


def test_counts_are_of_reliable_changes(world: World) -> None:
    # Six points are reliable: all of c1's. From 18 by 11 or 9 to 7 or 9 is below ten, from 22 only by more than 12.
    found = february(world, "c1")
    assert (found["case_n"], found["reliable_improve_n"], found["deteriorate_n"]) == (12, 12, 0)
    assert found["recovered_n"] == 6
    assert february(world, "c2")["reliable_improve_n"] == 0


def test_of_four_episodes_only_the_number_is_shown(world: World) -> None:
    found = february(world, "c3")
    assert (found["n"], found["display_ok"]) == (4, False)
    hidden = ("reliable_improve_n", "recovered_n", "deteriorate_n", "mean_sa_es", "shrunk_es", "lo", "hi")
    assert {found[name] for name in hidden} == {None}


def test_twelve_episodes_are_shown_and_not_compared(world: World) -> None:
    found = february(world, "c1")
    assert (found["display_ok"], found["funnel_zone"], found["funnel_level"]) == (True, "insufficient", None)


def test_nothing_ranks_clinicians(world: World) -> None:
    names = {row["column_name"] for row in world.select("DESCRIBE marts.clinician_outcome")}
    assert not {name for name in names if "rank" in name or "place" in name or "quartile" in name}
    # Off by default.
    assert world.select("SELECT 1 FROM marts.guardrail_result") == []


@pytest.mark.rule("O06")
def test_switched_on_it_asks_about_those_whom_chance_does_not_explain(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('extends = "default"\nprofile = "ours"\n[guardrails.outcome_funnel]\nenabled = true\n', "utf-8")
    policy = load_policy(file=file)
    made = World(only=ONLY)
    for key in ("c1", "c2", "c3"):
        if key != "c1":
            made.clinician(key)
        made.employ(date(2025, 1, 6), key=key)
    # 30, 30 and 10 cases; 40 of 70 improved. 10 of 30 lies under the 99.8 % limit of 4/7, 30 of 30 above it.
    episodes(made, "c1", [-10] * 10 + [0] * 20)
    episodes(made, "c2", [-10] * 30)
    episodes(made, "c3", [0] * 10)
    made.run(weeks=9, policy=policy)
    zones = {key: february(made, key)["funnel_zone"] for key in ("c1", "c2", "c3")}
    assert zones == {"c1": "alert_low", "c2": "alarm_high", "c3": "insufficient"}
    found = made.select(
        "SELECT subject_key, state, reason FROM marts.guardrail_result WHERE period = '2026-02-01' ORDER BY 1"
    )
    assert [(row["subject_key"], row["state"], row["reason"]) for row in found] == [
        ("c1", "warn", "above_warning"),
        ("c2", "pass", None),
        ("c3", "unknown", "no_source"),
    ]
