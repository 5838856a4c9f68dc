"""The REDCap simulator, held against two clients of other people: what they read is what the project holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from redcap.project import Project
from redcap.request import RedcapError
from redcaplite import RedcapClient  # type: ignore[import-untyped]  # it ships no types

from pacekeeper.testing.redcap_project import RedcapProject, dictionary_row
from pacekeeper.testing.redcap_server import RedcapServer

TOKEN = "A" * 32
#: The API takes times without a zone: the server's own.
JANUARY_31, FEBRUARY_2 = datetime(2026, 1, 31), datetime(2026, 2, 2)  # noqa: DTZ001


def project() -> RedcapProject:
    fields = [
        dictionary_row("record_id", "base"),
        dictionary_row("sex", "base", "radio", choices="0, Female | 1, Male"),
        dictionary_row("weight", "base", validation="number_comma_decimal"),
        dictionary_row("gym", "visit", "checkbox", choices="0, Monday | -1, Never"),
        dictionary_row("seen", "visit", validation="date_dmy"),
    ]
    event = [{"event_name": n, "arm_num": "1", "unique_event_name": n, "event_id": "1"} for n in ("a_arm_1", "b_arm_1")]
    rows = [
        {"record_id": "1", "redcap_event_name": "a_arm_1", "sex": "1", "weight": "70,5", "base_complete": "2"},
        {
            "record_id": "1",
            "redcap_event_name": "b_arm_1",
            "redcap_repeat_instrument": "visit",
            "redcap_repeat_instance": "2",
            "gym___0": "1",
            "gym____1": "0",
            "seen": "2026-02-10",
            "visit_timestamp": "2026-02-10 09:00:00",
            "visit_complete": "2",
        },
        {"record_id": "2", "redcap_event_name": "a_arm_1", "sex": "0", "weight": "60"},
    ]
    return RedcapProject(fields, rows, events=event, surveys=frozenset({"visit"}), changed={"2": "2026-02-01 10:00:00"})


@pytest.fixture
def server() -> Iterator[RedcapServer]:
    with RedcapServer({TOKEN: project()}) as running:
        yield running


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what is empty, as it is stored."""
    kept = {name: str(value) for name, value in row.items() if str(value) not in {"", "nan"}}
    return {name: value for name, value in kept.items() if not (name.endswith("_complete") and value == "0")}


def test_pycap_reads_every_record_as_it_is_stored(server: RedcapServer) -> None:
    client = Project(server.api_url, TOKEN)
    found = client.export_records(export_survey_fields=True)
    assert [stored(row) for row in found] == project().rows
    assert list(found[0])[:5] == [
        "record_id",
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "redcap_survey_identifier",
    ]
    assert client.is_longitudinal
    assert client.def_field == "record_id"
    assert [row["export_field_name"] for row in client.export_field_names()] == [
        "record_id", "sex", "weight", "base_complete", "gym___0", "gym____1", "seen", "visit_complete",
    ]  # fmt: skip
    assert client.metadata == project().fields
    assert [row["form_name"] for row in client.export_repeating_instruments_events()] == ["visit"]
    assert {row["unique_event_name"] for row in client.export_events()} == {"a_arm_1", "b_arm_1"}
    assert {row["instrument_name"] for row in client.export_instruments()} == {"base", "visit"}
    assert client.export_project_info()["is_longitudinal"] == 1


def test_redcaplite_reads_every_record_as_it_is_stored(server: RedcapServer) -> None:
    client = RedcapClient(server.api_url, TOKEN)
    found = client.export_records(format="json", exportSurveyFields=True)
    assert [stored(row) for row in found] == project().rows
    assert client.get_metadata(format="json") == project().fields
    table = client.export_records(format="csv", pd_read_csv_kwargs={"dtype": str, "keep_default_na": False})
    assert [stored(row)["record_id"] for row in table.to_dict("records")] == ["1", "1", "2"]


def test_both_clients_see_filters_labels_and_decimal_marks(server: RedcapServer) -> None:
    cap, lite = Project(server.api_url, TOKEN), RedcapClient(server.api_url, TOKEN)
    assert [row["record_id"] for row in cap.export_records(records=["2"])] == ["2"]
    assert [row["record_id"] for row in lite.export_records(format="json", records=["2"])] == ["2"]
    assert set(cap.export_records(fields=["sex"])[0]) == {
        "record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "sex",
    }  # fmt: skip
    assert cap.export_records(raw_or_label="label")[0]["sex"] == "Male"
    assert cap.export_records(raw_or_label="label")[1]["gym___0"] == "Checked"
    assert cap.export_records(decimal_character=".")[0]["weight"] == "70.5"
    assert lite.export_records(format="json", decimalCharacter=".")[0]["weight"] == "70.5"
    changed = cap.export_records(date_begin=JANUARY_31)
    assert [row["record_id"] for row in changed] == ["2"]
    assert lite.export_records(format="json", dateRangeBegin=FEBRUARY_2) == []
    assert cap.export_records(events=["b_arm_1"])[0]["redcap_repeat_instance"] == 2


def test_an_untouched_form_has_status_0_unless_blank_is_asked_for(server: RedcapServer) -> None:
    cap = Project(server.api_url, TOKEN)
    assert cap.export_records()[2]["base_complete"] == "0"
    assert cap.export_records(export_blank_for_gray_form_status=True)[2]["base_complete"] == ""


def test_both_clients_understand_its_refusals(server: RedcapServer) -> None:
    with pytest.raises(RedcapError, match="permissions"):
        Project(server.api_url, "B" * 32).export_records()
    with pytest.raises(Exception, match="Forbidden"):
        RedcapClient(server.api_url, "B" * 32).export_records(format="json")
    with pytest.raises(RedcapError, match="fields"):
        Project(server.api_url, TOKEN).export_records(fields=["nonesuch"])
    server.projects[TOKEN].events = []
    with pytest.raises(RedcapError, match="classic"):
        Project(server.api_url, TOKEN).export_events()
    assert not Project(server.api_url, TOKEN).is_longitudinal
