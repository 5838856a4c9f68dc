"""Staff surveys by team and wave: scores that a reader can redo, and what is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marts import Row, World

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.staff_instruments import staff_scales
from pacekeeper.policy import Policy, load_policy
from pacekeeper_assets import MARTS

ONLY = ("staff_survey_agg", "burnout_prevalence", "survey_response")
WINTER, SPRING = date(2026, 1, 5), date(2026, 3, 2)
Answers = Mapping[str, Sequence[float]]


def practice() -> World:
    made = World(only=ONLY)
    made.employ(date(2025, 1, 6))
    return made


def ask(made: World, wave: str, opens: date, invited: Mapping[str, int]) -> None:
    for team, n in invited.items():
        made.add("survey_wave", wave_key=wave, team_key=team, invited_n=n, opens_on=opens,
                 closes_on=date(opens.year, opens.month, 20))  # fmt: skip


def hand_in(made: World, wave: str, team: str, instrument: str, *sheets: Mapping[str, float]) -> None:
    for items in sheets:
        token = f"t{len(made.rows['staff_survey_response'])}"
        made.add("staff_survey_response", response_token=token, wave_key=wave, team_key=team, instrument=instrument,
                 submitted_week=WINTER)  # fmt: skip
        for item, value in items.items():
            made.add("staff_survey_item", response_token=token, item=item, value=value)


def mini_z(made: World, wave: str, answers: Answers) -> None:
    for team, values in answers.items():
        hand_in(made, wave, team, "mini_z", *({"1": value} for value in values))


def surveyed(answers: Answers, *, invited: int = 20) -> World:
    made = practice()
    ask(made, "winter", WINTER, dict.fromkeys(answers, invited))
    mini_z(made, "winter", answers)
    made.run(weeks=4)
    return made


def row(made: World, team: str = "practice", scale: str = "burnout", wave: str = "winter") -> Row:
    rows = made.select(
        f"SELECT * FROM marts.staff_survey_agg WHERE team_key = '{team}' AND scale = '{scale}' AND wave_key = '{wave}'"
    )
    assert len(rows) == 1, f"{len(rows)} rows"
    return rows[0]


def kinds(made: World, wave: str = "winter") -> dict[str, str | None]:
    rows = made.select(
        f"SELECT team_key, suppression_kind AS kind FROM marts.staff_survey_agg WHERE scale = 'burnout'"
        f" AND wave_key = '{wave}'"
    )
    return {found["team_key"]: found["kind"] for found in rows}


def said(made: World, guardrail: str, team: str = "practice") -> tuple[str, str | None]:
    (found,) = made.select(
        "SELECT state, reason FROM marts.guardrail_result WHERE is_current"
        f" AND guardrail_id = '{guardrail}' AND subject_key = '{team}'"
    )
    return found["state"], found["reason"]


SIX = {"east": [1, 2, 2, 3, 4, 5], "west": [1, 1, 2, 2, 2, 3]}


@pytest.mark.rule("H05", "H06")
def test_mean_prevalence_and_response_of_a_team_and_of_everybody() -> None:
    made = surveyed(SIX)
    east, everybody = row(made, "east"), row(made)
    assert (east["n"], east["mean"], east["prevalence"]) == (6, pytest.approx(17 / 6), 0.5)
    assert (everybody["n"], everybody["invited_n"], everybody["prevalence"]) == (12, 40, pytest.approx(4 / 12))
    assert east["rule"] == "mean of items >= 3"
    assert row(made, scale="sheets")["response_ratio"] == 0.3


@pytest.mark.rule("H06", "H07")
def test_scales_turn_reversed_items_round_and_need_every_item() -> None:
    made = practice()
    ask(made, "winter", WINTER, {"all": 9})
    # Items 1, 6, 9 and 11 ... of 1, turned round where reversed: half 1, half 4.
    agreed = {str(number): 1.0 for number in range(1, 17)}
    hand_in(made, "winter", "all", "olbi", *[agreed] * 6, {**agreed, "2": 9.0}, dict(list(agreed.items())[:15]))
    made.run(weeks=4)
    # Disengagement: 4 of 8 items reversed, so (4 x 1 + 4 x 4) / 8. Eight sheets have them all.
    assert (row(made, scale="disengagement")["mean"], row(made, scale="disengagement")["n"]) == (2.5, 8)
    # Exhaustion: one sheet has an answer out of range, one lacks item 16.
    assert (row(made, scale="exhaustion")["n"], row(made, scale="exhaustion")["prevalence"]) == (6, None)


@pytest.mark.rule("H07")
def test_secondary_traumatic_stress_is_a_sum_without_a_cut_off() -> None:
    made = practice()
    ask(made, "winter", WINTER, {"all": 9})
    hand_in(made, "winter", "all", "proqol5", *[{str(number): 2.0 for number in range(1, 31)}] * 5)
    made.run(weeks=4)
    found = row(made, scale="secondary_traumatic_stress")
    assert (found["mean"], found["prevalence"], found["rule"]) == (20.0, None, None)
    # 5 items at 2, 5 turned round to 4
    assert row(made, scale="compassion_satisfaction")["mean"] == 20.0
    made_burnout = made.select(
        "SELECT mean FROM marts.staff_survey_agg WHERE instrument = 'proqol5' AND scale = 'burnout'"
    )
    assert {found["mean"] for found in made_burnout} == {30.0}


def test_every_scale_has_its_items_once() -> None:
    sizes = {(scale.instrument, scale.name): len(set(scale.items)) for scale in staff_scales()}
    assert sizes == {
        ("mini_z", "burnout"): 1,
        ("cbi", "personal"): 6, ("cbi", "work"): 7, ("cbi", "client"): 6,
        ("olbi", "disengagement"): 8, ("olbi", "exhaustion"): 8,
        ("proqol5", "compassion_satisfaction"): 10, ("proqol5", "burnout"): 10,
        ("proqol5", "secondary_traumatic_stress"): 10,
    }  # fmt: skip
    for instrument, total in (("cbi", 19), ("olbi", 16), ("proqol5", 30)):
        own = [item for scale in staff_scales() if scale.instrument == instrument for item in scale.items]
        assert sorted(own, key=int) == [str(number) for number in range(1, total + 1)]


@pytest.mark.formula(32)
@pytest.mark.rule("H06")
def test_a_team_of_four_is_hidden_and_so_is_the_one_that_gives_it_away() -> None:
    made = surveyed({"east": [1, 2, 3, 4], "north": [1, 2, 3, 4, 5, 5], "west": [1, 2, 3] * 3})
    found = kinds(made)
    assert (found["east"], found["north"], found["practice"]) == ("primary", "complementary", None)
    hidden = row(made, "east")
    assert (hidden["n"], hidden["mean"], hidden["prevalence"], hidden["suppressed"]) == (None, None, None, True)
    assert hidden["invited_n"] == 20


@pytest.mark.formula(32)
def test_where_all_of_a_few_answer_alike_nothing_is_shown_and_readers_see_a_small_cell() -> None:
    made = surveyed({"east": [5] * 7, "west": [1, 3] * 6})
    assert kinds(made)["east"] == "primary"


@pytest.mark.edge_case(36)
def test_a_practice_with_four_answers_shows_none() -> None:
    made = surveyed({"all": [1, 2, 3, 4]})
    assert kinds(made) == {"all": "primary", "practice": "primary"}
    assert said(made, "burnout_prevalence") == ("unknown", "low_denominator")


@pytest.mark.edge_case(37)
def test_who_left_between_two_waves_that_everybody_answered_is_not_given_away() -> None:
    made = practice()
    for wave, opens, n in (("winter", WINTER, 7), ("spring", SPRING, 6)):
        ask(made, wave, opens, {"east": n, "west": 12, "north": 12})
        mini_z(made, wave, {"east": [1, 2, 3, 4, 5, 2, 3][:n], "west": [1, 3] * 6, "north": [1, 3] * 5})
    made.run(weeks=12)
    assert kinds(made)["east"] is None
    found = kinds(made, "spring")
    assert found["east"] == "differencing"
    # The practice less the two others would tell of east.
    assert "complementary" in found.values()


@pytest.mark.formula(32)
@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(st.integers(1, 5), max_size=9), min_size=1, max_size=4))
def test_nothing_shown_rests_on_fewer_than_five_nor_leaves_fewer_to_be_worked_out(teams: list[list[int]]) -> None:
    made = surveyed({f"team{number}": [float(v) for v in values] for number, values in enumerate(teams)})
    shown = made.select("SELECT team_key, n FROM marts.staff_survey_agg WHERE scale = 'burnout' AND NOT suppressed")
    sizes = {found["team_key"]: found["n"] for found in shown}
    assert all(n >= 5 for n in sizes.values())
    if "practice" in sizes:
        rest = sizes["practice"] - sum(n for team, n in sizes.items() if team != "practice")
        assert rest == 0 or rest >= 5


@pytest.mark.rule("H05")
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([1] * 6 + [3] * 5, ("pass", None)),
        ([1] * 5 + [3] * 5, ("warn", "above_warning")),
    ],
    ids=["5 of 11", "5 of 10"],
)
def test_burnout_against_the_benchmark(answers: list[float], expected: tuple[str, str | None]) -> None:
    assert said(surveyed({"all": answers}), "burnout_prevalence") == expected


@pytest.mark.rule("H06")
def test_a_practice_may_set_how_many_should_answer(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        'extends = "default"\n[guardrails.survey_response]\nenabled = true\n[guardrails.survey_response.thresholds]\n'
        'warn = { value = 0.5, unit = "ratio", provenance = "our own" }\n',
        encoding="utf-8",
    )
    policy: Policy = load_policy(file=file)
    for invited, expected in ((24, ("pass", None)), (25, ("warn", "below_warning"))):
        made = practice()
        ask(made, "winter", WINTER, {"all": invited})
        mini_z(made, "winter", {"all": [1, 2, 3, 4] * 3})
        made.run(weeks=4, policy=policy)
        assert said(made, "survey_response") == expected
    assert "survey_response" not in load_policy().guardrail_ids


def test_a_wave_that_is_open_is_not_told() -> None:
    made = practice()
    ask(made, "winter", WINTER, {"all": 20})
    mini_z(made, "winter", SIX)
    made.run(weeks=2)
    assert made.select("SELECT * FROM marts.staff_survey_agg") == []


@pytest.mark.rule("H06", "H14")
def test_no_path_leads_from_an_answer_to_a_person() -> None:
    for name in ("staff_survey_response", "staff_survey_item", "survey_wave"):
        assert not [field for field in ENTITIES[name].model_fields if "clinician" in field or "person" in field]
    mart = MARTS["staff_survey_agg"]
    assert not {"clinician", "person_match", "clinician_identifier"} & set(mart.inputs)
    assert not [column.name for column in mart.columns if column.name in {"clinician_key", "response_token"}]
