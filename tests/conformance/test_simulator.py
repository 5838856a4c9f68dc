"""The simulator serves what it is told, page by page, to who may ask, with the faults it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from pacekeeper.errors import ConfigError, DataError, RetryableError
from pacekeeper.http import BearerToken, ClientCredentials, HttpConfig, SourceClient
from pacekeeper.testing import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    Call,
    CursorPages,
    Endpoint,
    Faults,
    LinkedPages,
    LinkHeaderPages,
    NumberedPages,
    OAuthAuth,
    OffsetPages,
    Reply,
    Simulator,
)

CORPUS = {"visits": [{"id": f"v{n}", "state": "S", "updated_at": f"2026-01-0{n}T00:00:00Z"} for n in range(1, 6)]}
ENDPOINTS = [
    Endpoint("/linked", "visits", envelope="data", paging=LinkedPages(), since="since", since_field="updated_at"),
    Endpoint("/relative", "visits", envelope="data", paging=LinkedPages(absolute=False, next_key="links.next")),
    Endpoint("/offset", "visits", envelope="data", paging=OffsetPages(size=2, total="total")),
    Endpoint("/numbered", "visits", envelope="data", paging=NumberedPages(size=2, pages="pages")),
    Endpoint("/cursor", "visits", envelope="data", paging=CursorPages(size=2)),
    Endpoint("/headers", "visits", paging=LinkHeaderPages(size=2)),
    Endpoint("/plain", "visits", filters={"state": "state"}),
    Endpoint("/one/{id}", "visits", one=True),
    Endpoint("/gone", "visits", deleted=True, envelope="ids"),
    Endpoint("/rpc", method="POST", handler=lambda call, sim: {"n": len(sim.rows("visits")), "id": call.json["id"]}),
]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(CORPUS, ENDPOINTS) as running:
        yield running


def _client(simulator: Simulator, auth: httpx.Auth | None = None, **how: Any) -> SourceClient:
    config = HttpConfig(base_url=simulator.url, auth=auth, backoff_seconds=0, timeout_seconds=2, **how)
    return SourceClient(config, source="elm", sleep=lambda _: None)


def _ids(pages: Iterator[Any]) -> list[str]:
    return [row["id"] for page in pages for row in page["data"]]


ALL = ["v1", "v2", "v3", "v4", "v5"]


def test_links_lead_through_every_page(simulator: Simulator) -> None:
    client = _client(simulator)
    assert _ids(client.pages("/linked", next_of=lambda body: body["next"])) == ALL
    assert _ids(client.pages("/relative", next_of=lambda body: body["links"]["next"])) == ALL
    assert simulator.calls == {"/linked": 3, "/relative": 3}


def test_cursors_offsets_and_page_numbers_lead_through_every_page(simulator: Simulator) -> None:
    client = _client(simulator)
    by_cursor = client.pages("/cursor", next_of=lambda b: {"cursor": b["next_cursor"]} if b["next_cursor"] else None)
    assert _ids(by_cursor) == ALL
    by_offset = client.offset_pages("/offset", rows_of=lambda body: body["data"], size=2)
    assert [row["id"] for page in by_offset for row in page] == ALL
    numbered = [client.get_json("/numbered", {"page": n}) for n in (1, 2, 3)]
    assert _ids(iter(numbered)) == ALL
    assert {page["pages"] for page in numbered} == {3}


def test_link_headers_lead_through_every_page(simulator: Simulator) -> None:
    found, address = [], f"{simulator.url}/headers"
    while address:
        answer = httpx.get(address)
        found += [row["id"] for row in answer.json()]
        address = answer.links.get("next", {}).get("url", "")
    assert found == ALL


def test_a_since_parameter_keeps_what_changed_at_that_moment_or_later(simulator: Simulator) -> None:
    asked = {"since": "2026-01-03T01:00:00+01:00"}
    assert _ids(_client(simulator).pages("/linked", asked, next_of=lambda body: body["next"])) == ["v3", "v4", "v5"]


def test_records_change_between_two_reads(simulator: Simulator) -> None:
    client = _client(simulator)
    simulator.edit("visits", "v1", state="X")
    simulator.delete("visits", "v2")
    simulator.add("visits", {"id": "v6", "state": "X"})
    assert [row["id"] for row in client.get_json("/plain", {"state": "X"})] == ["v1", "v6"]
    assert client.get_json("/gone") == {"ids": ["v2"]}
    assert client.get_json("/one/v1")["state"] == "X"
    assert httpx.get(f"{simulator.url}/one/v2").status_code == 404
    assert CORPUS["visits"][0]["state"] == "S"
    simulator.clear()
    assert client.get_json("/plain") == []


def test_a_handler_answers_a_protocol_of_its_own(simulator: Simulator) -> None:
    answer = httpx.post(f"{simulator.url}/rpc", json={"id": 7})
    assert answer.json() == {"n": 5, "id": 7}


def _teapot(call: Call, simulator: Simulator) -> Reply:
    del simulator
    return Reply(status=418, content=call.form["name"].encode(), headers={"Content-Type": "text/plain"})


def test_a_handler_decides_status_and_headers() -> None:
    with Simulator({}, [Endpoint("/form", method="POST", handler=_teapot)]) as simulator:
        answer = httpx.post(f"{simulator.url}/form", data={"name": "x"})
    assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (418, "x", "text/plain")


@pytest.mark.parametrize(
    ("auth", "good"),
    [
        pytest.param(ApiKeyAuth("k1"), {"X-Api-Key": "k1"}, id="api-key"),
        pytest.param(BearerAuth("t1"), {"Authorization": "Bearer t1"}, id="bearer"),
        pytest.param(BasicAuth("u", "p"), {"Authorization": "Basic dTpw"}, id="basic"),
    ],
)
def test_only_who_brings_the_credential_is_let_in(auth: Any, good: dict[str, str]) -> None:
    with Simulator(CORPUS, ENDPOINTS, auth=auth) as simulator:
        bad = {name: value + "x" for name, value in good.items()}
        answers = [httpx.get(f"{simulator.url}/plain", headers=headers).status_code for headers in ({}, bad, good)]
        assert answers == [401, 401, 200]
        assert simulator.data_calls == 1


def test_a_token_that_expires_in_the_middle_of_a_read_is_renewed() -> None:
    auth = OAuthAuth("me", "secret")
    with Simulator(CORPUS, ENDPOINTS, auth=auth, faults=Faults(token_calls=2)) as simulator:
        token = ClientCredentials(f"{simulator.url}/oauth/token", "me", SecretStr("secret"))
        assert _ids(_client(simulator, token).pages("/linked", next_of=lambda body: body["next"])) == ALL
        assert simulator.tokens_issued == 2
        wrong = ClientCredentials(f"{simulator.url}/oauth/token", "me", SecretStr("guess"))
        with pytest.raises(ConfigError):
            _client(simulator, wrong).get_json("/linked")


def test_a_bearer_token_with_an_end_is_refused_after_it() -> None:
    with Simulator(CORPUS, ENDPOINTS, auth=BearerAuth("t"), faults=Faults(token_calls=1)) as simulator:
        client = _client(simulator, BearerToken(SecretStr("t")))
        client.get_json("/plain")
        with pytest.raises(ConfigError):
            client.get_json("/plain")


@pytest.mark.parametrize("fault", ["too_many_on", "error_500_on", "error_503_on", "truncate_on", "reset_on"])
def test_a_passing_fault_is_shown_once_and_survived(simulator: Simulator, fault: str) -> None:
    second: Any = {fault: frozenset({2})}  # Any: the fields of Faults differ in type
    simulator.reset(Faults(**second))
    assert _ids(_client(simulator).pages("/linked", next_of=lambda body: body["next"])) == ALL
    assert simulator.data_calls == 4


def test_a_fault_that_stays_ends_the_read(simulator: Simulator) -> None:
    for faults in (Faults(fail=frozenset({"visits"})), Faults(truncate_on=frozenset(range(1, 9)))):
        simulator.reset(faults)
        with pytest.raises(RetryableError):
            _client(simulator, attempts=2).get_json("/plain")


def test_a_server_that_hangs_is_given_up_and_stops_at_once(simulator: Simulator) -> None:
    simulator.reset(Faults(hang_on=frozenset({1})))
    config = HttpConfig(base_url=simulator.url, timeout_seconds=0.2, attempts=1)
    with pytest.raises(RetryableError):
        SourceClient(config, source="elm").get_json("/plain")
    began = time.monotonic()
    simulator.stop()
    assert time.monotonic() - began < 5


def test_pages_overlap_repeat_or_are_empty_when_told(simulator: Simulator) -> None:
    named = frozenset({"visits"})
    client = _client(simulator)
    simulator.reset(Faults(overlap=named))
    assert _ids(client.pages("/linked", next_of=lambda b: b["next"])) == ["v1", "v2", "v2", "v3", "v4", "v4", "v5"]
    simulator.reset(Faults(empty=named))
    assert client.get_json("/plain") == []
    simulator.reset(Faults(repeat_next=named))
    with pytest.raises(DataError, match="never end"):
        list(client.pages("/linked", next_of=lambda body: body["next"]))


def test_an_endpoint_without_records_or_handler_is_refused() -> None:
    with pytest.raises(ValueError, match="needs records or a handler"):
        Endpoint("/nothing")
