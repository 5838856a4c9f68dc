"""Sessions, pages, and answers that are none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pacekeeper import ConfigError, DataError, FatalError, PacekeeperError, RetryableError
from pacekeeper.testing import Faults

from gnuhealth_practice import calling
from gnuhealth_records import appointment, corpus
from pacekeeper_gnuhealth.rpc import Tryton
from pacekeeper_gnuhealth.streams import MODELS
from pacekeeper_gnuhealth.testing import GnuHealthFaults, GnuHealthSimulator

ROW = {"id": 1, "state": "done"}


def numbers(tryton: Tryton, name: str = "appointment", *, since: datetime | None = None, size: int = 4) -> list[int]:
    """Ids of all pages."""
    return [row["id"] for page in tryton.pages(MODELS[name], since=since, size=size) for row in page]


def test_a_record_deleted_between_two_pages_shifts_no_other_out() -> None:
    with GnuHealthSimulator(corpus()) as server, calling(server.url) as tryton:
        pages = tryton.pages(MODELS["appointment"], since=None, size=3)
        first = [row["id"] for row in next(pages)]
        server.corpus["appointment"].remove(server.corpus["appointment"][0])
        rest = [row["id"] for page in pages for row in page]
    assert (first, rest) == ([1, 2, 3], [4, 5, 6, 7, 8, 9])


def test_records_come_by_id_however_they_lie() -> None:
    turned = {"appointment": [appointment(n, "2026-01-12T16:00:00", "done") for n in (12, 3, 100, 9)]}
    with GnuHealthSimulator(turned) as server, calling(server.url) as tryton:
        assert numbers(tryton, size=1) == [3, 9, 12, 100]


def test_inactive_records_are_read() -> None:
    with GnuHealthSimulator(corpus()) as server, calling(server.url) as tryton:
        assert numbers(tryton, "patient") == [1, 2, 3]
        assert numbers(tryton, "professional") == [1, 2, 3]


@pytest.mark.parametrize(
    ("since", "wanted"),
    [(datetime(2026, 1, 5, 10, tzinfo=UTC), [1, 2, 3]), (datetime(2026, 1, 5, 10, 1, tzinfo=UTC), [2])],
    ids=["from when they were made", "after"],
)
def test_changes_are_asked_of_the_person_too(since: datetime, wanted: list[int]) -> None:
    """Patient 2 was never changed itself; its person was."""
    with GnuHealthSimulator(corpus()) as server, calling(server.url) as tryton:
        assert numbers(tryton, "patient", since=since) == wanted


def test_a_new_email_address_of_a_person_is_a_change() -> None:
    records = corpus()
    mail = {"id": 5, "create_date": "2026-01-25 10:00:00", "write_date": None}
    records["patient"][2]["party"]["contact_mechanisms"].append(mail)
    with GnuHealthSimulator(records) as server, calling(server.url) as tryton:
        assert numbers(tryton, "patient", since=datetime(2026, 1, 25, tzinfo=UTC)) == [3]


def test_a_session_that_has_ended_is_begun_anew_and_given_back() -> None:
    with GnuHealthSimulator(corpus()) as server, calling(server.url) as tryton:
        server.reset(Faults(token_calls=2))
        assert numbers(tryton, size=2) == list(range(1, 10))
        assert server.logins == 3
        assert server.open_sessions == 1
        tryton.end()
        assert server.open_sessions == 0
        tryton.end()  # there is nothing to give back any more
        assert numbers(tryton, size=9) == list(range(1, 10))


def test_giving_back_a_session_that_has_ended_begins_no_other() -> None:
    with GnuHealthSimulator(corpus()) as server, calling(server.url) as tryton:
        numbers(tryton)
        server.end_sessions()
        tryton.end()
        assert (server.logins, server.open_sessions) == (1, 0)


def test_a_server_that_takes_no_session_is_not_asked_for_ever() -> None:
    with GnuHealthSimulator(corpus()) as server, calling(server.url) as tryton:
        server.reset(Faults(token_calls=0))
        with pytest.raises(ConfigError, match="401"):
            numbers(tryton)
        assert server.logins == 1


def test_a_password_that_is_wrong_is_tried_once() -> None:
    with GnuHealthSimulator(corpus()) as server, calling(server.url, password="wrong") as tryton:
        with pytest.raises(ConfigError, match="check user and password") as caught:
            numbers(tryton)
        assert "wrong" not in str(caught.value)
        assert len(server.requests) == 1


def test_a_database_that_is_not_there_is_named_as_the_cause() -> None:
    with (
        GnuHealthSimulator(corpus()) as server,
        calling(server.url, database="nowhere") as tryton,
        pytest.raises(ConfigError, match="knows the database"),
    ):
        numbers(tryton)


@pytest.mark.parametrize(
    ("login", "error"),
    [
        ({"error": ["LoginException", ["sms_code", "Code for zzz", "char"]]}, ConfigError),
        ({"error": ["zzz", ""]}, DataError),
        ({"result": None}, DataError),
        ({"result": []}, DataError),
        ({"result": [1, ""]}, DataError),
        ({"result": ["zzz", 1]}, DataError),
        ({"result": {"zzz": 1}}, DataError),
        ({}, DataError),
    ],
    ids=["second factor", "error", "null", "empty", "no name", "turned", "object", "nothing"],
)
def test_a_login_without_a_session_says_so_without_values(login: Any, error: type[PacekeeperError]) -> None:
    with (
        GnuHealthSimulator(corpus(), own_faults=GnuHealthFaults(login=login)) as server,
        calling(server.url) as tryton,
        pytest.raises(error) as caught,
    ):
        numbers(tryton)
    assert "zzz" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        (["UserError", ["You may not see zzz", "", None]], ConfigError, "the right to read gnuhealth.appointment"),
        (["'gnuhealth.appointment'", ""], ConfigError, "module health"),
        (["'appointment_date'", ""], ConfigError, "does not know 'appointment_date'"),
        (["'code'", ""], ConfigError, "does not know 'code'"),
        (["UserWarning", ["zzz", "zzz", ""]], FatalError, "UserWarning"),
        (["'zzz'", ""], RetryableError, "the server's log"),
        (["connection to zzz failed", ""], RetryableError, "the server's log"),
        (["ConcurrencyException", "zzz"], RetryableError, "again later"),
        ("zzz", RetryableError, "the server's log"),
        ([], RetryableError, "the server's log"),
        (None, RetryableError, "the server's log"),
        ([["zzz"]], RetryableError, "the server's log"),
    ],
    ids=[
        "rights",
        "model",
        "field",
        "field behind",
        "warning",
        "key",
        "database",
        "busy",
        "text",
        "[]",
        "null",
        "list",
    ],
)
def test_an_error_inside_a_200_says_what_to_do_and_quotes_nothing(error: Any, kind: Any, hint: str) -> None:
    with (
        GnuHealthSimulator(corpus(), own_faults=GnuHealthFaults(error=error)) as server,
        calling(server.url) as tryton,
        pytest.raises(kind, match=hint) as caught,
    ):
        numbers(tryton)
    assert "zzz" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [b"<html>zzz", b"", b"[]", b"7", {"id": 1}, {"zzz": 1}, {"id": 99, "result": []}, {"result": []}],
    ids=["html", "nothing", "list", "number", "neither", "others", "another call", "no id"],
)
def test_what_is_no_answer_to_the_call_is_a_data_error(answer: Any) -> None:
    with GnuHealthSimulator(corpus()) as server, calling(server.url) as tryton:
        tryton.probe(MODELS["appointment"])
        server.own_faults = GnuHealthFaults(answer=answer)
        with pytest.raises(DataError) as caught:
            numbers(tryton)
    assert "zzz" not in str(caught.value)


@pytest.mark.parametrize(
    "rows",
    [None, "zzz", 7, {"id": 1}, ["zzz"], [[1]], [{"state": "done"}], [ROW, None]],
    ids=["null", "text", "number", "one row", "texts", "lists", "without id", "a null among them"],
)
def test_what_is_no_list_of_records_is_a_data_error(rows: Any) -> None:
    with (
        GnuHealthSimulator(corpus(), own_faults=GnuHealthFaults(rows=rows)) as server,
        calling(server.url) as tryton,
        pytest.raises(DataError) as caught,
    ):
        numbers(tryton)
    assert "zzz" not in str(caught.value)


def test_a_server_that_ignores_the_domain_is_refused() -> None:
    with (
        GnuHealthSimulator(corpus(), own_faults=GnuHealthFaults(rows=[ROW])) as server,
        calling(server.url) as tryton,
        pytest.raises(DataError, match="same page twice"),
    ):
        numbers(tryton)
