"""What a dlt resource may yield and raise, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import dlt
import httpx
import pyarrow as pa
import pytest
import requests
from dlt.common import pendulum
from pydantic import BaseModel

from pacekeeper.columns import Code, Instant, Key
from pacekeeper.connector import ConnectorSettings, SourceContext
from pacekeeper.errors import ConfigError, FatalError, PacekeeperError, PluginError, RetryableError
from pacekeeper.landing.dlt_source import DltConnector
from pacekeeper.stream import Page, Stream, Window

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CANARY = "canary-ottilie-brandt"
Yields = Callable[[], Iterator[Any]]  # Any: whatever a dlt resource yields


class Visit(BaseModel):
    """What a dlt source may yield instead of a dict."""

    id: str
    at: datetime


class Thing(DltConnector[ConnectorSettings]):
    """A connector around one resource."""

    name = "thing"
    streams = (Stream("visit", columns={"id": Key("visit"), "at": Instant(), "state": Code()}),)
    items: Yields

    def dlt_source(self) -> Any:
        return dlt.resource(self.items, name="visit")


def _thing(items: Yields) -> Thing:
    connector = Thing(ConnectorSettings(), SourceContext(source="elm", default_tz=None, clock=lambda: NOW))
    connector.items = items
    return connector


def _pages(items: Yields) -> list[Page]:
    connector = _thing(items)
    return list(connector.read(connector.streams, Window()))


def test_records_lists_and_models_become_records_in_order() -> None:
    def items() -> Iterator[Any]:
        yield {"id": "1", "at": pendulum.datetime(2026, 1, 1), "more": [{"on": pendulum.date(2026, 1, 2)}]}
        yield [{"id": "2"}, {"id": "3"}]
        yield Visit(id="4", at=NOW)

    (page,) = _pages(items)
    rows = list(page.rows)  # type: ignore[arg-type]  # a list of records
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert type(rows[0]["at"]) is datetime
    assert rows[0]["at"] == datetime(2026, 1, 1, tzinfo=UTC)


def test_many_records_come_in_several_pages_and_none_is_lost() -> None:
    pages = _pages(lambda: iter([{"id": str(n)} for n in range(2_345)]))
    assert [len(page.rows) for page in pages] == [1_000, 1_000, 345]


def test_tables_stay_tables() -> None:
    table = pa.table({"id": ["1", "2"]})

    def items() -> Iterator[Any]:
        yield table
        yield table.to_batches()[0]

    assert [page.rows for page in _pages(items)] == [table, table]


def test_an_empty_resource_gives_no_page() -> None:
    assert _pages(lambda: iter([])) == []


def test_something_that_is_no_record_is_the_plugins_fault() -> None:
    with pytest.raises(PluginError, match="yields str, which is no record"):
        _pages(lambda: iter([[CANARY]]))


def _answered(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(CANARY, response=response)


@pytest.mark.parametrize(
    ("error", "expected", "told"),
    [
        (_answered(401), ConfigError, "was answered 401"),
        (_answered(403), ConfigError, "was answered 403"),
        (_answered(429), RetryableError, "was answered 429"),
        (_answered(503), RetryableError, "was answered 503"),
        (_answered(404), FatalError, "failed: HTTPError"),
        (requests.ConnectionError(CANARY), RetryableError, "could not be reached"),
        (httpx.ReadTimeout(CANARY), RetryableError, "could not be reached"),
        (KeyError(CANARY), FatalError, "failed: KeyError"),
        (RetryableError("elm: come back later"), RetryableError, "come back later"),
    ],
    ids=["401", "403", "429", "503", "404", "connection", "timeout", "any-other", "our-own"],
)
def test_an_error_of_the_source_has_the_class_that_says_what_to_do(
    error: Exception, expected: type[PacekeeperError], told: str
) -> None:
    def items() -> Iterator[Any]:
        yield {"id": "1"}
        raise error

    with pytest.raises(expected, match=told) as raised:
        _pages(items)
    assert CANARY not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_check_reads_one_item_and_tells_what_is_wrong() -> None:
    def failing() -> Iterator[Any]:
        yield from ()
        raise _answered(401)

    assert _thing(lambda: iter([{"id": "1"}])).check().ok
    refused = _thing(failing).check()
    assert not refused.ok
    assert "was answered 401" in refused.message
