"""Layers of a policy in verdicts: for a role, a specialty, a tenure, one person, for a time."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.marts import World

from pacekeeper.policy import Policy, load_policy

WARN = 'guardrails.direct_hours.thresholds.warn = { value = %s, unit = "hours", provenance = "agreed in a test" }'
AGREED = 'reason = "phased return"\napprover = "clinical lead"\n'


@pytest.fixture
def world() -> World:
    """c1, half-time intern with trauma work, holds 9 hours a week; c2, full-time therapist, the same."""
    made = World(only=("direct_hours",))
    made.clinician("c2")
    made.rows["clinician"][0]["role"] = "intern"
    made.add("clinician_specialty", clinician_key="c1", specialty="trauma")
    made.employ(date(2025, 10, 6), fte=0.5)
    made.employ(date(2025, 1, 6), key="c2")
    for week in range(4):
        for key in ("c1", "c2"):
            made.seat(made.day(week), "09:00", key=key)
            made.hold(week, 9, key=key)
    return made


def policy(folder: Path, *layers: str) -> Policy:
    file = folder / "policy.toml"
    head = 'extends = "default"\nprofile = "layers"\n'
    file.write_text(head + "\n".join(f"[[layer]]\n{layer}\n" for layer in layers))
    return load_policy(file=file)


def warned(world: World, week: int = 1, *, key: str = "c1") -> tuple[str, float, str | None]:
    row = world.verdict("direct_hours", week, key=key)
    return row["state"], row["threshold_warn"], row["layer"]


@pytest.mark.edge_case(13)
@pytest.mark.rule("U11")
def test_a_role_has_a_value_of_its_own_scaled_by_fte(world: World, tmp_path: Path) -> None:
    world.run(weeks=4, policy=policy(tmp_path, 'kind = "role"\nmatch = "intern"\n' + WARN % 16))
    assert warned(world) == ("warn", 8.0, "layer 1: role intern")
    assert warned(world, key="c2") == ("pass", 22.0, None)


def test_the_later_kind_wins_and_a_value_for_one_person_is_not_scaled(world: World, tmp_path: Path) -> None:
    role = 'kind = "role"\nmatch = "intern"\n' + WARN % 16
    person = f'kind = "person"\nmatch = "c1"\nexpires = 2026-12-31\n{AGREED}{WARN % 10}'
    specialty = 'kind = "specialty"\nmatch = "trauma"\n' + WARN % 12
    world.run(weeks=4, policy=policy(tmp_path, person, role, specialty))
    assert warned(world) == ("pass", 10.0, "layer 1: person c1")
    world.run(weeks=4, policy=policy(tmp_path, role, specialty))
    assert warned(world) == ("warn", 6.0, "layer 2: specialty trauma")


def test_tenure_holds_in_its_months_only(world: World, tmp_path: Path) -> None:
    # Hired on 6 October: the week of 5 January is in month 3, that of 12 January in month 4.
    tenure = 'kind = "tenure"\nmatch = { from = 1, to = 3 }\n' + WARN % 5
    world.run(weeks=4, policy=policy(tmp_path, tenure))
    assert warned(world, 0) == ("warn", 5.0, "layer 1: tenure 1-3")
    assert warned(world, 1) == ("pass", 11.0, None)


@pytest.mark.edge_case(8)
def test_a_return_to_work_asks_nothing_until_it_expires(world: World, tmp_path: Path) -> None:
    back = (
        f'kind = "temporary"\nmatch = "c1"\neffective_from = 2026-01-12\nexpires = 2026-01-18\n{AGREED}'
        "guardrails.direct_hours.exempt = true"
    )
    world.run(weeks=4, policy=policy(tmp_path, back))
    states = [world.says("direct_hours", week) for week in range(4)]
    assert states == [("pass", None), ("exempt", "agreed"), ("pass", None), ("pass", None)]


@pytest.mark.edge_case(38)
def test_the_version_of_the_policy_differs_only_where_a_layer_holds(world: World, tmp_path: Path) -> None:
    back = f'kind = "person"\nmatch = "c1"\neffective_from = 2026-01-12\nexpires = 2026-01-18\n{AGREED}{WARN % 5}'
    world.run(weeks=4, policy=policy(tmp_path, back))
    versions = [world.verdict("direct_hours", week)["policy_version"] for week in range(4)]
    assert versions[0] == versions[2] == versions[3] != versions[1]
