"""`message_load`: messages that a reader can count by hand. All times are local."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any  # a canonical value

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marts import Row, World
from tests.marts.ehr import with_text

from pacekeeper.policy import load_policy

MART = "message_load"
RAIL = "message_reply_episodes"
SINCE = date(2025, 1, 6)
NONCLINICAL_ON = (
    "[guardrails.nonclinical_messages]\nenabled = true\n[guardrails.nonclinical_messages.thresholds]\n"
    'warn = { value = 0.2, unit = "ratio", provenance = "us" }\n'
)


def practice(*rails: str) -> World:
    """One clinician with one session, so that the practice is known to be at work."""
    made = World(only=(MART, *(rails or (RAIL,))))
    made.employ(SINCE)
    made.hold(0, 1)
    return made


def message(made: World, weekday: int, clock: str, direction: str, *, key: str = "c1", **over: Any) -> str:
    at = made.at(made.day(0, weekday), clock)
    name = f"m{len(made.rows['message'])}"
    values: Row = {"category": "clinical", "urgency": "routine", "status": "completed", "client_key": "k1", **over}
    moment = {"received_at": at} if direction == "in" else {"sent_at": at}
    made.add("message", **{"message_key": name, "clinician_key": key, "direction": direction, **moment, **values})
    return name


@pytest.mark.rule("D12")
def test_messages_and_minutes_are_counted_beside_the_active_clients() -> None:
    made = practice()
    for client in ("k1", "k2"):
        made.assign(client, date(2026, 1, 1))
        made.session(made.day(0), "13:00", 50, clients=(client,))
    message(made, 0, "09:00", "in", minutes=4.0, is_billed=False)
    message(made, 0, "10:00", "in", minutes=6.0, is_billed=True)
    message(made, 1, "10:00", "out", minutes=10.0, is_billed=False)
    message(made, 1, "11:00", "out")
    message(made, 1, "12:00", "internal", minutes=50.0)
    message(made, 1, "12:00", "out", status="preparation")
    made.run(weeks=2)
    row = made.week_row(MART, 0)
    assert (row["in_n"], row["out_n"], row["internal_n"], row["per_client"]) == (2, 2, 1, 2)
    assert (row["handling_min"], row["measured_n"], row["handling_min_per_client"]) == (20, 3, 10)
    assert (row["unbilled_min"], row["unbilled_ratio"]) == (14, 0.7)
    none = made.week_row(MART, 1)
    assert (none["in_n"], none["handling_min"], none["unbilled_min"], none["unbilled_ratio"]) == (0, 0, 0, None)


@pytest.mark.rule("D12")
def test_messages_that_nobody_measured_have_no_minutes() -> None:
    made = practice()
    message(made, 0, "09:00", "in")
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["handling_min"], row["unbilled_min"]) == (None, None)


@pytest.mark.rule("D13")
def test_replies_half_an_hour_apart_are_one_episode() -> None:
    made = practice()
    made.block(made.day(0), "09:00", "10:00", kind="reply_block")
    for clock in ("09:00", "09:30", "10:00", "10:31", "16:00"):  # three episodes
        message(made, 0, clock, "out")
    message(made, 1, "09:00", "out")  # one
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    assert (row["reply_episodes_day"], row["reply_episodes_max"]) == (2, 3)
    # nine and half past lie in the block, ten does not
    assert row["replies_in_block_ratio"] == 2 / 6
    assert made.says(RAIL, 0) == ("pass", None)
    message(made, 1, "15:00", "out")
    made.run(weeks=1)
    assert made.week_row(MART, 0)["reply_episodes_day"] == 2.5
    assert made.says(RAIL, 0) == ("warn", "above_warning")


@pytest.mark.rule("D13")
def test_reply_episodes_of_unread_or_late_messages_are_unknown() -> None:
    made = practice()
    message(made, 0, "09:00", "out")
    made.completeness[("ehr", "message")] = made.at(made.day(0, 3), "00:00")
    made.run(weeks=1)
    assert made.says(RAIL, 0) == ("unknown", "stale")
    made.completeness[("ehr", "message")] = None
    made.run(weeks=1)
    assert made.says(RAIL, 0) == ("unknown", "no_source")
    assert made.week_row(MART, 0)["out_n"] is None
    assert made.week_row(MART, 0)["reply_episodes_day"] is None


@pytest.mark.rule("D14")
def test_share_of_nonclinical_messages_that_licensed_clinicians_handle(tmp_path: Path) -> None:
    made = practice("nonclinical_messages")
    for role, count in (("therapist", 3), ("support", 6), ("billing", 1), (None, 5), ("unknown", 5)):
        for _ in range(count):
            message(made, 0, "09:00", "in", category="scheduling", handled_by_role=role)
    message(made, 0, "09:00", "in", category="refill", handled_by_role="therapist")
    on = with_text(tmp_path, NONCLINICAL_ON)
    made.run(weeks=1, policy=on)
    row = made.week_row(MART, 0)
    assert (row["nonclinical_n"], row["nonclinical_told_n"], row["nonclinical_share"]) == (20, 10, 0.3)
    assert made.says("nonclinical_messages", 0) == ("warn", "above_warning")
    assert not load_policy().guardrail("nonclinical_messages").enabled


@pytest.mark.rule("D14")
@pytest.mark.parametrize(
    ("licensed", "support", "said"),
    [
        pytest.param(2, 8, ("pass", None), id="at the limit"),
        pytest.param(9, 0, ("unknown", "low_denominator"), id="few"),
        pytest.param(0, 0, ("unknown", "no_source"), id="nobody has any"),
    ],
)
def test_few_nonclinical_messages_say_nothing(
    licensed: int, support: int, said: tuple[str, str | None], tmp_path: Path
) -> None:
    made = practice("nonclinical_messages")
    for role in ["therapist"] * licensed + ["support"] * support:
        message(made, 0, "09:00", "in", category="admin", handled_by_role=role)
    on = with_text(tmp_path, NONCLINICAL_ON)
    made.run(weeks=1, policy=on)
    assert made.says("nonclinical_messages", 0) == said
    made.completeness[("ehr", "message")] = None
    made.run(weeks=1, policy=on)
    assert made.says("nonclinical_messages", 0)[0] == "unknown"


@pytest.mark.rule("D15")
def test_first_response_is_the_earliest_answer_that_can_be_told() -> None:
    made = practice()
    at = made.at(made.day(0), "09:00")
    message(made, 0, "09:00", "in", replied_at=at + timedelta(hours=1))
    named = message(made, 0, "09:00", "in", thread_key="t1")
    message(made, 0, "12:00", "out", thread_key="t1")
    message(made, 0, "11:00", "out", in_reply_to_key=named)
    message(made, 0, "09:00", "in", thread_key="t2", urgency="urgent")
    message(made, 0, "08:00", "out", thread_key="t2")  # before it
    message(made, 0, "12:00", "out", thread_key="t2")
    message(made, 0, "09:00", "in", thread_key="t3", urgency="stat")
    message(made, 0, "09:00", "in", replied_at=made.at(made.day(1), "09:00"))  # after the run's instant
    made.run(weeks=1)
    row = made.week_row(MART, 0)
    # one, two and three hours
    assert (row["p50_first_response_h"], row["p90_first_response_h"]) == (2, pytest.approx(2.8))
    assert (row["p90_urgent_response_h"], row["unanswered_n"]) == (3, 2)


@pytest.mark.rule("D17")
def test_staff_messages_of_who_supervises_are_counted_outside_office_hours() -> None:
    made = practice()
    made.add(
        "supervision_link",
        clinician_key="x",
        supervisor_key="c1",
        kind="clinical",
        valid_from=date(2025, 6, 1),
        valid_to=made.day(0, 6),
    )
    made.clinician("lead", role="supervisor")
    made.employ(SINCE, key="lead")
    made.clinician("c2")
    made.employ(SINCE, key="c2")
    for key in ("c1", "lead", "c2"):
        made.block(made.day(0), "20:00", "23:00", kind="other", key=key)  # the sender's own working time
        message(made, 0, "22:00", "internal", key=key)
        message(made, 0, "17:59", "internal", key=key)
        message(made, 5, "12:00", "internal", key=key)
        message(made, 0, "22:30", "out", key=key)
    made.run(weeks=2)
    assert [made.week_row(MART, 0, key=key)["manager_after_hours_n"] for key in ("c1", "lead", "c2")] == [2, 2, None]
    assert [made.week_row(MART, 1, key=key)["manager_after_hours_n"] for key in ("c1", "lead")] == [None, 0]


@pytest.mark.rule("D01", "D13")
def test_replies_outside_working_time_are_counted_by_the_clinicians_own_schedule() -> None:
    made = practice()
    made.block(made.day(0), "12:00", "20:00")
    for clock in ("11:00", "12:00", "19:30", "20:30"):
        message(made, 0, clock, "out")
    message(made, 1, "12:00", "out")  # no working day
    made.run(weeks=1)
    assert made.week_row(MART, 0)["after_hours_reply_n"] == 3


@pytest.mark.rule("W14")
def test_messages_read_within_a_session_are_counted() -> None:
    made = practice()
    made.session(made.day(0, 1), "09:00", 50)
    made.session(made.day(0, 1), "11:00", 50, status="voided")
    for clock in ("09:00", "09:49", "09:50", "11:10"):
        message(made, 1, "08:00", "in", read_at=made.at(made.day(0, 1), clock))
    made.run(weeks=2)
    assert made.week_row(MART, 0)["reads_in_session_n"] == 2
    assert made.week_row(MART, 1)["reads_in_session_n"] is None


@pytest.mark.rule("D13")
@settings(max_examples=10, deadline=None)
@given(minutes=st.lists(st.integers(0, 1439), min_size=1, max_size=12))
def test_episodes_are_the_pauses_over_half_an_hour_and_one_more(minutes: list[int]) -> None:
    made = practice()
    for minute in minutes:
        message(made, 2, f"{minute // 60:02d}:{minute % 60:02d}", "out")
    made.run(weeks=1)
    in_order = sorted(minutes)
    pauses = sum(later - earlier > 30 for earlier, later in pairwise(in_order))
    assert made.week_row(MART, 0)["reply_episodes_day"] == pauses + 1
