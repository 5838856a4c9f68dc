"""ADT, DFT, MDM and ORU messages to canonical rows, by examples small enough to check by eye."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.raw_bench import key, match
from tests.unit.connectors.hl7v2_desk import Desk

from pacekeeper.stream import check_streams
from pacekeeper.testing.hl7v2_messages import adt, merge, message, person, pid, segment, siu

STARTED, ENDED = "20260105100000-0500", "20260105105300-0500"
VISIT: dict[str, Any] = {"visit": "v1", "admitted": STARTED, "discharged": ENDED}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_declared_streams_are_sound(desk: Desk) -> None:
    check_streams(desk.bench.connector.streams, connector="hl7v2")


def test_mappings_give_empty_tables_for_an_empty_folder(desk: Desk) -> None:
    assert desk.bench.read() == {}
    for mapping in desk.bench.connector.entity_mappings():
        assert desk.bench.mapped(mapping.entity) == []


def test_a_client_is_what_the_last_message_says_and_no_more(desk: Desk) -> None:
    early = adt("A04", sent="20260101090000-0500", more={11: "^^^^20020"})
    late = adt("A08", sent="20260102090000-0500", more={7: "", 11: "", 30: "Y"}, control="2")
    assert desk.send(late).send(early).one("client") == {
        "client_key": key("client", "pt1"),
        "birth_year": 1984,
        "area_code": "200",
        "part2_flag": "unknown",
        "is_deceased": True,
    }


def test_the_clients_identifier_is_shared_with_other_sources(desk: Desk) -> None:
    assert desk.send(adt("A04")).one("client_identifier") == {
        "client_key": key("client", "pt1"),
        "domain": "mrn",
        "match_key": match("mrn", "pt1"),
    }


@pytest.mark.parametrize(
    ("identifiers", "more", "expected"),
    [
        ("9^^^OTHER^SS~7^^^RIVERBEND^MR", {}, "7"),
        ("9^^^OTHER^PI~8^^^OTHER^PI", {}, "9"),
        ("9^^^OTHER^MR~7^^^RIVERBEND^PI", {"client_id_authority": "RIVERBEND"}, "7"),
        ("9^^^OTHER^MR~7^^^OTHER^EHRID", {"client_id_type": "EHRID"}, "7"),
        ("", {}, "5"),
    ],
    ids=["by type", "first of another type", "by authority", "by the site's type", "of an old version"],
)
def test_the_clients_identifier_is_chosen_among_several(
    tmp_path: Path, identifiers: str, more: dict[str, str], expected: str
) -> None:
    lines = [segment("EVN", {1: "A04"}), segment("PID", {2: "5", 3: identifiers})]
    found = Desk(tmp_path, **more).send(message("ADT", "A04", *lines)).one("client")
    assert found["client_key"] == key("client", expected)


def test_clinicians_are_those_that_messages_name_with_the_npi_where_it_is_said(desk: Desk) -> None:
    desk.send(adt("A04", visit="v1", clinician=person("pr1", "1000000012")), siu("S12", clinicians=("pr1", "pr2")))
    found = {row["clinician_key"] for row in desk.rows("clinician")}
    assert found == {key("clinician", "pr1"), key("clinician", "pr2")}
    assert desk.bench.wanted("clinician_identifier") == [
        {"clinician_key": key("clinician", "pr1"), "domain": "npi", "match_key": match("npi", "1000000012")}
    ]


@pytest.mark.parametrize("event", ["A40", "A18", "A34", "A47"])
def test_a_merge_says_which_client_went_into_which(desk: Desk, event: str) -> None:
    assert desk.send(merge("old", "new", event=event)).one("key_merge") == {
        "entity": "client",
        "from_key": key("client", "old"),
        "into_key": key("client", "new"),
        "effective_at": datetime(2026, 1, 5, 15, tzinfo=UTC),
    }


def test_a_client_that_is_merged_twice_went_where_it_was_last(desk: Desk) -> None:
    desk.send(merge("old", "c", sent="20260106100000-0500", control="2"), merge("old", "b"), merge("x", "x"))
    assert desk.one("key_merge")["into_key"] == key("client", "c")
    assert desk.bench.reasons("key_merge") == ["same_client", "superseded"]


def test_a_merge_of_accounts_merges_no_clients(desk: Desk) -> None:
    assert desk.send(merge("old", "new", event="A41")).rows("key_merge") == []


def test_several_merges_of_one_message_go_into_the_client_in_front_of_each(desk: Desk) -> None:
    parts = [pid("b"), segment("MRG", {1: "a^^^^MR"}), pid("d"), segment("MRG", {1: "c^^^^MR"})]
    found = desk.send(message("ADT", "A40", segment("EVN", {1: "A40"}), *parts)).rows("key_merge")
    pairs = {(row["from_key"], row["into_key"]) for row in found}
    assert pairs == {(key("client", a), key("client", b)) for a, b in (("a", "b"), ("c", "d"))}


def test_a_visit_with_beginning_and_end_is_a_session_of_its_appointment(desk: Desk) -> None:
    desk.send(siu("S12", visit="v1", kind="video"), adt("A03", **VISIT, sent=ENDED))
    assert desk.one("session") == {
        "session_key": key("session", "v1"),
        "appointment_key": key("appointment", "ap1"),
        "clinician_key": key("clinician", "pr1"),
        "started_at": datetime(2026, 1, 5, 15, tzinfo=UTC),
        "ended_at": datetime(2026, 1, 5, 15, 53, tzinfo=UTC),
        "duration_source": "actual",
        "session_type": "individual",
        "session_type_source_code": "individual",
        "modality": "video",
        "modality_source_code": "video",
        "status": "completed",
        "status_source_code": "A03",
        "is_intake": False,
    }
    assert desk.bench.wanted("session_participant") == [
        {"session_key": key("session", "v1"), "client_key": key("client", "pt1"), "attended": True}
    ]


def test_a_complete_appointment_is_kept_and_no_session(desk: Desk) -> None:
    assert desk.send(siu("S14", status="Complete", visit="v1")).one("appointment")["status"] == "kept"
    assert desk.bench.wanted("session") == []


def test_beginning_and_end_may_come_in_different_messages(desk: Desk) -> None:
    desk.send(adt("A04", visit="v1", admitted=STARTED, control="1"))
    assert desk.rows("session") == []
    assert desk.bench.reasons("session") == ["no_times"]
    desk.send(adt("A03", visit="v1", discharged=ENDED, sent=ENDED, control="2"))
    assert desk.one("session")["ended_at"] == datetime(2026, 1, 5, 15, 53, tzinfo=UTC)


@pytest.mark.parametrize(
    ("setting", "ended", "reasons"),
    [
        ("I", ENDED, ["not_outpatient"]),
        ("E", ENDED, ["not_outpatient"]),
        ("P", ENDED, ["no_visit"]),
        ("R", "20260305100000-0500", ["recurring_account"]),
        ("R", ENDED, []),
        ("O", ENDED, []),
    ],
)
def test_stays_and_accounts_are_no_sessions(desk: Desk, setting: str, ended: str, reasons: list[str]) -> None:
    desk.send(adt("A03", visit="v1", setting=setting, admitted=STARTED, discharged=ended))
    assert len(desk.rows("session")) == (not reasons)
    assert desk.bench.reasons("session") == reasons


def test_a_cancelled_visit_is_voided_and_nobody_attended(desk: Desk) -> None:
    desk.send(adt("A03", **VISIT), adt("A11", visit="v1", sent="20260106100000-0500", control="2"))
    assert desk.one("session")["status"] == "voided"
    assert [row["attended"] for row in desk.bench.wanted("session_participant")] == [False]


def test_everybody_the_appointment_names_holds_the_session(desk: Desk) -> None:
    desk.send(siu("S12", visit="v1", clinicians=("pr2", "pr1")), adt("A03", **VISIT))
    desk.send(message("SIU", "S14", segment("SCH", {2: "ap1", 25: "Complete"}), sent=ENDED, control="3"))
    found = {row["clinician_key"]: row["role"] for row in desk.rows("session_clinician")}
    assert found == {key("clinician", "pr1"): "primary", key("clinician", "pr2"): "co_therapist"}


def test_the_visits_of_a_group_are_one_session_with_several_clients(desk: Desk) -> None:
    for n in (1, 2, 3):
        visit = {**VISIT, "visit": f"v{n}"}
        desk.send(adt("A03", client=f"pt{n}", service="group", control=str(n), **visit))
    found = desk.one("session")
    assert (found["session_type"], found["group_key"]) == ("group", found["session_key"])
    participants = desk.bench.wanted("session_participant")
    assert {row["session_key"] for row in participants} == {found["session_key"]}
    assert len(participants) == 3
    assert len(desk.bench.wanted("session_clinician")) == 1


@pytest.mark.parametrize(
    ("start", "zone", "expected"),
    [
        ("20260105100000-0800", "America/New_York", datetime(2026, 1, 5, 18, tzinfo=UTC)),
        ("20260105100000", "America/New_York", datetime(2026, 1, 5, 15, tzinfo=UTC)),
        ("20260705100000", "America/New_York", datetime(2026, 7, 5, 14, tzinfo=UTC)),
        ("20260705100000", "America/Denver", datetime(2026, 7, 5, 15, tzinfo=UTC)),
        ("20260705100000", None, datetime(2026, 7, 5, 15, tzinfo=UTC)),
    ],
    ids=[
        "its own",
        "the header's",
        "the zone in July, as it agrees with the header",
        "the header's, as the zone does not",
        "the header's, without a zone",
    ],
)
def test_a_time_is_read_by_its_own_offset_then_the_headers_then_the_facilitys_zone(
    tmp_path: Path, start: str, zone: str | None, expected: datetime
) -> None:
    desk = Desk(tmp_path, default_tz=zone).send(siu("S12", start=start, sent="20260102090000-0500"))
    assert desk.one("appointment")["start_at"] == expected


def test_without_any_offset_the_facilitys_own_zone_comes_before_the_sources(tmp_path: Path) -> None:
    desk = Desk(tmp_path, facilities={"RIVERBEND": "America/Denver"})
    desk.send(siu("S12", start="20260105100000", sent="20260102090000"))
    assert desk.one("appointment")["start_at"] == datetime(2026, 1, 5, 17, tzinfo=UTC)
