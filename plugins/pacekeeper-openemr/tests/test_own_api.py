"""OpenEMR's own API, and answers that are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pacekeeper import ConfigError, DataError, RetryableError, SourceClient
from pacekeeper.http import HttpConfig
from pacekeeper.testing import Endpoint, Reply, Simulator

from openemr_records import appointment
from pacekeeper_openemr.connector import with_times
from pacekeeper_openemr.own_api import OwnApi
from pacekeeper_openemr.testing import FHIR, SITE


@contextmanager
def answering(answer: Any) -> Iterator[OwnApi]:
    """An API whose list `facility` is this answer."""
    with Simulator({}, [Endpoint(f"{SITE}/api/facility", handler=lambda *_: answer)]) as server:
        base = f"{server.url}{FHIR}"
        with SourceClient(HttpConfig(base_url=base, attempts=1), source="ehr") as http:
            yield OwnApi(http, "ehr", base)


@pytest.mark.parametrize(
    "answer",
    [
        Reply(content=b"<html>"),
        Reply(content=b""),
        {"data": None},
        {"data": {"id": "1"}},
        {"error": "x"},
        ["not a row"],
        "text",
        {"validationErrors": {"uuid": {"invalid": "zzz"}}, "internalErrors": [], "data": []},
        {"validationErrors": [], "internalErrors": ["SQL near zzz"], "data": []},
    ],
    ids=["html", "nothing", "null", "one row", "no data", "list of texts", "text", "validation", "internal"],
)
def test_what_is_no_list_of_rows_is_a_data_error_without_values(answer: Any) -> None:
    with answering(answer) as api, pytest.raises(DataError) as caught:
        list(api.pages("facility", 10))
    assert "zzz" not in str(caught.value)
    assert "facility" in str(caught.value)


@pytest.mark.parametrize(("status", "error"), [(401, ConfigError), (403, ConfigError), (503, RetryableError)])
def test_a_refusal_says_what_to_do_next(status: int, error: type[Exception]) -> None:
    with answering(Reply(status=status, content={"error": "access_denied"})) as api, pytest.raises(error):
        api.whole("facility")


def test_an_appointment_is_read_by_the_clock_on_the_wall() -> None:
    made = with_times(appointment(1, "2026-01-12", "-"))
    assert made["pacekeeper_start"] == "2026-01-12 09:00:00"
    assert made["pacekeeper_end"] == "2026-01-12 09:45:00"
    assert (made["pacekeeper_day_start"], made["pacekeeper_day_end"]) == ("2026-01-12 00:00:00", "2026-01-13 00:00:00")


def test_an_appointment_over_midnight_ends_on_the_next_day() -> None:
    made = with_times(appointment(1, "2026-12-31", "-", pc_startTime="23:30:00", pc_endTime="00:20:00"))
    assert made["pacekeeper_end"] == "2027-01-01 00:20:00"


@pytest.mark.parametrize("end", [None, "", "soon", "25:00:00"])
def test_an_appointment_without_a_readable_end_has_none(end: str | None) -> None:
    made = with_times(appointment(1, "2026-01-12", "-", pc_endTime=end))
    assert made["pacekeeper_start"] == "2026-01-12 09:00:00"
    assert "pacekeeper_end" not in made


@pytest.mark.parametrize("day", [None, "", "0000-00-00", "12.01.2026", 20260112])
def test_an_appointment_without_a_readable_start_is_left_to_the_boundary(day: object) -> None:
    made = with_times({**appointment(1, "2026-01-12", "-"), "pc_eventDate": day})
    assert "pacekeeper_end" not in made
    assert made["pacekeeper_start"]
