"""`retention_dropout` and `early_termination_quarter`: who stays, who leaves early, by four definitions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any  # a canonical value

import pytest
from tests.marts import Row, World

ONLY = ("retention_dropout", "early_termination_quarter", "early_termination")
# As of Monday, 13 July: two quarters are over.
WEEKS = 27


def course(made: World, client: str, sessions: int, closure: str | None = None, **over: Any) -> None:
    """An episode from the first Monday on, one session a week."""
    made.add(
        "episode",
        **{
            "episode_key": f"e-{client}",
            "client_key": client,
            "opened_on": made.day(0),
            "status": "active" if closure is None else "finished",
            "closure_type": closure,
            "primary_clinician_key": "c1",
            "service_line": "adult",
            **over,
        },
    )
    for week in range(sessions):
        made.session(made.day(week), "09:00", 50, clients=(client,))


def practice(*, closures: Iterable[tuple[str, int]] = (), days: int = 300) -> World:
    """closures: kind and number of episodes of five sessions that ended on 2 March."""
    made = World(only=ONLY, days=days)
    made.employ(date(2025, 1, 6))
    made.seat(made.day(0), "09:00", client="anybody")
    for kind, number in closures:
        for n in range(number):
            course(made, f"{kind}{n}", 5, kind or None, closed_on=date(2026, 3, 2), status="finished")
    return made


@pytest.fixture(scope="module")
def world() -> World:
    made = practice(closures=[("planned_complete", 8)])
    for n in range(2):
        course(made, f"left{n}", 2, "client_unilateral", closed_on=date(2026, 2, 2))
    for n in range(7):
        course(made, f"done{n}", 5, "mutual", closed_on=date(2026, 5, 4))
    for n in range(3):
        course(made, f"gone{n}", 1)
    course(made, "moved", 1, "moved", closed_on=date(2026, 3, 2))
    course(made, "handed", 1, "transferred", closed_on=date(2026, 3, 2))
    course(made, "died", 1)
    made.add("client", client_key="died", practice_key="p", part2_flag="unknown", is_deceased=True)
    course(made, "stays", 2)
    made.seat(date(2026, 8, 3), "09:00", client="stays", status="booked")
    made.add(
        "case_assignment",
        assignment_key="g",
        episode_key="e-handed",
        client_key="handed",
        clinician_key="c1",
        from_date=made.day(0),
        to_date=date(2026, 3, 2),
        share=1.0,
        end_reason="transfer_fit",
    )
    for client, last in (("left0", 9), ("left1", 17)):
        made.answer(made.day(0), 18, client=client)
        made.answer(made.day(1), last, client=client)
    made.run(weeks=WEEKS)
    return made


@pytest.fixture(scope="module")
def january(world: World) -> Row:
    (found,) = world.select("SELECT * FROM marts.retention_dropout")
    return found


@pytest.mark.formula(26)
@pytest.mark.rule("T04")
def test_each_definition_counts_its_own(january: Row) -> None:
    # a: the two who left. b: they, and the three who stayed away after one session. c: those three.
    assert [january[f"early_{letter}_n"] for letter in "abc"] == [2, 5, 3]
    assert january["early_n"] == 5
    # Of the five, one had recovered, one had not, and nobody measured the others.
    assert (january["early_d_n"], january["early_without_outcome_n"]) == (1, 3)


def test_who_is_recorded_as_having_left_counts_whatever_end_was_planned() -> None:
    made = practice()
    course(made, "left", 2, "client_unilateral", closed_on=date(2026, 2, 2), planned_end_on=date(2026, 2, 2))
    made.run(weeks=WEEKS)
    (row,) = made.select("SELECT early_a_n, early_b_n, early_c_n FROM marts.retention_dropout")
    assert tuple(row.values()) == (1, 0, 0)


@pytest.mark.edge_case(20)
def test_who_moved_was_handed_over_or_died_never_counts(january: Row) -> None:
    assert (january["excluded_n"], january["started_n"]) == (3, 24)


def test_ends_that_nobody_recorded_are_lapsed_unless_somebody_is_booked(january: Row) -> None:
    # Recorded: 8 + 2 + 7 and the two excluded ones. Lapsed: three, and who died. Booked ahead: one.
    assert (january["closed_n"], january["lapsed_n"], january["open_n"]) == (19, 4, 1)


@pytest.mark.formula(26)
@pytest.mark.rule("T04", "O10")
def test_retention_counts_whoever_may_still_stay_as_censored(january: Row) -> None:
    # After the 1st session 3 of 24 leave, and 3 are censored; after the 2nd 2 of 18: 21/24 x 16/18.
    assert january["km_retention_s4"] == pytest.approx(21 / 24 * 16 / 18)
    # Nobody has been followed beyond the 5th.
    assert (january["km_retention_s8"], january["km_retention_s12"]) == (None, None)


@pytest.mark.rule("T14")
def test_a_case_handed_to_another_clinician_for_fit_is_a_transfer_out(january: Row) -> None:
    assert january["transfers_out_n"] == 1


@pytest.mark.rule("T14")
def test_a_transfer_out_is_that_of_who_handed_the_case_on_and_not_of_who_has_it_now() -> None:
    made = practice()
    made.clinician("c2")
    course(made, "handed", 5, primary_clinician_key="c2")
    assigned = {"episode_key": "e-handed", "client_key": "handed", "share": 1.0}
    made.add(
        "case_assignment",
        assignment_key="first",
        clinician_key="c1",
        from_date=made.day(0),
        to_date=made.day(7),
        end_reason="transfer_capacity",
        **assigned,
    )
    made.add("case_assignment", assignment_key="then", clinician_key="c2", from_date=made.day(8), **assigned)
    made.run(weeks=WEEKS)
    rows = made.select("SELECT clinician_key, started_n, transfers_out_n, km_retention_s4 FROM marts.retention_dropout")
    found = {row.pop("clinician_key"): tuple(row.values()) for row in rows}
    assert found == {"c1": (0, 1, None), "c2": (1, 0, 1.0)}


def quarter(world: World, day: date, level: str = "practice") -> Row:
    (found,) = world.select(
        f"SELECT * FROM marts.early_termination_quarter WHERE quarter_id = DATE '{day}' AND level = '{level}'"
    )
    return found


def says(world: World, day: date) -> tuple[str, str | None]:
    (found,) = world.select(
        "SELECT state, reason FROM marts.guardrail_result WHERE guardrail_id = 'early_termination'"
        f" AND period = '{day}' AND is_current"
    )
    return found["state"], found["reason"]


FIRST, SECOND = date(2026, 1, 1), date(2026, 4, 1)


@pytest.mark.rule("T04", "O10")
@pytest.mark.formula(26)
def test_two_of_ten_pass_and_three_of_ten_are_a_breach(world: World) -> None:
    # First quarter: eight planned, two left. Second: seven by agreement, three lapsed 90 days after 5 January.
    assert (quarter(world, FIRST)["early_ratio"], quarter(world, SECOND)["early_ratio"]) == (0.2, 0.3)
    assert quarter(world, FIRST)["excluded_n"] == 2
    assert (says(world, FIRST), says(world, SECOND)) == (("pass", None), ("breach", "above_ceiling"))


@pytest.mark.rule("O10")
def test_a_clinician_of_ten_episodes_is_shown_and_not_compared(world: World) -> None:
    row = quarter(world, FIRST, "clinician")
    assert (row["level_key"], row["early_ratio"], row["funnel_zone"]) == ("c1", 0.2, "insufficient")
    assert row["wilson_lo"] < 0.2 < row["wilson_hi"]


def test_nine_ends_are_too_few() -> None:
    made = practice(closures=[("planned_complete", 6), ("client_unilateral", 3)])
    made.run(weeks=WEEKS)
    assert says(made, FIRST) == ("unknown", "low_denominator")


def test_ends_without_a_reason_are_neither_early_nor_not() -> None:
    made = practice(closures=[("planned_complete", 10), ("", 2)])
    made.run(weeks=WEEKS)
    row = quarter(made, FIRST)
    assert (row["ended_n"], row["unknown_end_n"], row["explained_n"], row["early_n"]) == (12, 2, 10, 0)
    assert says(made, FIRST) == ("unknown", "partial")


def test_without_episodes_of_a_source_nothing_is_known() -> None:
    made = practice(closures=[("planned_complete", 10)])
    made.completeness[("ehr", "episode")] = None
    made.run(weeks=WEEKS)
    assert says(made, FIRST) == ("unknown", "no_source")


def test_a_stale_source_tells_nothing_of_the_quarter() -> None:
    made = practice(closures=[("planned_complete", 10)])
    made.completeness[("ehr", "episode")] = made.at(date(2026, 3, 1), "00:00")
    made.run(weeks=WEEKS)
    assert says(made, FIRST) == ("unknown", "stale")


@pytest.mark.edge_case(15)
def test_a_series_cancelled_at_discharge_is_no_booking_ahead() -> None:
    made = practice()
    course(made, "gone", 1)
    for week in range(30):
        made.seat(
            date(2026, 8, 3) + timedelta(days=7 * week),
            "09:00",
            client="gone",
            status="cancelled",
            cancelled_by="client",
        )
    made.run(weeks=WEEKS)
    (row,) = made.select("SELECT early_c_n, lapsed_n FROM marts.retention_dropout")
    assert (row["early_c_n"], row["lapsed_n"]) == (1, 1)


def test_a_booking_keeps_only_its_own_episode_and_only_until_it_was_given_up_or_missed() -> None:
    # As of 13 July, last seen on 5 January.
    made = practice()
    for client in ("missed", "gave-up", "elsewhere"):
        course(made, client, 1)
    course(made, "elsewhere", 0, episode_key="e-other", opened_on=date(2026, 2, 2))
    made.seat(date(2026, 5, 4), "09:00", client="missed", status="no_show")
    gone = made.at(date(2026, 2, 2), "09:00")
    made.seat(date(2026, 6, 1), "09:00", client="gave-up", status="cancelled", cancelled_by="client", cancelled_at=gone)
    made.seat(date(2026, 8, 3), "09:00", client="elsewhere", status="booked", episode_key="e-other")
    made.run(weeks=WEEKS)
    (row,) = made.select("SELECT lapsed_n, open_n, early_c_n FROM marts.retention_dropout")
    # Missed on 4 May: 90 days later is August. Given up on 2 February: 3 May. Nobody came for 60 days.
    assert tuple(row.values()) == (2, 1, 3)
    # Of the second episode of a client nothing is known but a booking: nobody was seen, so that it did not lapse.
    assert quarter(made, SECOND)["ended_n"] == 2
