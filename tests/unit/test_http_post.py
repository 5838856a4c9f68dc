"""Reads that a vendor wants as POST: a form or JSON goes over, faults are told as of any other call."""

from __future__ import annotations

import httpx
import pytest

from pacekeeper.errors import ConfigError, DataError, FatalError, RetryableError
from pacekeeper.http import HttpConfig, SourceClient


def client(*answers: httpx.Response, seen: list[httpx.Request] | None = None) -> SourceClient:
    waiting = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    config = HttpConfig(base_url="https://survey.example/api/", attempts=3)
    return SourceClient(config, source="surveys", transport=httpx.MockTransport(answer), sleep=lambda _: None)


def test_a_form_and_a_document_go_over_in_the_body_and_never_in_the_address() -> None:
    seen: list[httpx.Request] = []
    http = client(httpx.Response(200, json=[1], headers={"Date": "Mon, 02 Mar 2026 03:00:00 GMT"}), seen=seen)
    assert http.post_json("", form={"token": "secret", "content": "record"}) == [1]
    assert http.post_json("rpc", json={"method": "m"}) == [1]
    first, second = seen
    assert (str(first.url), first.content) == ("https://survey.example/api/", b"token=secret&content=record")
    assert first.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert (str(second.url), second.content) == ("https://survey.example/api/rpc", b'{"method":"m"}')
    assert second.headers["Content-Type"] == "application/json"
    assert http.last_date == "Mon, 02 Mar 2026 03:00:00 GMT"


def test_a_passing_fault_is_sent_again() -> None:
    http = client(httpx.Response(503), httpx.Response(200, json={"a": 1}))
    assert http.post_json("rpc", json={}) == {"a": 1}
    assert http.calls == 2


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (httpx.Response(500), RetryableError, "surveys: POST /api/rpc answered 500, tried 3 times"),
        (httpx.Response(403), ConfigError, "surveys: POST /api/rpc answered 403: access refused"),
        (httpx.Response(404), FatalError, "surveys: POST /api/rpc answered 404"),
        (httpx.Response(200, text="<html>"), DataError, "surveys: POST /api/rpc answered 200 with 6 bytes"),
    ],
)
def test_a_lasting_fault_names_the_call(answer: httpx.Response, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        client(answer).post_json("rpc", json={"password": "hidden"})
    assert str(raised.value).startswith(text)
    assert "hidden" not in str(raised.value)


def test_an_allowed_status_is_handed_back() -> None:
    assert client(httpx.Response(400, json={"error": "x"})).post("", form={}, allow=(400,)).status_code == 400
    with pytest.raises(FatalError):
        client(httpx.Response(400)).post("", form={}, allow=(500,))
