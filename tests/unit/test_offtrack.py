"""Off-track algorithms, by policy, and what makes a series of scores."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import ibis
import pytest
from tests.marts import World

from pacekeeper.errors import PolicyError
from pacekeeper.policy import Policy, load_policy
from pacekeeper_assets.offtrack import OFFTRACK, OfftrackAlgorithm, OfftrackRegistry

ONLY = ("measure_trajectory",)


def using(tmp_path: Path, algorithm: str, *stated: str) -> Policy:
    values = "\n".join(
        [f'offtrack_algorithm = {{ value = "{algorithm}", unit = "word", provenance = "ours" }}', *stated]
    )
    file = tmp_path / "policy.toml"
    file.write_text(f'extends = "default"\nprofile = "{algorithm}-{len(stated)}"\n[outcome]\n{values}\n', "utf-8")
    return load_policy(file=file)


def series(made: World, client: str, totals: list[int]) -> None:
    """An episode with a session and a score every Monday."""
    made.add("episode", episode_key=f"e-{client}", client_key=client, opened_on=made.day(0), status="active")
    for week, total in enumerate(totals):
        made.session(made.day(week), "09:00", 50, clients=(client,))
        made.answer(made.day(week), total, client=client)


def on_track(made: World, client: str) -> list[bool | None]:
    rows = made.select(
        f"SELECT on_track FROM marts.measure_trajectory WHERE client_key = '{client}' ORDER BY administered_at"
    )
    return [row["on_track"] for row in rows]


@pytest.mark.formula(22)
@pytest.mark.rule("O02")
def test_no_gain_by_the_fourth_session_is_off_track(tmp_path: Path) -> None:
    made = World(only=ONLY)
    series(made, "stuck", [18, 17, 16, 15, 13])
    series(made, "gained", [18, 17, 12, 15, 17])
    series(made, "well", [6, 6, 6, 6, 13])
    for week in range(5):
        made.answer(made.day(week), 18 - week // 4, client="unlinked")
    made.run(weeks=6, policy=using(tmp_path, "no_gain_by_k"))
    # Six are a reliable gain: 18 to 13 is none; 12 was one, whatever came after.
    assert on_track(made, "stuck") == [None, True, True, False, False]
    assert on_track(made, "gained") == [None, True, True, True, True]
    # Nobody gains six from six: a drop of seven is what counts there.
    assert on_track(made, "well") == [None, True, True, True, False]
    # Without an episode nobody knows which session it is.
    assert set(on_track(made, "unlinked")) == {None}


@pytest.mark.formula(22)
def test_the_practices_own_curve_needs_enough_episodes(tmp_path: Path) -> None:
    made = World(only=ONLY)
    for number in range(5):
        series(made, f"k{number}", [20 + number % 2, 10 + number])
    few = [
        'curve_min_episodes = { value = 5, unit = "episodes", provenance = "ours" }',
        'curve_min_cell = { value = 5, unit = "episodes", provenance = "ours" }',
    ]
    made.run(weeks=3, policy=using(tmp_path, "percentile_curve", *few))
    # 10, 11, 12, 13, 14: four fifths of the way up lies 13.2.
    assert [on_track(made, f"k{number}")[1] for number in range(5)] == [True, True, True, True, False]
    made.run(weeks=3, policy=using(tmp_path, "percentile_curve"))
    assert {on_track(made, f"k{number}")[1] for number in range(5)} == {None}


def test_an_algorithm_nobody_knows_is_told_with_those_there_are(tmp_path: Path) -> None:
    made = World(only=ONLY)
    with pytest.raises(PolicyError, match=r"'expected_curve'.*no_gain_by_k, percentile_curve, reliable_drop"):
        made.run(weeks=1, policy=using(tmp_path, "expected_curve"))


def test_a_plugin_adds_an_algorithm_and_takes_no_name_of_another() -> None:
    registry = OfftrackRegistry([OFFTRACK.named("reliable_drop")])
    own = OfftrackAlgorithm("never", lambda rows, _outcome: rows.mutate(on_track=ibis.literal(value=True)))
    registry.add(own)
    assert registry.named("never") is own
    with pytest.raises(PolicyError, match="is there already"):
        registry.add(OfftrackAlgorithm("reliable_drop", own.judge))


@pytest.fixture(scope="module")
def world() -> World:
    made = World(only=ONLY)
    made.employ(date(2025, 1, 6))
    for week, (total, version) in enumerate([(18, "1"), (12, "1"), (12, "2"), (11, "2")]):
        made.answer(made.day(week), total, client="version", version=version)
    made.answer(made.day(0), 18, client="twice", version="1")
    made.answer(made.day(0), 18, client="twice")
    made.answer(made.day(1), 18, client="twice")
    for week, total in enumerate([300, 352, 291]):
        made.answer(made.day(week), total, client="ors", instrument="ors")
    series(made, "back", [18, 10])
    made.rows["episode"][-1]["closed_on"] = made.day(2)
    made.add("episode", episode_key="second", client_key="back", opened_on=made.day(8), status="active")
    made.session(made.day(8), "09:00", 50, clients=("back",))
    made.answer(made.day(8) - timedelta(days=1), 17, client="back")
    made.run(weeks=9)
    return made


def column(world: World, client: str, *names: str) -> list[tuple[object, ...]]:
    rows = world.select(
        f"SELECT * FROM marts.measure_trajectory WHERE client_key = '{client}' ORDER BY administered_at, response_key"
    )
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.edge_case(22)
def test_another_version_begins_a_series_of_its_own(world: World) -> None:
    assert column(world, "version", "sequence_no", "delta_prev") == [(1, None), (2, -6), (1, None), (2, -1)]


@pytest.mark.edge_case(28)
def test_a_form_and_its_result_are_one_score(world: World) -> None:
    # Kept is the one that tells its version; the same score a week later is a score.
    assert column(world, "twice", "is_duplicate", "sequence_no") == [(False, 1), (True, None), (False, 1)]


def test_where_higher_is_better_the_best_is_the_highest(world: World) -> None:
    assert column(world, "ors", "score", "delta_best", "severity_band") == [
        (30.0, None, "non_clinical"),
        (35.2, 5.2, "non_clinical"),
        (29.1, -6.1, "non_clinical"),
    ]
    # No reliable change of the ORS is verified: nothing is said of it.
    assert set(column(world, "ors", "on_track", "reliable_class")) == {(None, None)}


def test_a_new_episode_begins_a_new_series(world: World) -> None:
    # The score of the day before it was opened belongs to it.
    assert column(world, "back", "episode_key", "sequence_no", "session_no") == [
        ("e-back", 1, 1),
        ("e-back", 2, 2),
        ("second", 1, 1),
    ]
