"""Values and records as Tryton writes them, damaged ones too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gnuhealth_records import NPI
from pacekeeper_gnuhealth.wire import marked, npi, plain, record

NOON = {"__class__": "datetime", "year": 2026, "month": 3, "day": 8, "hour": 12, "minute": 5, "second": 0}
WHOLE = {**NOON, "microsecond": 0}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (WHOLE, "2026-03-08T12:05:00.000000Z"),
        ({**WHOLE, "microsecond": 120257}, "2026-03-08T12:05:00.120257Z"),
        ({"__class__": "date", "year": 1980, "month": 2, "day": 3}, "1980-02-03"),
        ({"__class__": "time", "hour": 9, "minute": 30, "second": 0, "microsecond": 0}, "09:30:00"),
        ({"__class__": "Decimal", "decimal": "12.50"}, "12.50"),
        ({"__class__": "timedelta", "seconds": 3000.0}, 3000.0),
        ([{"__class__": "date", "year": 1980, "month": 2, "day": 3}], ["1980-02-03"]),
        ("text", "text"),
        (7, 7),
        (None, None),
    ],
    ids=["datetime", "microseconds", "date", "time", "decimal", "timedelta", "list", "text", "number", "null"],
)
def test_marks_are_taken_off(value: Any, wanted: Any) -> None:
    assert plain(value) == wanted


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        {**WHOLE, "month": 13},
        {**WHOLE, "day": "8"},
        {"__class__": "date", "year": 0, "month": 1, "day": 1},
        {"__class__": "Decimal"},
        {"__class__": "timedelta", "seconds": None},
        {"__class__": "bytes", "base64": "eA=="},
        {"__class__": ["datetime"]},
    ],
    ids=["part missing", "month 13", "text", "year 0", "decimal", "timedelta", "bytes", "list"],
)
def test_a_damaged_or_unknown_mark_is_left_to_the_boundary(value: Any) -> None:
    assert plain(value) == value


def test_instants_sort_as_they_follow_each_other() -> None:
    later = plain({**WHOLE, "microsecond": 1})
    assert plain(WHOLE) < later


def test_an_instant_in_a_domain_is_utc() -> None:
    denver = datetime(2026, 3, 8, 5, 5, tzinfo=timezone(timedelta(hours=-7)))
    assert marked(denver) == WHOLE
    assert marked(datetime(2026, 3, 8, 12, 5, tzinfo=UTC)) == WHOLE


def test_what_lies_behind_a_reference_takes_its_place() -> None:
    row = {
        "id": 1,
        "main_specialty": 4,
        "main_specialty.": {"id": 4, "specialty.": {"id": 9, "code": "PSYCHO"}},
        "party.": {"id": 7, "dob": {"__class__": "date", "year": 1980, "month": 2, "day": 3}},
        "party": 7,
        "consultations": None,
        "consultations.": None,
    }
    made = record(row, stamps=())
    assert made["main_specialty"]["specialty"]["code"] == "PSYCHO"
    assert made["party"] == {"id": 7, "dob": "1980-02-03"}
    assert made["consultations"] is None
    assert not [name for name in made if name.endswith(".")]


@pytest.mark.parametrize(
    ("written", "person", "wanted"),
    [
        (None, None, "2026-03-08T12:05:00.000000Z"),
        ({**WHOLE, "day": 9}, None, "2026-03-09T12:05:00.000000Z"),
        (None, {**WHOLE, "day": 10}, "2026-03-10T12:05:00.000000Z"),
        ({**WHOLE, "day": 9}, {**WHOLE, "day": 8}, "2026-03-09T12:05:00.000000Z"),
    ],
    ids=["never changed", "changed", "person changed", "both"],
)
def test_a_record_changed_when_its_latest_stamp_says(written: Any, person: Any, wanted: str) -> None:
    row = {"id": 1, "create_date": WHOLE, "write_date": written, "party.": {"id": 7, "write_date": person}}
    made = record(row, stamps=("write_date", "create_date", "party.write_date"))
    assert made["write_date"] == wanted
    assert "create_date" not in made


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (NPI, NPI),
        (f" {NPI} ", NPI),
        ("1234567890", None),
        ("3234567893", None),
        ("123456789", None),
        ("LIC-44", None),
        ("", None),
        (None, None),
        (1234567893, None),
    ],
    ids=["npi", "blanks", "check digit", "first digit", "short", "licence", "empty", "null", "number"],
)
def test_a_licence_is_an_npi_by_its_check_digit_only(code: object, wanted: str | None) -> None:
    assert npi(code) == wanted
