"""`client_no_show_week`: appointments missed in a row, and the outreach that should follow."""

from __future__ import annotations

from datetime import date
from typing import Any  # a canonical value

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marts import World

from pacekeeper.policy import load_policy

ONLY = ("client_no_show_week", "no_show_run")


def practice() -> World:
    made = World(only=ONLY)
    made.employ(date(2025, 1, 6))
    return made


def book(made: World, fates: list[str], client: str = "k1") -> None:
    """One appointment a day at nine, from the first Monday on."""
    for number, fate in enumerate(fates):
        day = made.day(0, number)
        start = made.at(day, "09:00")
        over: dict[str, Any] = {"status": fate}
        if fate == "late":
            over = {"status": "cancelled", "cancelled_by": "client", "cancelled_at": made.at(day, "08:00")}
        elif fate == "after":
            over = {"status": "cancelled", "cancelled_by": "client", "cancelled_at": start}
        elif fate == "practice":
            over = {"status": "cancelled", "cancelled_by": "practice", "cancelled_at": made.at(day, "08:00")}
        made.seat(day, "09:00", client=client, **over)


def longest(made: World, client: str = "k1") -> int:
    found = made.select(f"SELECT max(run_length) n FROM marts.client_no_show_week WHERE client_key = '{client}'")
    return found[0]["n"] or 0


def says(made: World, client: str) -> tuple[str, str | None]:
    (found,) = made.select(f"SELECT state, reason FROM marts.guardrail_result WHERE subject_key = '{client}'")
    return found["state"], found["reason"]


def message(made: World, client: str, day: date) -> None:
    made.add(
        "message",
        message_key=f"m-{client}",
        client_key=client,
        clinician_key="c1",
        direction="out",
        category="scheduling",
        urgency="unknown",
        status="completed",
        sent_at=made.at(day, "12:00"),
    )


RUNS = {
    "kept-begins-anew": (["no_show", "kept", "no_show"], 1),
    "three": (["no_show", "no_show", "no_show"], 3),
    "cancelled-by-the-practice": (["no_show", "practice", "no_show"], 2),
    "late-cancel-changes-nothing": (["no_show", "late", "no_show"], 2),
    "cancelled-at-the-start-is-missed": (["no_show", "after"], 2),
    "no-seat-at-all": (["no_show", "entered_in_error", "rescheduled", "no_show"], 2),
    "may-have-been-kept": (["no_show", "unreviewed", "no_show"], 1),
    "nobody-can-tell": (["no_show", "unreviewed", "unknown"], 1),
}


@pytest.fixture(scope="module")
def world() -> World:
    made = practice()
    for client, (fates, _) in RUNS.items():
        book(made, fates, client)
    for client in ("thursday", "friday", "never", "died"):
        book(made, ["no_show", "no_show"], client)
    message(made, "thursday", date(2026, 1, 8))
    message(made, "friday", date(2026, 1, 9))
    message(made, "friday", date(2026, 1, 7))
    made.rows["message"][-1] |= {"message_key": "mistake", "status": "entered_in_error"}
    made.add("client", client_key="died", practice_key="p", part2_flag="unknown", is_deceased=True)
    for weekday in (3, 4):
        made.seat(made.day(0, weekday), "09:00", client="weekend", status="no_show")
    message(made, "weekend", made.day(1))
    book(made, ["no_show"], "leaves")
    for week in range(1, 8):
        made.seat(
            made.day(week),
            "09:00",
            client="leaves",
            status="cancelled",
            cancelled_by="client",
            cancelled_at=made.at(made.day(0), "12:00"),
        )
    made.add("client_match", client_key="twice-2", person_key="twice", matched_on="file", source="derived")
    book(made, ["no_show"], "twice")
    made.seat(made.day(0, 2), "09:00", client="twice-2", status="no_show")
    made.run(weeks=2)
    return made


@pytest.mark.formula(9)
@pytest.mark.rule("T05")
@pytest.mark.parametrize("client", RUNS)
def test_length_of_a_run(world: World, client: str) -> None:
    assert longest(world, client) == RUNS[client][1]


@pytest.mark.formula(9)
@pytest.mark.parametrize(("rule", "length"), [("break", 1), ("count", 3)])
def test_a_late_cancel_does_what_the_policy_says(tmp_path: Any, rule: str, length: int) -> None:
    file = tmp_path / "policy.toml"
    stated = f'late_cancel = {{ value = "{rule}", unit = "word", provenance = "ours" }}'
    file.write_text(
        f'extends = "default"\nprofile = "{rule}"\n[guardrails.no_show_run.settings]\n{stated}\n', encoding="utf-8"
    )
    made = practice()
    book(made, ["no_show", "late", "no_show"])
    made.run(weeks=2, policy=load_policy(file=file))
    assert longest(made) == length


@pytest.mark.edge_case(15)
def test_a_series_cancelled_at_discharge_is_no_run(world: World) -> None:
    assert longest(world, "leaves") == 1


@pytest.mark.edge_case(19)
def test_appointments_of_two_records_of_one_person_are_one_run(world: World) -> None:
    assert longest(world, "twice") == 2


@pytest.mark.rule("T05")
def test_outreach_is_due_within_two_business_days(world: World) -> None:
    # The second one is missed on Tuesday 6 January, of `weekend` on a Friday. As of Monday, 19 January.
    found = world.select("SELECT client_key, sum(waited_days) n FROM marts.client_no_show_week GROUP BY ALL")
    waited = {row["client_key"]: row["n"] for row in found}
    assert [waited[client] for client in ("thursday", "friday", "never", "weekend")] == [2, 3, 9, 1]
    assert says(world, "thursday") == says(world, "weekend") == ("pass", None)
    assert says(world, "friday") == says(world, "never") == ("breach", "above_ceiling")


@pytest.mark.edge_case(20)
def test_nobody_reaches_out_to_a_client_who_has_died(world: World) -> None:
    assert says(world, "died") == ("pass", None)


@pytest.mark.edge_case(16)
def test_attendance_that_nobody_reviewed_leaves_the_week_unknown(world: World) -> None:
    assert says(world, "may-have-been-kept") == ("unknown", "defaulted")
    assert says(world, "nobody-can-tell") == ("unknown", "partial")


def test_without_a_source_of_outreach_nothing_is_known() -> None:
    made = practice()
    book(made, ["no_show", "no_show"])
    for entity in ("message", "alert_action"):
        made.completeness[("ehr", entity)] = None
    made.run(weeks=2)
    assert says(made, "k1") == ("unknown", "no_source")


FATES = st.lists(st.sampled_from(["kept", "no_show", "practice"]), max_size=7)


@pytest.mark.formula(9)
@settings(max_examples=2, deadline=None)
@given(st.lists(FATES, min_size=20, max_size=20))
def test_the_longest_run_is_that_of_the_list_without_what_the_practice_cancelled(clients: list[list[str]]) -> None:
    made = practice()
    for number, fates in enumerate(clients):
        book(made, fates, f"k{number}")
    made.run(weeks=2)
    for number, fates in enumerate(clients):
        seen = "".join("x" if fate == "no_show" else " " for fate in fates if fate != "practice")
        assert longest(made, f"k{number}") == max((len(run) for run in seen.split()), default=0)
