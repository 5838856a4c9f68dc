"""How heavy a caseload is, what is expected, and whether it is honoured that somebody is at capacity."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any  # a canonical value

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.marts import World

from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.policy import Policy, load_policy

EARLY = date(2025, 1, 6)
RAILS = ("case_points", "projected_points", "high_acuity_hours", "capacity_flag")
OWN = """\
extends = "default"
profile = "own"
title = "Own"
[guardrails.case_points]
enabled = true
[guardrails.case_points.thresholds]
breach = { value = 8, unit = "points", provenance = "us" }
[guardrails.projected_points]
enabled = true
[guardrails.projected_points.thresholds]
breach = { value = 8, unit = "points", provenance = "us" }
[guardrails.high_acuity_hours]
enabled = true
[guardrails.high_acuity_hours.thresholds]
breach = { value = 2, unit = "hours", provenance = "us" }
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    file: Path = tmp_path_factory.mktemp("policy") / "own.toml"
    file.write_text(OWN)
    return load_policy(file=file)


def a_world() -> World:
    made = World(first=date(2025, 10, 1), only=("caseload_snapshot", "case_weight_rater", *RAILS))
    made.seat(made.day(0), "07:00", client=None)
    return made


def case(made: World, key: str, client: str, *, seen: bool = True, **over: Any) -> None:
    """An open case of a client who was seen in week 0."""
    made.assign(client, EARLY, key=key)
    made.rows["case_assignment"][-1] |= over
    if seen:
        made.session(made.day(0), "09:00", 30, key=key, clients=[client])


def weigh(made: World, client: str, weight: int, since: date = EARLY, **over: Any) -> None:
    values: dict[str, Any] = {"episode_key": f"ep-{client}", "method": "clinician", **over}
    name = f"w{len(made.rows['case_weight'])}"
    made.add("case_weight", case_weight_key=name, effective_from=since, weight=weight, **values)


def accepted(made: World, key: str, day: date, *, client: str | None = None, **over: Any) -> None:
    values: dict[str, Any] = {"direction": "in", "channel": "self", "outcome": "accepted", **over}
    name = f"ref{len(made.rows['referral'])}"
    made.add(
        "referral", referral_key=name, client_key=client, clinician_key=key, accepted_at=made.at(day, "10:00"), **values
    )


def episode(made: World, client: str, planned_end: date | None) -> None:
    made.add(
        "episode",
        episode_key=f"ep-{client}",
        client_key=client,
        opened_on=EARLY,
        status="active",
        planned_end_on=planned_end,
    )


@pytest.fixture(scope="module")
def world(policy: Policy) -> World:
    made = a_world()
    for key in ("sum", "half", "heavy", "none", "other", "acute", "unreviewed"):
        made.clinician(key)
        made.employ(EARLY, key=key, fte=0.5 if key == "half" else 1.0)
    sunday = made.day(0, 6)
    for client in ("a", "b", "c", "d", "e"):
        case(made, "sum", client, seen=client != "e", share=0.5 if client == "c" else 1.0)
    weigh(made, "a", 1)
    weigh(made, "a", 3, sunday)
    weigh(made, "a", 1, sunday + timedelta(days=1))
    weigh(made, "b", 1)
    weigh(made, "b", 3, clinician_key="other")
    weigh(made, "c", 3, method="supervisor")
    weigh(made, "e", 3)
    # in four weeks: b leaves, and two come; of the others one is a case, one was seen, one closed, one not yet accepted
    episode(made, "b", sunday + timedelta(days=28))
    episode(made, "a", sunday + timedelta(days=29))
    accepted(made, "sum", sunday)
    accepted(made, "sum", sunday - timedelta(days=90), client="x")
    accepted(made, "sum", sunday, client="a")
    accepted(made, "sum", sunday, client="y", first_attended_at=made.at(sunday, "11:00"))
    accepted(made, "sum", sunday, client="z", closed_at=made.at(sunday, "11:00"))
    accepted(made, "sum", sunday + timedelta(days=1))
    accepted(made, "sum", sunday - timedelta(days=91))
    accepted(made, "sum", sunday, outcome="declined")

    # one client carried by two: both count, each the own share
    case(made, "other", "a", share=0.5)

    for number in range(3):
        case(made, "heavy", f"h{number}")
        weigh(made, f"h{number}", 3)
    case(made, "half", "g0")
    case(made, "half", "g1")
    weigh(made, "g0", 3)
    case(made, "acute", "q")
    weigh(made, "q", 1)
    made.session(made.day(0, 1), "09:00", 90, key="acute", clients=["q"], is_acuity_event=True)
    made.session(made.day(0, 2), "09:00", 31, key="acute", clients=["q"], is_acuity_event=True)
    case(made, "unreviewed", "u", seen=False)
    weigh(made, "u", 1)
    made.session(made.day(0), "09:00", 30, key="unreviewed", clients=["u"], status="unreviewed")
    made.run(weeks=5, policy=policy)
    return made


