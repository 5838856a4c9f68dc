"""`note_timeliness` and `note_week`: lags of notes that a reader can redo by hand. All times are local."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any  # a canonical value

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marts import Row, World
from tests.marts.ehr import work

SINCE = date(2025, 1, 6)


def practice() -> World:
    made = World(only=("note_timeliness", "note_week", "overdue_notes"))
    made.employ(SINCE)
    return made


def note(made: World, session: str | None, begun: datetime, signed: datetime | None, **over: Any) -> str:
    name = f"n{len(made.rows['note'])}"
    values: Row = {"clinician_key": "c1", "client_key": "k1", "note_type": "progress", **over}
    values.setdefault("status", "final" if signed else "draft")
    made.add("note", note_key=name, session_key=session, created_at=begun, signed_at=signed, **values)
    return name


def seen(made: World, weekday: int, clock: str, lag: float | None, *, week: int = 0, **over: Any) -> str:
    """A session of 50 minutes that ends at a time of day, and its note, signed so many hours later."""
    end = made.at(made.day(week, weekday), clock)
    start = (end - timedelta(minutes=50)).astimezone(made.at(made.day(week), "00:00").tzinfo)
    number = len(made.rows["session"])
    made.add(
        "session",
        session_key=f"s{number}",
        clinician_key="c1",
        started_at=start,
        ended_at=end,
        duration_source="actual",
        session_type="individual",
        modality="in_person",
        status="completed",
        is_intake=False,
    )
    signed = None if lag is None else end + timedelta(hours=lag)
    return note(made, f"s{number}", min(end, signed or end), signed, **over)


def row_of(made: World, name: str) -> Row:
    (row,) = made.select(f"SELECT * FROM marts.note_timeliness WHERE note_key = '{name}'")
    return row


@pytest.mark.formula(17)
@pytest.mark.rule("D05", "D18")
def test_lag_is_elapsed_time_from_the_sessions_end_to_the_signature() -> None:
    made = practice()
    names = {
        "same_day": seen(made, 0, "10:00", 3),
        "before_end": seen(made, 0, "11:00", -0.5),
        "le_24h": seen(made, 0, "20:00", 5),
        "le_48h": seen(made, 1, "10:00", 48),
        "le_72h": seen(made, 1, "12:00", 49),
        "gt_72h": seen(made, 1, "14:00", 73),
        "open": seen(made, 2, "10:00", None),
    }
    made.run(weeks=1)
    assert {band: row_of(made, name)["band"] for band, name in names.items()} == {band: band for band in names}
    lags = [row_of(made, name)["lag_h"] for name in names.values()]
    assert lags == [3, -0.5, 5, 48, 49, 73, None]
    # Wednesday ten o'clock to the end of Sunday
    opened = row_of(made, names["open"])
    assert (opened["open_h"], opened["is_overdue"]) == (14 + 4 * 24, True)
    assert [row_of(made, names[band])["is_same_day"] for band in ("same_day", "le_24h", "open")] == [True, False, None]
    assert row_of(made, names["before_end"])["is_prewritten"]
    week = made.week_row("note_week", 0)
    assert (week["due_n"], week["same_day_n"], week["same_day_ratio"], week["prewritten_n"]) == (7, 1, 1 / 7, 1)
    counts = [week[name] for name in ("within_24h_n", "within_48h_n", "within_72h_n", "over_72h_n", "open_n")]
    assert counts == [3, 4, 5, 1, 1]


@pytest.mark.formula(17)
def test_an_open_note_waits_longer_than_every_signed_one() -> None:
    made = practice()
    for lag in (1, 2, 3, 4, 5, 6, 7, 8, 9, None):
        seen(made, 0, "10:00", lag)
    made.run(weeks=1)
    assert (made.week_row("note_week", 0)["lag_p50_h"], made.week_row("note_week", 0)["lag_p90_h"]) == (5, 9)
    seen(made, 0, "12:00", None)
    made.run(weeks=1)
    # nine of eleven notes are signed: nine in ten never were
    assert (made.week_row("note_week", 0)["lag_p50_h"], made.week_row("note_week", 0)["lag_p90_h"]) == (6, None)


@pytest.mark.formula(17)
def test_the_clock_starts_at_the_planned_end_or_the_service_where_no_session_is_linked() -> None:
    made = practice()
    seat = made.seat(made.day(0), "09:00")  # until 09:50
    made.session(made.day(0), "14:00", 45, appointment_key="later")
    at = made.at(made.day(0), "15:45")
    kept = note(made, None, at, at, appointment_key="later")
    planned = note(made, None, at, at, appointment_key=seat, clinician_key=None)
    begun = note(made, None, at, at, service_at=made.at(made.day(0), "13:45"))
    bare = note(made, None, at, at)
    draft = note(made, None, at, None)
    made.run(weeks=1)
    found = {name: (row_of(made, name)["clock_from"], row_of(made, name)["lag_h"]) for name in (kept, begun, bare)}
    assert found == {kept: ("session", 1), begun: ("service", 2), bare: (None, None)}
    # since when an open one is due is not known either
    assert [row_of(made, draft)[column] for column in ("band", "open_h", "is_overdue")] == ["open", None, None]
    row = row_of(made, planned)
    assert (row["clock_from"], row["lag_h"], row["clinician_key"]) == ("appointment", pytest.approx(5 + 55 / 60), "c1")


@pytest.mark.formula(17)
def test_a_countersignature_has_a_lag_of_its_own() -> None:
    made = practice()
    end = made.at(made.day(0), "10:00")
    name = seen(made, 0, "10:00", 2, cosigned_at=end + timedelta(hours=26))
    seen(made, 0, "12:00", 2)
    made.run(weeks=1)
    assert (row_of(made, name)["lag_h"], row_of(made, name)["cosign_lag_h"]) == (2, 24)
    assert made.week_row("note_week", 0)["cosign_lag_p50_h"] == 24


@pytest.mark.edge_case(30)
def test_a_later_change_leaves_the_lag_and_counts_as_amended() -> None:
    made = practice()
    name = seen(made, 0, "10:00", 2, status="amended", amended_count=2)
    seen(made, 0, "12:00", 2, amended_count=0)
    made.run(weeks=1)
    assert (row_of(made, name)["lag_h"], row_of(made, name)["amended_count"]) == (2, 2)
    assert made.week_row("note_week", 0)["amended_n"] == 1


@pytest.mark.edge_case(30)
def test_five_sessions_signed_in_one_sitting_are_bulk_and_a_groups_notes_are_not() -> None:
    made = practice()
    friday = made.at(made.day(0, 4), "16:00")
    for weekday in range(5):
        end = made.at(made.day(0, weekday), "10:00")
        seen(made, weekday, "10:00", (friday + timedelta(minutes=4 * weekday) - end).total_seconds() / 3600)
    made.run(weeks=1)
    assert made.week_row("note_week", 0)["bulk_signed_n"] == 5
    group = practice()
    for weekday in range(5):
        end = group.at(group.day(0, weekday), "10:00")
        seen(group, weekday, "10:00", (friday + timedelta(minutes=6 * weekday) - end).total_seconds() / 3600)
    held = group.session(group.day(0), "13:00", 90, clients=("k1", "k2"), session_type="group")
    for client in range(8):
        note(group, held, friday, friday + timedelta(hours=2), client_key=f"k{client}")
    group.run(weeks=1)
    row = group.week_row("note_week", 0)
    # six minutes from one signature to the next, and eight notes of one session
    assert (row["signed_n"], row["bulk_signed_n"]) == (13, 0)


@pytest.mark.rule("D18")
def test_what_was_open_at_a_weeks_end_stays_so_when_it_is_signed_later() -> None:
    made = practice()
    seen(made, 2, "12:00", 14 * 24)  # Wednesday, signed two weeks later
    seen(made, 4, "12:00", None)  # Friday
    seen(made, 0, "12:00", 1)
    made.run(weeks=3)
    found = [made.week_row("note_week", week) for week in range(3)]
    assert [(row["open_n"], row["overdue_open_n"]) for row in found] == [(2, 1), (2, 2), (1, 1)]
    assert [row["oldest_open_h"] for row in found] == [108, 108 + 168, 60 + 336]
    assert found[0]["oldest_open_d"] == 4.5


@pytest.mark.rule("D18")
def test_held_sessions_without_any_note_are_counted_where_notes_name_sessions() -> None:
    made = practice()
    made.session(made.day(0), "09:00", 50)
    made.session(made.day(0), "10:00", 50, status="voided")
    made.run(weeks=1)
    assert made.week_row("note_week", 0)["sessions_without_note_n"] is None
    seen(made, 1, "10:00", 1)
    made.run(weeks=1)
    assert made.week_row("note_week", 0)["sessions_without_note_n"] == 1


@pytest.mark.rule("D05", "D18")
@pytest.mark.parametrize(
    ("age", "said"),
    [
        pytest.param(None, ("pass", None), id="none open"),
        pytest.param(24, ("pass", None), id="at a day"),
        pytest.param(25, ("warn", "above_warning"), id="above it"),
        pytest.param(72, ("warn", "above_warning"), id="at three days"),
        pytest.param(73, ("breach", "above_ceiling"), id="above them"),
    ],
)
def test_the_oldest_open_note_is_judged_by_its_age_at_the_weeks_end(
    age: int | None, said: tuple[str, str | None]
) -> None:
    made = practice()
    seen(made, 0, "10:00", 1)
    if age is not None:
        end = made.at(made.day(1), "00:00") - timedelta(hours=age)
        note(made, None, end, None, service_at=end)
    made.run(weeks=1)
    assert made.says("overdue_notes", 0) == said


@pytest.mark.rule("D05", "D18")
def test_notes_nobody_can_tell_of_make_the_verdict_unknown() -> None:
    made = practice()
    seen(made, 0, "10:00", 1)
    seen(made, 6, "20:00", None, status="unknown")
    made.run(weeks=1)
    assert made.says("overdue_notes", 0) == ("unknown", "partial")
    made.rows["note"].pop()
    made.completeness[("ehr", "note")] = made.at(made.day(0, 3), "00:00")
    made.run(weeks=1)
    assert made.says("overdue_notes", 0) == ("unknown", "stale")
    made.completeness[("ehr", "note")] = None
    made.run(weeks=1)
    assert made.says("overdue_notes", 0) == ("unknown", "no_source")
    assert made.week_row("note_week", 0)["open_n"] is None


def test_a_final_note_without_a_date_of_signature_is_neither_open_nor_on_time() -> None:
    made = practice()
    name = seen(made, 0, "10:00", None, status="final")
    seen(made, 0, "12:00", 1, status="entered_in_error")
    made.run(weeks=1)
    assert (row_of(made, name)["state"], row_of(made, name)["band"]) == ("signed_undated", "unknown")
    row = made.week_row("note_week", 0)
    assert (row["due_n"], row["undated_n"], row["open_n"], row["within_72h_n"]) == (1, 1, 0, 0)


@pytest.mark.formula(16)
@pytest.mark.rule("D03")
def test_minutes_per_note_are_note_time_over_notes_signed() -> None:
    made = practice()
    for clock in ("10:00", "12:00", "14:00"):
        seen(made, 0, clock, 1)
    work(made, made.day(0), "16:00", 54)
    work(made, made.day(0), "17:00", 20, task="inbox")
    made.run(weeks=1)
    row = made.week_row("note_week", 0)
    assert (row["doc_min_per_note"], row["unlogged_n"]) == (18, 0)


@pytest.mark.rule("D09")
@pytest.mark.edge_case(32)
def test_notes_written_in_another_tool_are_told_beside_the_minutes() -> None:
    made = practice()
    seen(made, 0, "10:00", 1, authoring_mode="ai_ambient")
    seen(made, 1, "10:00", 1, authoring_mode="typed")
    seen(made, 1, "12:00", 1)
    work(made, made.day(0), "11:00", 5, task="inbox")
    work(made, made.day(0, 1), "11:00", 12)
    made.run(weeks=1)
    row = made.week_row("note_week", 0)
    assert (row["doc_min_per_note"], row["unlogged_n"], row["ai_note_share"]) == (4, 1, 0.5)


@pytest.mark.rule("D08")
def test_actions_belong_to_the_note_of_the_client_that_was_begun_last() -> None:
    made = practice()
    first = seen(made, 0, "10:00", 1)
    second = seen(made, 1, "10:00", 1, template_id="long")
    other = seen(made, 2, "10:00", 1, client_key="k2")
    for day, clock, client, actions in (
        (0, "09:30", "k1", 100),  # before the note was begun
        (0, "10:00", "k1", 10),
        (0, "10:30", "k1", 12),
        (0, "11:30", "k1", 100),  # after it was signed
        (1, "10:15", "k1", 30),
        (1, "10:20", "k2", 100),
    ):
        work(made, made.day(0, day), clock, 1, actions=actions)
        made.rows["ehr_event"][-1]["client_key"] = client
    made.run(weeks=1)
    assert [row_of(made, name)["actions_n"] for name in (first, second, other)] == [22, 30, None]
    assert made.week_row("note_week", 0)["actions_per_note"] == 26
    assert made.week_row("ehr_time_week", 0)["note_actions_n"] == 100 + 10 + 12 + 100 + 30 + 100


@pytest.mark.rule("D08")
def test_of_two_notes_begun_at_once_the_first_has_the_actions_until_it_is_signed_itself() -> None:
    made = practice()
    soon, late = (seen(made, 0, "10:00", lag) for lag in (1, 3))
    for clock, actions in (("10:30", 7), ("12:00", 100)):  # the second one after the first note was signed
        work(made, made.day(0), clock, 1, actions=actions)
        made.rows["ehr_event"][-1]["client_key"] = "k1"
    made.run(weeks=1)
    assert [row_of(made, name)["actions_n"] for name in (soon, late)] == [7, None]


@pytest.mark.formula(17)
@settings(max_examples=10, deadline=None)
@given(lags=st.lists(st.one_of(st.none(), st.integers(-5, 400)), min_size=1, max_size=12))
def test_every_note_due_is_signed_in_time_late_or_open_and_lags_have_their_order(lags: list[int | None]) -> None:
    made = practice()
    for number, lag in enumerate(lags):
        seen(made, number % 5, "12:00", lag)
    made.run(weeks=1, as_of=made.at(made.day(20), "00:00"))
    row = made.week_row("note_week", 0)
    signed = sorted(lag for lag in lags if lag is not None)
    still = len(lags) - len(signed)
    assert row["due_n"] == len(lags) == row["within_72h_n"] + row["over_72h_n"] + still
    assert row["within_24h_n"] <= row["within_48h_n"] <= row["within_72h_n"]
    half = -(-len(lags) // 2)
    assert row["lag_p50_h"] == (signed[half - 1] if half <= len(signed) else None)
