"""SIU messages to appointments and their events, by series short enough to follow."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.raw_bench import Row, key
from tests.unit.connectors.hl7v2_desk import Desk

from pacekeeper.testing.hl7v2_messages import message, pid, segment, siu

START, END = datetime(2026, 1, 5, 15, tzinfo=UTC), datetime(2026, 1, 5, 15, 50, tzinfo=UTC)
BOOKED = siu("S12", status="Booked", sent="20260102090000-0500", control="1")
CANCELLED = siu("S15", status="Cancelled", reason="pat", sent="20260104080000-0500", control="2")
LATER = "20260104080000-0500"
AGAIN = siu("S12", status="Booked", sent="20260104120000-0500", control="3")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def events(desk: Desk) -> list[tuple[int, str | None, str, str]]:
    return of(desk.rows("appointment_event"))


def of(rows: list[Row]) -> list[tuple[int, str | None, str, str]]:
    """Events in the order of their numbers."""
    found = sorted(rows, key=lambda row: row["seq"])
    return [(row["seq"], row.get("from_status"), row["to_status"], row["change"]) for row in found]


def test_a_booking_is_an_appointment_with_its_times_people_and_booking_time(desk: Desk) -> None:
    assert desk.send(BOOKED).one("appointment") == {
        "appointment_key": key("appointment", "ap1"),
        "client_key": key("client", "pt1"),
        "clinician_key": key("clinician", "pr1"),
        "start_at": START,
        "end_at": END,
        "booked_at": datetime(2026, 1, 2, 14, tzinfo=UTC),
        "booked_via": "unknown",
        "modality_planned": "unknown",
        "service_code": "individual",
        "status": "booked",
        "status_source_code": "Booked",
        "source_updated_at": datetime(2026, 1, 2, 14, tzinfo=UTC),
    }


def test_booked_cancelled_and_booked_again_are_three_events_in_any_order_of_files(tmp_path: Path) -> None:
    for number, order in enumerate(itertools.permutations([BOOKED, CANCELLED, AGAIN])):
        (tmp_path / str(number)).mkdir()
        desk = Desk(tmp_path / str(number))
        for text in order:
            desk.send(text)
        desk.bench.read()
        assert of(desk.bench.wanted("appointment_event")) == [
            (1, None, "booked", "created"),
            (2, "booked", "cancelled", "status"),
            (3, "cancelled", "booked", "status"),
        ]
        (found,) = desk.bench.wanted("appointment")
        assert (found["status"], found.get("cancelled_at")) == ("booked", None)
        assert found["booked_at"] == datetime(2026, 1, 2, 14, tzinfo=UTC)


def test_a_message_that_comes_a_night_late_takes_its_place_in_the_series(desk: Desk) -> None:
    desk.send(BOOKED).send(AGAIN)
    assert events(desk) == [(1, None, "booked", "created")]
    desk.send(CANCELLED)
    assert [change for _, _, _, change in events(desk)] == ["created", "status", "status"]


def test_the_time_of_a_cancellation_is_that_of_the_first_message_that_says_so(desk: Desk) -> None:
    later = siu("S14", status="Cancelled", sent="20260104180000-0500", control="4")
    found = desk.send(BOOKED, CANCELLED, later).one("appointment")
    assert (found["status"], found["cancelled_at"]) == ("cancelled", datetime(2026, 1, 4, 13, tzinfo=UTC))
    assert (found["cancelled_by"], found["cancelled_by_source_code"]) == ("client", "pat")


def test_a_second_cancellation_counts_from_the_second(desk: Desk) -> None:
    last = siu("S15", sent="20260104200000-0500", control="5")
    found = desk.send(BOOKED, CANCELLED, AGAIN, last).one("appointment")
    assert (found["cancelled_at"], found.get("cancelled_by")) == (datetime(2026, 1, 5, 1, tzinfo=UTC), None)


def test_messages_of_one_instant_are_in_order_of_their_control_ids(desk: Desk) -> None:
    ninth, tenth = (siu(e, sent="20260104080000-0500", control=c) for e, c in (("S15", "MSG9"), ("S12", "MSG10")))
    assert desk.send(tenth, ninth).one("appointment")["status"] == "booked"


def test_a_message_that_was_sent_again_changes_nothing(desk: Desk) -> None:
    desk.send(BOOKED, CANCELLED, BOOKED.replace("20260102090000", "20260104090000"))
    assert desk.one("appointment")["status"] == "cancelled"
    assert desk.bench.reasons("appointment") == ["sent_again", "superseded"]
    assert len(events(desk)) == 2


def test_a_copy_of_a_message_is_a_duplicate(desk: Desk) -> None:
    desk.send(BOOKED).send(BOOKED)
    counts = desk.bench.read()
    assert (counts["message"].read, counts["message"].kept, counts["message"].duplicate) == (2, 1, 1)
    assert counts["appointment_message"].duplicate == 1


def test_one_control_id_on_two_messages_loses_neither(desk: Desk) -> None:
    desk.send(siu("S12", appointment="ap1"), siu("S12", appointment="ap2"))
    assert len(desk.rows("appointment")) == 2


#: Event, SCH-25, state and the code that tells it, after a booking.
STATES = [
    ("S12", "", "booked", "S12"),
    ("S12", "Booked", "booked", "Booked"),
    ("S12", "Overbook", "booked", "Overbook"),
    ("S13", "", "booked", "S13"),
    ("S14", "Started", "kept", "Started"),
    ("S14", "Complete", "kept", "Complete"),
    ("S14", "COMPLETE", "kept", "COMPLETE"),
    ("S14", "Noshow", "no_show", "Noshow"),
    ("S14", "No Show", "no_show", "No Show"),
    ("S14", "Cancelled", "cancelled", "Cancelled"),
    ("S14", "Dc", "cancelled", "Dc"),
    ("S14", "Frozen", "unknown", "Frozen"),
    ("S15", "", "cancelled", "S15"),
    ("S15", "Booked", "cancelled", "S15"),
    ("S15", "Noshow", "no_show", "Noshow"),
    ("S16", "", "cancelled", "S16"),
    ("S17", "", "entered_in_error", "S17"),
    ("S17", "Deleted", "entered_in_error", "Deleted"),
    ("S26", "", "no_show", "S26"),
    ("S26", "Booked", "no_show", "S26"),
]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """State and its code of an appointment per case."""
    desk = Desk(tmp_path_factory.mktemp("states"))
    for event, status, *_ in STATES:
        name = f"{event}-{status}-"
        desk.send(siu("S12", appointment=name), siu(event, appointment=name, status=status, sent=LATER, control="2"))
    names = {key("appointment", f"{event}-{status}-"): f"{event}-{status}-" for event, status, *_ in STATES}
    return {names[a["appointment_key"]]: (a["status"], a["status_source_code"]) for a in desk.rows("appointment")}


@pytest.mark.parametrize(("event", "status", "expected", "code"), STATES)
def test_event_and_filler_status_give_the_state(
    states: dict[str, tuple[str, str]], event: str, status: str, expected: str, code: str
) -> None:
    assert states[f"{event}-{status}-"] == (expected, code)


def test_a_modification_without_a_status_leaves_the_state(desk: Desk) -> None:
    moved = siu("S14", start="20260105110000-0500", end="20260105115000-0500", sent="20260104090000-0500", control="4")
    found = desk.send(BOOKED, CANCELLED, moved).one("appointment")
    assert (found["status"], found["start_at"].hour) == ("cancelled", 16)
    assert events(desk)[-1] == (3, "cancelled", "cancelled", "time")


def test_what_a_later_message_does_not_say_stays(desk: Desk) -> None:
    bare = message("SIU", "S15", segment("SCH", {2: "ap1"}), sent="20260104080000-0500", control="2")
    found = desk.send(BOOKED, bare).one("appointment")
    assert (found["client_key"], found["clinician_key"]) == (key("client", "pt1"), key("clinician", "pr1"))
    assert (found["start_at"], found["status"]) == (START, "cancelled")


@pytest.mark.parametrize("status", ["Pending", "Waitlist", "Blocked"])
def test_what_is_not_booked_yet_is_out_of_scope_until_it_is(desk: Desk, status: str) -> None:
    desk.send(siu("S12", status=status))
    assert desk.rows("appointment") == []
    assert desk.bench.reasons("appointment_event") == ["not_booked"]
    desk.send(siu("S14", status="Booked", sent="20260104080000-0500", control="2"))
    assert events(desk) == [(2, None, "booked", "created")]


def test_a_reschedule_is_an_event_of_its_time(desk: Desk) -> None:
    moved = siu("S13", start="20260107100000-0500", end="20260107105000-0500", sent="20260103080000-0500", control="2")
    desk.send(BOOKED, moved)
    assert events(desk)[-1] == (2, "booked", "booked", "time")
    assert desk.one("appointment")["start_at"] == datetime(2026, 1, 7, 15, tzinfo=UTC)


def test_a_change_of_clinicians_is_an_event_and_their_order_is_none(desk: Desk) -> None:
    desk.send(siu("S12", clinicians=("pr1", "pr2")))
    desk.send(siu("S14", clinicians=("pr2", "pr1"), sent="20260103080000-0500", control="2"))
    assert [change for *_, change in events(desk)] == ["created"]
    desk.send(siu("S14", clinicians=("pr2", "pr3"), sent="20260103090000-0500", control="3"))
    assert [change for *_, change in events(desk)] == ["created", "clinician"]


def test_timing_in_tq1_wins_over_sch_11_which_serves_where_there_is_none(desk: Desk) -> None:
    older = {11: "^^^20260106100000-0500^20260106105000-0500"}
    assert desk.send(siu("S12", sch=older)).one("appointment")["start_at"] == START
    desk.send(siu("S12", appointment="ap2", start=None, sch=older, control="2"))
    found = next(row for row in desk.rows("appointment") if row["appointment_key"] == key("appointment", "ap2"))
    assert (found["start_at"], found["end_at"]) == (START.replace(day=6), END.replace(day=6))


@pytest.mark.parametrize(
    ("number", "unit", "minutes"), [("50", "min", 50), ("3000", "s", 50), ("1", "hr", 60), ("45", "", 45)]
)
def test_without_an_end_the_duration_tells_it(desk: Desk, number: str, unit: str, minutes: int) -> None:
    found = desk.send(siu("S12", end=None, sch={9: number, 10: unit})).one("appointment")
    assert (found["end_at"] - found["start_at"]).total_seconds() == minutes * 60


def test_a_duration_in_a_strange_unit_tells_nothing(desk: Desk) -> None:
    assert "end_at" not in desk.send(siu("S12", end=None, sch={9: "3", 10: "blinks"})).one("appointment")


def test_several_clients_are_seats_of_one_group(desk: Desk) -> None:
    found = desk.send(siu("S12", clients=("pt1", "pt2"))).rows("appointment")
    assert {row["client_key"] for row in found} == {key("client", "pt1"), key("client", "pt2")}
    assert {row["group_key"] for row in found} == {key("group", "ap1")}


def test_the_placer_number_identifies_an_appointment_without_a_filler_number(desk: Desk) -> None:
    found = desk.send(siu("S12", appointment="", sch={1: "pl1"})).one("appointment")
    assert found["appointment_key"] == key("appointment", "pl1")


def test_a_clinician_that_a_message_takes_off_is_off(desk: Desk) -> None:
    lines = [segment("SCH", {2: "ap1"}), segment("TQ1", {7: "20260105100000-0500"}), pid("pt1")]
    aips = [segment("AIP", {1: "1", 2: "D", 3: "pr1"}), segment("AIP", {1: "2", 2: "A", 3: "pr2"})]
    desk.send(message("SIU", "S14", *lines, *aips))
    assert desk.one("appointment")["clinician_key"] == key("clinician", "pr2")


def test_the_modality_comes_from_the_appointment_type_or_the_service(desk: Desk) -> None:
    desk.send(siu("S12", appointment="a", kind="video"), siu("S12", appointment="b", kind="Normal", service="phone"))
    found = {row["appointment_key"]: row["modality_planned"] for row in desk.rows("appointment")}
    assert found == {key("appointment", "a"): "video", key("appointment", "b"): "audio"}
