"""`episode_outcome`: first against last score of an episode, and what makes them comparable at all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any  # a canonical value

import pytest
from tests.marts import Row, World


def episode(made: World, client: str, *, sessions: int = 3, **over: Any) -> None:
    """An episode of `c1` from the first Monday on, with weekly sessions at nine."""
    made.add(
        "episode",
        **{
            "episode_key": f"e-{client}",
            "client_key": client,
            "opened_on": made.day(0),
            "status": "active",
            "primary_clinician_key": "c1",
            **over,
        },
    )
    for week in range(sessions):
        made.session(made.day(week), "09:00", 50, clients=(client,))


@pytest.fixture(scope="module")
def world() -> World:
    made = World(only=("episode_outcome",))
    made.employ(date(2025, 1, 6))

    def scores(client: str, totals: list[tuple[int, int]], **over: Any) -> None:
        """totals: days after the first session, and score."""
        for days, total in totals:
            made.answer(made.day(0) + timedelta(days=days), total, client=client, **over)

    for client in ("half", "mild", "late", "early", "carer", "tongue", "once", "other"):
        episode(made, client)
    scores("half", [(-3, 16), (7, 12), (14, 8)])
    scores("mild", [(0, 8), (14, 2)])
    scores("late", [(9, 15), (14, 4)])
    scores("early", [(-20, 25), (-2, 14), (14, 13)])
    scores("carer", [(0, 20), (14, 18)])
    scores("carer", [(0, 10), (14, 3)], respondent="caregiver")
    scores("tongue", [(0, 20)], language="en")
    scores("tongue", [(7, 9), (14, 4)], language="es")
    scores("once", [(0, 17)])
    episode(made, "mandated")
    for days, tenths in ((0, 310), (14, 320)):
        made.answer(made.day(0) + timedelta(days=days), tenths, client="mandated", instrument="ors")
    # The same person under another key, told of by another record.
    made.add("client_match", client_key="other-2", person_key="other", matched_on="file", source="derived")
    made.answer(made.day(0), 18, client="other")
    made.answer(made.day(2), 9, client="other-2")
    for number in range(20):
        base = 18 if number % 2 else 22
        episode(made, f"ref{number}", sessions=2)
        scores(f"ref{number}", [(0, base), (7, base - 8 + (1 if number % 4 < 2 else -1))], instrument="gad7")
    made.run(weeks=4)
    return made


def row(world: World, client: str, respondent: str = "self") -> Row:
    (found,) = world.select(
        f"SELECT * FROM marts.episode_outcome WHERE client_key = '{client}' AND respondent = '{respondent}'"
    )
    return found


@pytest.mark.formula(25)
@pytest.mark.rule("O06")
def test_half_of_sixteen_is_a_response_and_no_remission(world: World) -> None:
    found = row(world, "half")
    assert (found["base"], found["last"], found["change"], found["n_scores"]) == (16, 8, -8, 3)
    assert (found["response"], found["remission"], found["reliable_class"]) == (True, False, "recovered")
    # From three days before the first Monday to two weeks after it, three sessions attended.
    assert (found["days"], found["sessions"], found["first_session_no"]) == (17.0, 3, 1)


@pytest.mark.edge_case(23)
def test_who_begins_below_the_cut_off_neither_recovers_nor_responds(world: World) -> None:
    found = row(world, "mild")
    assert (found["is_base_case"], found["cutoff_cross"], found["response"], found["remission"]) == (
        False,
        None,
        None,
        None,
    )
    assert found["reliable_class"] == "improved"


@pytest.mark.edge_case(24)
def test_a_first_score_after_the_first_session_is_no_baseline(world: World) -> None:
    found = row(world, "late")
    assert (found["base"], found["change"], found["reliable_class"]) == (None, None, None)
    assert (found["n_scores"], found["first_session_no"]) == (2, 2)


def test_a_score_of_weeks_before_the_first_session_is_left_out(world: World) -> None:
    found = row(world, "early")
    assert (found["base"], found["n_scores"], found["change"]) == (14, 2, -1)


@pytest.mark.edge_case(21)
def test_caregiver_and_client_are_never_mixed(world: World) -> None:
    assert (row(world, "carer")["change"], row(world, "carer", "caregiver")["change"]) == (-2, -7)
    assert (row(world, "carer")["is_primary"], row(world, "carer", "caregiver")["is_primary"]) == (True, False)


@pytest.mark.edge_case(22)
def test_another_language_is_not_compared_with_the_baseline(world: World) -> None:
    found = row(world, "tongue")
    assert (found["base"], found["last"], found["n_scores"]) == (20, None, 1)


def test_one_score_is_no_change(world: World) -> None:
    found = row(world, "once")
    assert (found["base"], found["last"], found["change"], found["reliable_class"]) == (17, None, None, None)


@pytest.mark.edge_case(27)
def test_who_scores_high_on_the_ors_at_intake_is_no_case_and_no_success(world: World) -> None:
    found = row(world, "mandated")
    assert (found["base"], found["last"], found["change"]) == (31.0, 32.0, 1.0)
    assert (found["is_base_case"], found["cutoff_cross"], found["reliable_class"]) == (False, None, None)


@pytest.mark.edge_case(19)
def test_scores_of_two_records_of_one_person_are_one_episode(world: World) -> None:
    assert row(world, "other")["change"] == -9


@pytest.mark.formula(25)
@pytest.mark.edge_case(26)
def test_who_begins_high_is_held_against_what_is_expected_at_that_height(world: World) -> None:
    # 22 falls to 14 on average and 18 to 10: the line is last = base - 8, and both are 1 off it.
    # Ten of each: the variance of the bases is 20 x 4 / 19.
    sd = (20 * 4 / 19) ** 0.5
    found = [row(world, f"ref{number}") for number in (0, 1, 2, 3)]
    assert [one["change"] for one in found] == [-7, -7, -9, -9]
    assert [one["effect_size"] for one in found] == pytest.approx([-7 / sd, -7 / sd, -9 / sd, -9 / sd])
    assert [one["severity_adj_es"] for one in found] == pytest.approx([1 / sd, 1 / sd, -1 / sd, -1 / sd])
    assert {one["coefficients_n"] for one in found} == {20}
    assert len({one["coefficients_version"] for one in found}) == 1


def test_too_few_pairs_give_no_effect_size(world: World) -> None:
    found = row(world, "half")
    assert (found["effect_size"], found["severity_adj_es"], found["coefficients_version"]) == (None, None, None)
