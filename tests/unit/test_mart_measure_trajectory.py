"""`measure_trajectory`: PHQ-9 scores read against those before them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any  # a canonical value

import pytest
from tests.marts import Row, World


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.employ(date(2025, 1, 6))
    day = made.day(0)

    def series(client: str, totals: list[int | None], **over: Any) -> None:
        for number, total in enumerate(totals):
            made.answer(day + timedelta(days=7 * number), total, client=client, **over)

    series("recovers", [18, 15, None, 12, 9])
    series("worsens", [10, 7, 12, 13])
    series("improves", [20, 14])
    series("steady", [4, 5])
    series("mixed", [10, 11])
    made.answer(day + timedelta(days=1), 25, client="mixed", respondent="caregiver")
    for client, value in (("item0", 0), ("item1", 1), ("none", None)):
        made.answer(day, 3, client=client, item9=value)
    name = made.answer(day, 3, client="blank")
    made.add("measure_item", response_key=name, item_no=9, value=None)
    made.add("measure_item", response_key=name, item_no=8, value=3)
    made.run(weeks=1)
    return made


def rows(world: World, client: str) -> list[Row]:
    return world.select(
        f"SELECT * FROM marts.measure_trajectory WHERE client_key = '{client}' ORDER BY administered_at, respondent"
    )


def column(world: World, client: str, name: str) -> list[object]:
    return [row[name] for row in rows(world, client)]


@pytest.mark.rule("O01", "O06")
def test_changes_are_against_previous_first_and_best_score(world: World) -> None:
    assert column(world, "worsens", "score") == [10, 7, 12, 13]
    assert column(world, "worsens", "delta_prev") == [None, -3, 5, 1]
    assert column(world, "worsens", "delta_base") == [None, -3, 2, 3]
    assert column(world, "worsens", "delta_best") == [None, -3, 5, 6]


def test_six_points_worse_than_the_best_is_off_track(world: World) -> None:
    assert column(world, "worsens", "on_track") == [None, True, True, False]


def test_response_without_a_total_keeps_its_row_and_breaks_nothing(world: World) -> None:
    assert column(world, "recovers", "sequence_no") == [1, 2, None, 3, 4]
    assert column(world, "recovers", "delta_prev") == [None, -3, None, -3, -3]


def test_class_follows_reliable_change_and_caseness(world: World) -> None:
    # from 18: 15 is 3 better, 12 is 6 better and still a case, 9 is below caseness
    assert column(world, "recovers", "reliable_class") == [None, "no_change", None, "improved", "recovered"]
    assert column(world, "improves", "reliable_class") == [None, "improved"]
    assert column(world, "steady", "reliable_class") == [None, "no_change"]


@pytest.mark.parametrize(
    ("client", "bands"),
    [
        ("recovers", ["moderately_severe", "moderately_severe", None, "moderate", "mild"]),
        ("steady", ["minimal", "mild"]),
        ("improves", ["severe", "moderate"]),
    ],
)
def test_band_follows_the_cut_offs(world: World, client: str, bands: list[str | None]) -> None:
    assert column(world, client, "severity_band") == bands


def test_another_respondent_is_another_series(world: World) -> None:
    assert [(row["respondent"], row["sequence_no"], row["delta_prev"]) for row in rows(world, "mixed")] == [
        ("self", 1, None),
        ("caregiver", 1, None),
        ("self", 2, 1),
    ]


def test_missing_safety_item_is_unknown_and_not_negative(world: World) -> None:
    flags = {client: column(world, client, "safety_flag") for client in ("item0", "item1", "none", "blank")}
    assert flags == {"item0": [False], "item1": [True], "none": [None], "blank": [None]}


def test_a_response_counts_up_to_its_own_session() -> None:
    made = World(only=("measure_trajectory",))
    made.employ(date(2025, 1, 6))

    def episode(client: str, name: str, week: int) -> None:
        made.add("episode", episode_key=name, client_key=client, opened_on=made.day(week), status="active")

    monday = made.day(0)
    # given at ten: ahead of the session at eleven, and of the crisis that nobody foresaw that night
    episode("crisis", "e-crisis", 0)
    name = made.session(monday, "11:00", 50, clients=("crisis",))
    made.session(monday, "21:00", 50, clients=("crisis",))
    made.answer(monday, 9, client="crisis", session_key=name)
    made.answer(monday, 8, client="crisis")
    # Monday's is ten minutes after a session and 71 hours ahead of Thursday's; Wednesday's is a day ahead of that one
    episode("twice", "e-twice", 0)
    for weekday in (0, 3):
        made.session(made.day(0, weekday), "09:00", 50, clients=("twice",))
    for weekday, total in ((0, 14), (2, 13), (3, 12)):
        made.answer(made.day(0, weekday), total, client="twice")
    # one episode is open, and another opens four days later
    episode("both", "e-open", 0)
    episode("both", "e-next", 1)
    made.session(made.day(0, 3), "09:00", 50, clients=("both",))
    made.answer(made.day(0, 3), 10, client="both")
    made.run(weeks=2)
    assert {client: column(made, client, "session_no") for client in ("crisis", "twice", "both")} == {
        "crisis": [1, 1],
        "twice": [1, 2, 2],
        "both": [1],
    }
    assert column(made, "both", "episode_key") == ["e-open"]


def test_a_response_that_names_nothing_is_of_the_session_nearest_to_it_and_of_its_episode() -> None:
    made = World(only=("measure_trajectory",))
    made.employ(date(2025, 1, 6))
    monday, wednesday = made.day(0), made.day(0, 2)
    for client in ("near", "far", "told", "mistake"):
        for name in ("old", "new"):
            week = 0 if name == "new" else -4
            made.add(
                "episode", episode_key=f"{client}-{name}", client_key=client, opened_on=made.day(week), status="active"
            )
        for day, name in ((monday, "old"), (wednesday, "new")):
            made.session(day, "10:12", 50, clients=(client,), session_key=f"{client}-{name}")
            made.rows["session_participant"][-1]["episode_key"] = f"{client}-{name}"
    made.add("episode", episode_key="wrong", client_key="mistake", opened_on=monday, status="entered_in_error")
    # Given on Monday at ten, twelve minutes before a session of the older episode and two days before one of the newer.
    made.answer(monday, 9, client="near")
    # A week before, it is of no session: of the older episode, which alone is open.
    made.answer(made.day(-1), 9, client="far")
    made.answer(monday, 9, client="told", episode_key="told-new")
    made.answer(monday, 9, client="mistake", episode_key="wrong")
    made.run(weeks=2)
    found = made.select("SELECT client_key, episode_key, session_no FROM marts.measure_trajectory")
    assert {row["client_key"]: (row["episode_key"], row["session_no"]) for row in found} == {
        "near": ("near-old", 1),
        "far": ("far-old", 0),
        "told": ("told-new", 1),
        "mistake": ("mistake-old", 1),
    }


@pytest.mark.edge_case(45)
def test_a_client_whose_records_part_2_may_protect_is_marked_and_not_known_counts_as_yes() -> None:
    made = World(only=("measure_trajectory",))
    made.employ(date(2025, 1, 6))
    for key, flag in (("free", "no"), ("kept", "yes"), ("vague", "unknown"), ("both", "no"), ("both2", "yes")):
        made.add("client", client_key=key, practice_key="p", part2_flag=flag, is_deceased=False)
        made.add("client_match", client_key=key, person_key=key.removesuffix("2"), matched_on="mrn", source="derived")
    for key in ("free", "kept", "vague", "both", "nobody"):
        made.answer(made.day(0), 10, client=key)
    made.run(weeks=1)
    rows = made.select("SELECT client_key, is_part2 FROM marts.measure_trajectory")
    assert {row["client_key"]: row["is_part2"] for row in rows} == {
        "free": False,
        "kept": True,
        "vague": True,
        "both": True,
        "nobody": True,
    }