@pytest.mark.formula(11)
@pytest.mark.rule("W06", "W07", "W08")
def test_points_are_weights_in_force_times_shares(world: World) -> None:
    row = world.week_row("caseload_snapshot", 0, key="sum")
    # active are a, rated 3 on Sunday; b, 1; c, 3 of which half; and d, whom nobody rated
    assert (row["active_clients"], row["points"], row["points_cap"]) == (4, 3 + 1 + 1.5 + 2, 8.0)
    assert (row["weight3_share"], row["imputed_weight_share"]) == (0.5, 0.25)
    # two accepted referrals of 2 points, less b
    assert row["projected_points_4w"] == 7.5 + 2 * 2 - 1
    assert world.week_row("caseload_snapshot", 1, key="sum")["points"] == 7.5 - 2


@pytest.mark.edge_case(19)
def test_client_of_two_clinicians_is_active_for_both_and_shared_in_points(world: World) -> None:
    row = world.week_row("caseload_snapshot", 0, key="other")
    assert (row["active_clients"], row["points"]) == (1, 1.5)


@pytest.mark.formula(12)
@pytest.mark.rule("W08", "W09")
def test_hours_of_high_acuity_are_acute_sessions_and_those_with_the_heaviest_clients(world: World) -> None:
    # half an hour each with h0, h1 and h2; one session of a and one of c; 90 and 31 minutes of acute sessions
    found = {
        key: world.week_row("caseload_snapshot", 0, key=key)["high_acuity_session_h"]
        for key in ("heavy", "sum", "acute", "none")
    }
    assert found == {"heavy": 1.5, "sum": 1.0, "acute": pytest.approx(121 / 60), "none": 0.0}
    assert world.week_row("caseload_snapshot", 0, key="sum")["new_share"] == 1.0


@pytest.mark.rule("W06", "W07", "W09")
def test_caps_of_the_practice(world: World) -> None:
    assert [world.says("case_points", 0, key=key) for key in ("sum", "heavy", "half", "unreviewed")] == [
        ("pass", None),
        ("breach", "above_ceiling"),
        ("breach", "above_ceiling"),
        ("unknown", "defaulted"),
    ]
    assert world.verdict("case_points", 0, key="half")["threshold_breach"] == 4.0
    assert [world.says("projected_points", 0, key=key)[0] for key in ("sum", "acute")] == ["breach", "pass"]
    assert [world.says("high_acuity_hours", 0, key=key)[0] for key in ("acute", "heavy")] == ["breach", "pass"]


@pytest.mark.edge_case(43)
@pytest.mark.rule("W06", "W08")
def test_weights_are_shown_by_who_rates(world: World) -> None:
    rows = world.select(
        "SELECT clinician_key, method, cases_n, weight1_n, weight2_n, weight3_n, weight3_ratio FROM"
        " marts.case_weight_rater WHERE month_id = DATE '2026-01-01' AND clinician_key IN ('sum', 'heavy') ORDER BY ALL"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("heavy", "clinician", 3, 0, 0, 3, 1.0),
        # a and b at 1, e at 3
        ("sum", "clinician", 3, 2, 0, 1, pytest.approx(1 / 3)),
        ("sum", "supervisor", 1, 0, 0, 1, 1.0),
        ("sum", "unrated", 1, 0, 0, 0, None),
    ]


