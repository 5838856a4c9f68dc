"""REDCap forms to canonical measures, over the API on loopback; by examples small enough to check by eye."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.raw_bench import RawBench, key, match
from tests.unit.connectors.survey_bench import CLIENT_FILE, FOUR, PHQ9, TOKEN, client_project, landed, phq9, redcap

from pacekeeper.stream import Page, Window, check_streams
from pacekeeper.testing.redcap_project import RedcapProject, dictionary_row
from pacekeeper.testing.redcap_server import RedcapFaults, RedcapServer

INTAKE = {"record_id": "1", "mrn": "MRN 1", "intake_complete": "2"}


@pytest.fixture
def server() -> Iterator[RedcapServer]:
    with RedcapServer({}) as running:
        yield running


def bench(
    server: RedcapServer, tmp_path: Path, project: RedcapProject, file: str = CLIENT_FILE, **how: Any
) -> RawBench:
    server.projects[TOKEN] = project
    return redcap(server, tmp_path, file, **how)


def response(made: RawBench) -> dict[str, Any]:
    made.read()
    (row,) = made.wanted("measure_response")
    return row


def asked(server: RedcapServer, content: str) -> list[dict[str, str]]:
    return [call.form for call in server.requests if call.form.get("content") == content]


def test_a_form_becomes_a_response_with_its_recomputed_total(server: RedcapServer, tmp_path: Path) -> None:
    stamped = phq9("012301230", phq9_timestamp="2026-02-11 09:30:00", phq9_total="27")
    made = bench(server, tmp_path, client_project({**INTAKE, **stamped}))
    check_streams(made.connector.streams, connector="redcap")
    assert response(made) == {
        "response_key": key("measure_response", "1\x1f\x1fphq9\x1f\x1fphq9"),
        "client_key": key("client", "MRN 1"),
        "instrument": "phq9",
        "administered_at": datetime(2026, 2, 11, 14, 30, tzinfo=UTC),
        "completed_at": datetime(2026, 2, 11, 14, 30, tzinfo=UTC),
        "respondent": "self",
        "total": 12.0,
        "source_total": 27.0,
        "items_missing": 0,
        "status": "complete",
        "scoring_version": "phq9-sum-1",
    }
    items = made.wanted("measure_item")
    assert [(i["item_no"], i["value"]) for i in sorted(items, key=lambda i: i["item_no"])] == [
        (n, float(code)) for n, code in enumerate("012301230", 1)
    ]
    assert {i["response_key"] for i in items} == {key("measure_response", "1\x1f\x1fphq9\x1f\x1fphq9")}


def test_the_identifier_meets_that_of_other_sources(server: RedcapServer, tmp_path: Path) -> None:
    made = bench(server, tmp_path, client_project({**INTAKE, **phq9("000000000")}))
    made.read()
    assert made.wanted("client_identifier") == [
        {"client_key": key("client", "MRN 1"), "domain": "mrn", "match_key": match("mrn", "mrn1")}
    ]


def test_a_second_read_of_the_same_project_changes_nothing(server: RedcapServer, tmp_path: Path) -> None:
    made = bench(server, tmp_path, client_project({**INTAKE, **phq9("1111-1111")}, {**INTAKE, "record_id": "2"}))
    made.read()
    first = {name: made.mapped(name) for name in ("measure_response", "measure_item", "client_identifier")}
    made.read()
    assert {name: made.mapped(name) for name in first} == first
    assert [len(versions) for versions in made._versions["response"].values()] == [1]


def test_with_an_item_missing_the_response_is_partial_and_has_no_total(server: RedcapServer, tmp_path: Path) -> None:
    row = response(bench(server, tmp_path, client_project({**INTAKE, **phq9("1111-1111", phq9_total="8")})))
    assert (row["status"], row["items_missing"], row["source_total"]) == ("partial", 1, 8.0)
    assert "total" not in row


def test_missing_data_codes_are_no_answers(server: RedcapServer, tmp_path: Path) -> None:
    project = client_project(
        {**INTAKE, **phq9("111111111", phq9_3="NASK", phq9_total="UNK")},
        missing_data_codes="NASK, Not asked | UNK, Unknown",
    )
    row = response(bench(server, tmp_path, project))
    assert (row["status"], row["items_missing"]) == ("partial", 1)
    assert "source_total" not in row


@pytest.mark.parametrize(
    ("written", "day"), [("2026-02-10", 10), ("10-02-2026", 10), ("10/02/2026", 10), ("12.02.2026", 12)]
)
def test_a_date_is_read_as_exported_or_in_the_order_of_its_field(
    server: RedcapServer, tmp_path: Path, written: str, day: int
) -> None:
    row = response(bench(server, tmp_path, client_project({**INTAKE, **phq9("000000000", phq9_date=written)})))
    assert row["administered_at"] == datetime(2026, 2, day, 5, tzinfo=UTC)
    assert "completed_at" not in row


def test_a_date_that_is_none_rejects_the_form_by_name(server: RedcapServer, tmp_path: Path) -> None:
    made = bench(server, tmp_path, client_project({**INTAKE, **phq9("000000000", phq9_date="31-02-2026")}))
    assert made.read()["response"].rejected == {("administered_at", "not_an_instant"): 1}


def test_without_a_zone_a_survey_time_is_rejected_and_server_tz_gives_it_one(
    server: RedcapServer, tmp_path: Path
) -> None:
    project = client_project({**INTAKE, **phq9("000000000", phq9_timestamp="2026-07-01 12:00:00")})
    assert bench(server, tmp_path, project, zone=None).read()["response"].rejected_rows == 1
    made = bench(server, tmp_path, project, zone=None, server_tz="America/Denver")
    assert response(made)["administered_at"] == datetime(2026, 7, 1, 18, tzinfo=UTC)


def test_a_survey_that_is_still_open_is_partial_though_every_item_is_there(
    server: RedcapServer, tmp_path: Path
) -> None:
    open_form = phq9("111111111", phq9_timestamp="[not completed]", phq9_complete="0")
    row = response(bench(server, tmp_path, client_project({**INTAKE, **open_form})))
    assert row["status"] == "partial"
    assert row["administered_at"] == datetime(2026, 2, 10, 5, tzinfo=UTC)


def test_a_form_that_was_opened_and_left_empty_is_counted_and_one_never_opened_is_not(
    server: RedcapServer, tmp_path: Path
) -> None:
    empty = dict.fromkeys(PHQ9, "")
    rows = [{**INTAKE, **empty, "phq9_complete": "0"}, {**INTAKE, "record_id": "2", **empty, "phq9_complete": ""}]
    counts = bench(server, tmp_path, client_project(*rows)).read()["response"]
    assert (counts.read, dict(counts.out_of_scope)) == (1, {"form_not_filled": 1})


def test_an_answer_code_beyond_the_instrument_reaches_the_contract_as_a_number(
    server: RedcapServer, tmp_path: Path
) -> None:
    made = bench(server, tmp_path, client_project({**INTAKE, **phq9("111111117")}))
    row = response(made)
    assert (row["status"], row["items_missing"]) == ("partial", 1)
    assert {item["value"] for item in made.wanted("measure_item")} == {1.0, 7.0}


LONGITUDINAL = """
client = "mrn"
[measures.weekly]
instrument = "phq9"
form = "phq9"
date = "phq9_date"
events = ["week_1_arm_1", "week_2_arm_1"]
"""


def test_events_and_instances_are_responses_of_their_own_and_find_their_records_client(
    server: RedcapServer, tmp_path: Path
) -> None:
    def row(event: str, instance: str = "", **values: str) -> dict[str, str]:
        form = "phq9" if instance else ""
        repeat = {"redcap_repeat_instrument": form, "redcap_repeat_instance": instance}
        return {"record_id": "7", "redcap_event_name": event, **repeat, **values}

    names = ("intake_arm_1", "week_1_arm_1", "week_2_arm_1", "end_arm_1")
    events = [{"event_name": n, "arm_num": "1", "unique_event_name": n, "event_id": "1"} for n in names]
    project = client_project(
        row("intake_arm_1", mrn="MRN7"),
        row("week_1_arm_1", **phq9("111111111")),
        row("week_2_arm_1", "1", **phq9("222222222")),
        row("week_2_arm_1", "2", **phq9("333333333")),
        row("end_arm_1", **phq9("000000000")),
        events=events,
    )
    made = bench(server, tmp_path, project, LONGITUDINAL)
    made.read()
    rows = made.wanted("measure_response")
    assert sorted(r["total"] for r in rows) == [9.0, 18.0, 27.0]
    assert {r["client_key"] for r in rows} == {key("client", "MRN7")}
    assert len({r["response_key"] for r in rows}) == 3


def test_a_record_with_two_identifiers_belongs_to_nobody(server: RedcapServer, tmp_path: Path) -> None:
    repeat = {"redcap_repeat_instrument": "phq9", "redcap_repeat_instance": "1"}
    rows = [INTAKE, {**INTAKE, "mrn": "MRN2"}, {"record_id": "1", **repeat, **phq9("000000000")}]
    made = bench(server, tmp_path, client_project(*rows))
    assert "client_key" not in response(made)


EPDS = """
client = "record_id"
[measures.epds]
reversed_items = [3, 5, 6, 7, 8, 9, 10]
date = "epds_date"
answers = { 1 = 0, 2 = 1, 3 = 2, 4 = 3 }
respondent = { field = "who", values = { 1 = "self", 2 = "caregiver" } }
"""


def test_epds_items_are_stored_as_they_score(server: RedcapServer, tmp_path: Path) -> None:
    fields = [dictionary_row("record_id", "epds")]
    fields += [dictionary_row(f"epds_{n}", "epds", "radio", choices="1, a | 2, b | 3, c | 4, d") for n in range(1, 11)]
    fields += [dictionary_row("epds_date", "epds", validation="date_ymd"), dictionary_row("who", "epds", "dropdown")]
    values = {f"epds_{n}": "1" for n in range(1, 11)} | {"epds_date": "2026-02-10", "who": "2"}
    made = bench(server, tmp_path, RedcapProject(fields, [{"record_id": "MRN5", **values}]), EPDS)
    row = response(made)
    # Code 1 scores 0 on items 1, 2 and 4, and 3 on the seven that run the other way.
    assert (row["total"], row["respondent"], row["instrument"]) == (21.0, "caregiver", "epds")
    assert {i["item_no"]: i["value"] for i in made.wanted("measure_item")} == {
        n: 0.0 if n in {1, 2, 4} else 3.0 for n in range(1, 11)
    }


def test_an_item_asked_by_checkboxes_is_the_one_choice_ticked(server: RedcapServer, tmp_path: Path) -> None:
    project = client_project({**INTAKE, **phq9("-11111111", phq9_1___2="1"), "record_id": "1"})
    project.fields[3] = dictionary_row("phq9_1", "phq9", "checkbox", choices=FOUR)
    assert response(bench(server, tmp_path, project))["total"] == 10.0
    project.rows[0]["phq9_1___3"] = "1"
    made = bench(server, tmp_path, project)
    assert response(made)["status"] == "partial"
    assert made.reasons("measure_item") == ["answer_not_mapped"]


def test_an_answer_no_map_knows_is_counted_and_missing(server: RedcapServer, tmp_path: Path) -> None:
    file = CLIENT_FILE + "answers = { A = 0, B = 1 }\n"
    made = bench(server, tmp_path, client_project({**INTAKE, **phq9("AAAABBBB-", phq9_9="2")}), file)
    assert response(made)["items_missing"] == 1
    assert made.reasons("measure_item") == ["answer_not_mapped"]


def test_only_the_fields_the_file_names_are_asked_for_as_raw_codes(server: RedcapServer, tmp_path: Path) -> None:
    made = bench(server, tmp_path, client_project({**INTAKE, **phq9("000000000"), "comment": "told in confidence"}))
    counts = made.read()
    _, export = asked(server, "record")
    fields = {value for name, value in export.items() if name.startswith("fields[")}
    assert fields == {"record_id", "mrn", *PHQ9, "phq9_total", "phq9_date", "phq9_complete"}
    assert export["rawOrLabel"] == "raw"
    assert all(not stream.undeclared for stream in counts.values())


def test_a_server_that_knows_neither_blank_status_nor_decimal_character_reads_the_same(
    server: RedcapServer, tmp_path: Path
) -> None:
    project = client_project({**INTAKE, **phq9("111111111", phq9_total="9,0")}, {**INTAKE, "record_id": "2"})
    next(f for f in project.fields if f["field_name"] == "phq9_total").update(
        field_type="text", text_validation_type_or_show_slider_number="number_1dp_comma_decimal"
    )
    new = bench(server, tmp_path, project)
    new.read()
    old = bench(server, tmp_path, project)
    server.reset(own_faults=RedcapFaults(ignores=frozenset({"exportBlankForGrayFormStatus", "decimalCharacter"})))
    counts = old.read()["response"]
    assert old.mapped("measure_response") == new.mapped("measure_response")
    assert new.wanted("measure_response")[0]["source_total"] == 9.0
    assert counts.out_of_scope == {"form_not_filled": 1}


def test_records_are_read_in_batches_and_none_twice(server: RedcapServer, tmp_path: Path) -> None:
    rows = [{"record_id": str(n), "mrn": f"M{n % 3}", **phq9("000000000")} for n in range(1, 8)]
    counts = bench(server, tmp_path, client_project(*rows), batch_size=3).read()
    assert (counts["response"].kept, counts["client"].kept, counts["client"].duplicate) == (7, 3, 0)
    assert len(asked(server, "record")) == 1 + 3


def test_incremental_asks_for_changes_by_the_servers_clock(server: RedcapServer, tmp_path: Path) -> None:
    project = client_project({**INTAKE, **phq9("000000000")}, {**INTAKE, "record_id": "2", **phq9("111111111")})
    made = bench(server, tmp_path, project, incremental=True)
    connector = made.connector
    assert [s.cursor for s in connector.streams] == ["read_at", None, "read_at"]
    first = list(connector.read(connector.streams, Window()))
    assert {page.watermark for page in first} == {server.now}
    project.edit(1, "2026-02-20 08:00:00", phq9_1="2")
    since = datetime(2026, 2, 20, 12, tzinfo=UTC)  # 07:00 in New York
    window = Window(since=since, per_stream={"response": since, "client": since})
    pages: list[Page] = list(connector.read(connector.streams, window))
    assert sum(len(page.rows) for page in pages if page.stream == "response") == 1
    assert asked(server, "record")[-2]["dateRangeBegin"] == "2026-02-20 07:00:00"
    made.read(pages)
    made.read(first)
    assert len(landed(made, "response")) == 2


def test_check_says_what_is_wrong_and_needs_two_calls_when_all_is_well(server: RedcapServer, tmp_path: Path) -> None:
    made = bench(server, tmp_path, client_project())
    assert made.connector.check().ok
    assert server.data_calls == 2
    health = redcap(server, tmp_path, CLIENT_FILE, token="F" * 32).connector.check()
    assert not health.ok
    assert "Check the credentials" in health.message
    assert "F" * 32 not in health.message
