"""What a REDCap server does when it does not do as it should: survived, or a named error that holds no value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.connectors.survey_bench import CLIENT_FILE, PASSING_FAULTS, TOKEN, client_project, phq9, redcap

from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError, RetryableError
from pacekeeper.stream import Window
from pacekeeper.testing import Faults
from pacekeeper.testing.redcap_project import dictionary_row
from pacekeeper.testing.redcap_server import RedcapFaults, RedcapServer
from pacekeeper_connectors.redcap.dictionary import checkbox_column, missing_codes, parse_dictionary
from pacekeeper_connectors.redcap.values import date_text, number_text

SECRET = "MRN-4711-SECRET"
ROWS = [{"record_id": str(n), "mrn": f"{SECRET}{n}", **phq9("111111111")} for n in range(1, 5)]


@pytest.fixture
def server() -> Iterator[RedcapServer]:
    with RedcapServer({TOKEN: client_project(*ROWS)}) as running:
        yield running


def read(server: RedcapServer, tmp_path: Path, **how: Any) -> Any:
    return redcap(server, tmp_path, CLIENT_FILE, batch_size=2, **how).read()


@pytest.mark.parametrize("faults", PASSING_FAULTS.values(), ids=PASSING_FAULTS)
def test_a_passing_fault_is_survived_and_nothing_is_lost_or_doubled(
    server: RedcapServer, tmp_path: Path, faults: Faults
) -> None:
    server.reset(faults)
    counts = read(server, tmp_path)
    assert (counts["response"].kept, counts["response"].duplicate, counts["answer"].kept) == (4, 0, 36)


@pytest.mark.parametrize(
    ("faults", "own", "error", "text"),
    [
        (Faults(fail=frozenset({"record"})), RedcapFaults(), RetryableError, "answered 500, tried 5 times"),
        (Faults(), RedcapFaults(html_on=frozenset({3})), DataError, "not JSON: a page for browsers, or"),
        (Faults(), RedcapFaults(error_200_on=frozenset({3})), ConfigError, "REDCap refuses content=record"),
        (Faults(), RedcapFaults(rows={"a": 1}), DataError, "content=record answered with dict, not with a list"),
        (Faults(forbid=frozenset({"metadata"})), RedcapFaults(), ConfigError, "403: access refused"),
    ],
)
def test_a_lasting_fault_ends_in_an_error_that_says_what_to_do(
    server: RedcapServer, tmp_path: Path, faults: Faults, own: RedcapFaults, error: type[PacekeeperError], text: str
) -> None:
    server.reset(faults, own)
    with pytest.raises(error) as raised:
        read(server, tmp_path)
    assert text in str(raised.value)
    assert SECRET not in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_a_request_the_server_does_not_accept_is_fatal_and_not_quoted(server: RedcapServer, tmp_path: Path) -> None:
    made = redcap(server, tmp_path, CLIENT_FILE)
    project = server.projects[TOKEN]
    reader = made.connector.read(made.connector.streams, Window())
    next(reader)
    project.fields = [f for f in project.fields if f["field_name"] != "phq9_9"]
    with pytest.raises(FatalError, match=r"does not accept content=record as it was asked$"):
        list(reader)


def test_rows_that_are_no_records_are_rejected_by_name_and_place(server: RedcapServer, tmp_path: Path) -> None:
    good = {"record_id": "1", "mrn": "M1", **phq9("111111111")}
    server.reset(own_faults=RedcapFaults(rows=[good, "a text", {"mrn": "M2"}, None]))
    counts = read(server, tmp_path)["response"]
    assert (counts.read, counts.kept, counts.rejected_rows) == (4, 1, 3)
    assert {reason for _, reason in counts.rejected} == {"not_an_object", "record_without_id"}


def test_values_of_the_wrong_kind_do_not_stop_the_read(server: RedcapServer, tmp_path: Path) -> None:
    odd = {"record_id": 1, "mrn": ["M1"], **phq9("111111111"), "phq9_1": {"a": "b"}, "phq9_2": 2, "phq9_3": None}
    server.reset(own_faults=RedcapFaults(rows=[odd]))
    counts = read(server, tmp_path)
    assert counts["response"].kept == 1
    assert counts["answer"].rejected == {("answer", "bad_code"): 1}


@pytest.mark.parametrize("rows", [[], [{"field_name": "a"}], ["text"], [{"field_name": "", "form_name": "b"}]], ids=str)
def test_a_dictionary_that_is_none_is_a_data_error(rows: list[Any]) -> None:
    with pytest.raises(DataError, match="data dictionary"):
        parse_dictionary(rows)


def test_choices_and_their_columns_are_as_redcap_writes_them() -> None:
    row = dictionary_row("race", "f", "checkbox", choices="1, A, with a comma | -9, Unknown | A.b, c |")
    field = parse_dictionary([row]).fields["race"]
    assert field.codes == ("1", "-9", "A.b")
    assert list(field.columns) == ["race___1", "race____9", "race___a_b"]
    assert checkbox_column("x", "É") == "x____"
    assert missing_codes("NI, No information | UNK, Unknown\nNA, x") == {"NI", "UNK", "NA"}
    assert missing_codes("") == frozenset()


def test_a_comma_is_a_decimal_mark_only_where_the_field_says_so() -> None:
    comma = parse_dictionary([dictionary_row("x", "f", validation="number_2dp_comma_decimal")]).fields["x"]
    point = parse_dictionary([dictionary_row("x", "f", validation="number")]).fields["x"]
    assert [number_text(text, comma) for text in ("1,5", "1.5", "1,000,5", "")] == ["1.5", "1.5", "1,000,5", ""]
    assert number_text("1,5", point) == "1,5"


@pytest.mark.parametrize(
    ("text", "validation", "expected"),
    [
        ("2026-02-01", "date_mdy", "2026-02-01"),
        ("02-01-2026", "date_mdy", "2026-02-01"),
        ("01-02-2026 13:45", "datetime_dmy", "2026-02-01 13:45:00"),
        ("02/01/2026 13:45:10", "datetime_seconds_mdy", "2026-02-01 13:45:10"),
        ("02-01-2026", "", "02-01-2026"),
        ("13-13-2026", "date_mdy", "13-13-2026"),
    ],
)
def test_dates_are_read_in_the_order_of_their_validation(text: str, validation: str, expected: str) -> None:
    field = parse_dictionary([dictionary_row("x", "f", validation=validation)]).fields["x"]
    assert date_text(text, field) == expected