@pytest.mark.rule("W06", "W07", "W09")
def test_without_weights_or_referrals_nothing_passes(policy: Policy) -> None:
    made = a_world()
    made.employ(EARLY)
    case(made, "c1", "a")
    as_of = made.at(made.day(1), "00:00")
    mapped = ("clinician", "case_assignment", "session", "session_participant", "appointment", "capacity_flag")
    made.run(weeks=1, policy=policy, reads=[SourceCompleteness("ehr", entity, as_of, True) for entity in mapped])
    for guardrail in ("case_points", "projected_points", "high_acuity_hours"):
        assert made.says(guardrail, 0) == ("unknown", "no_source"), guardrail
    row = made.week_row("caseload_snapshot", 0)
    names = ("points", "projected_points_4w", "weight3_share", "imputed_weight_share", "high_acuity_session_h")
    assert [row[name] for name in names] == [None] * 5


def test_guardrail_without_a_cap_gives_no_verdict() -> None:
    made = a_world()
    made.employ(EARLY)
    case(made, "c1", "a")
    weigh(made, "a", 3)
    made.run(weeks=1)
    assert made.select("SELECT * FROM marts.guardrail_result") == []
    row = made.week_row("caseload_snapshot", 0)
    assert (row["points"], row["points_cap"]) == (3.0, None)


@pytest.mark.rule("H13")
def test_flag_of_being_at_capacity_is_honoured_by_no_new_case() -> None:
    made = a_world()
    made.clinician("quiet")
    for key in ("c1", "quiet"):
        made.employ(EARLY, key=key)
    made.add("capacity_flag", flag_key="f0", clinician_key="c1", raised_at=made.at(made.day(0, 2), "09:00"))
    made.add(
        "capacity_flag",
        flag_key="f1",
        clinician_key="quiet",
        raised_at=made.at(made.day(0, 2), "09:00"),
        until_date=made.day(1, 1),
    )
    made.assign("before", made.day(0, 2))
    made.assign("old", EARLY, made.day(1, 3))
    made.assign("old", made.day(1, 4))
    made.assign("new", made.day(2, 0))
    made.assign("last", made.day(4, 2))
    made.assign("after", made.day(4, 3))
    made.assign("free", made.day(1, 2), key="quiet")
    made.run(weeks=6)
    assert [made.says("capacity_flag", week)[0] for week in range(5)] == ["pass", "pass", "breach", "pass", "breach"]
    assert made.week_row("caseload_snapshot", 4)["assigned_at_capacity_n"] == 1
    assert made.week_row("caseload_snapshot", 5)["assigned_at_capacity_n"] is None
    assert [made.says("capacity_flag", week, key="quiet")[0] for week in (0, 1)] == ["pass", "pass"]
    periods = made.select("SELECT DISTINCT period FROM marts.guardrail_result WHERE subject_key = 'quiet' ORDER BY 1")
    assert [row["period"] for row in periods] == [str(made.day(0)), str(made.day(1))]
    made.completeness[("ehr", "case_assignment")] = made.at(made.day(2, 3), "00:00")
    made.run(weeks=6)
    assert made.says("capacity_flag", 2) == ("unknown", "stale")


@pytest.mark.formula(11)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cases=st.lists(
        st.tuples(st.sampled_from([None, 1, 2, 3]), st.sampled_from([0.25, 0.5, 1.0])), min_size=1, max_size=6
    )
)
def test_points_lie_between_one_and_three_for_each_full_case(
    cases: list[tuple[int | None, float]],
) -> None:
    made = World(first=date(2025, 12, 1), days=60, only=("caseload_snapshot",))
    made.employ(EARLY)
    for number, (weight, share) in enumerate(cases):
        case(made, "c1", f"k{number}", share=share)
        if weight is not None:
            weigh(made, f"k{number}", weight)
    made.seat(made.day(0), "07:00", client=None)
    made.run(weeks=1)
    row = made.week_row("caseload_snapshot", 0)
    assert row["points"] == sum((2 if weight is None else weight) * share for weight, share in cases)
    shares = sum(share for _, share in cases)
    assert shares <= row["points"] <= 3 * shares
