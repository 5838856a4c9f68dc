"""The SDK's HTTP client against a real server on loopback."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError, RetryableError
from pacekeeper.http import BearerToken, ClientCredentials, HttpConfig, SourceClient
from pacekeeper.http_address import shown

CANARY = "canary7731"


@dataclass
class Answer:
    """One answer. promised: the Content-Length sent, when it is not the body's."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    delay: float = 0.0


@dataclass
class Server:
    """Answers by path: a list is used up in order, its last answer stays; a function sees the request."""

    base: str
    answers: dict[str, list[Answer] | Callable[[BaseHTTPRequestHandler], Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            known.requests.append((self.command, self.path, dict(self.headers)))
            length = int(self.headers.get("Content-Length", 0))
            self.form = self.rfile.read(length).decode()
            script = known.answers.get(self.path.partition("?")[0], [Answer(404)])
            answer = script(self) if callable(script) else script.pop(0) if len(script) > 1 else script[0]
            time.sleep(answer.delay)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(answer.promised or len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.promised:
                self.close_connection = True

        do_POST = do_GET  # noqa: N815  http.server looks for this name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is inherited
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    running = Quiet(("127.0.0.1", 0), Handler)
    known = Server(f"http://127.0.0.1:{running.server_address[1]}")
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield known
    running.shutdown()
    running.server_close()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(server: Server, slept: list[float]) -> Iterator[SourceClient]:
    with SourceClient(HttpConfig(server.base + "/fhir", attempts=3), source="ehr", sleep=slept.append) as found:
        yield found


def json_answer(body: object, **headers: str) -> Answer:
    return Answer(body=json.dumps(body).encode(), headers=headers)


def raised_by(call: Callable[[], object]) -> PacekeeperError:
    """The error of a call, after proof that neither its text nor its visible cause holds the canary."""
    with pytest.raises(PacekeeperError) as caught:
        call()
    error = caught.value
    assert CANARY not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    return error


def test_429_is_tried_again_after_the_seconds_the_server_names(
    server: Server, client: SourceClient, slept: list[float]
) -> None:
    server.answers["/fhir/Patient"] = [Answer(429, headers={"Retry-After": "7"}), json_answer({"ok": 1})]
    assert client.get_json("Patient") == {"ok": 1}
    assert slept == [7.0]
    assert client.calls == 2


def test_retry_after_may_be_a_date(server: Server, client: SourceClient, slept: list[float]) -> None:
    server.answers["/fhir/Patient"] = [
        Answer(503, headers={"Retry-After": formatdate(time.time() + 20, usegmt=True)}),
        json_answer({}),
    ]
    client.get_json("Patient")
    assert len(slept) == 1
    assert 15 < slept[0] <= 20


def test_a_server_that_asks_for_an_endless_wait_ends_the_call_at_once(
    server: Server, client: SourceClient, slept: list[float]
) -> None:
    server.answers["/fhir/Patient"] = [Answer(429, headers={"Retry-After": "3600"})]
    error = raised_by(lambda: client.get_json("Patient"))
    assert isinstance(error, RetryableError)
    assert "asks to wait 3600 s" in str(error)
    assert slept == []
    assert client.calls == 1


def test_an_unreadable_retry_after_falls_back_to_backoff(
    server: Server, client: SourceClient, slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    server.answers["/fhir/Patient"] = [Answer(503, headers={"Retry-After": CANARY}), json_answer({})]
    client.get_json("Patient")
    assert len(slept) == 1
    assert 0 < slept[0] <= 1
    assert CANARY not in caplog.text


def test_503_then_200_succeeds(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/Patient"] = [Answer(503), json_answer({"total": 2})]
    assert client.get_json("Patient") == {"total": 2}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_lasting_server_error_is_retryable_after_all_attempts(
    server: Server, client: SourceClient, slept: list[float], status: int
) -> None:
    server.answers["/fhir/Patient/" + CANARY] = [Answer(status, body=CANARY.encode())]
    error = raised_by(lambda: client.get_json(f"Patient/{CANARY}", {"identifier": CANARY}))
    assert isinstance(error, RetryableError)
    assert f"ehr: GET /fhir/Patient/*?identifier answered {status}" in str(error)
    assert client.calls == 3
    assert len(slept) == 2


def test_waits_grow_and_are_jittered(server: Server, slept: list[float]) -> None:
    server.answers["/x"] = [Answer(500)]
    config = HttpConfig(server.base, attempts=4, backoff_seconds=1)
    with SourceClient(config, source="ehr", sleep=slept.append) as client:
        raised_by(lambda: client.get("x"))
    assert [low <= wait <= high for wait, low, high in zip(slept, (1, 2, 4), (2, 4, 8), strict=True)] == [True] * 3


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, ConfigError, "[sources.ehr]"),
        (403, ConfigError, "PACEKEEPER_SOURCES__EHR__"),
        (404, FatalError, "base address"),
        (422, FatalError, "does not accept"),
        (302, ConfigError, "redirect"),
        (501, RetryableError, "run again"),
    ],
)
def test_a_status_becomes_the_error_that_says_what_to_do(
    server: Server, client: SourceClient, status: int, kind: type[PacekeeperError], words: str
) -> None:
    server.answers["/fhir/Patient"] = [Answer(status, body=CANARY.encode(), headers={"Location": "/" + CANARY})]
    error = raised_by(lambda: client.get_json("Patient"))
    assert type(error) is kind
    assert words in str(error)
    assert client.calls == 1


def test_a_body_cut_short_is_read_again(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/Patient"] = [Answer(body=b'{"tot', promised=400), json_answer({"total": 2})]
    assert client.get_json("Patient") == {"total": 2}
    assert client.calls == 2


def test_a_body_always_cut_short_is_retryable(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/Patient"] = [Answer(body=CANARY.encode(), promised=400)]
    error = raised_by(lambda: client.get_json("Patient"))
    assert isinstance(error, RetryableError)
    assert "before the answer was complete" in str(error)
    assert client.calls == 3


def test_a_stream_cut_short_is_retryable_after_its_whole_lines(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/export"] = [Answer(body=b'{"a":1}\n{"a":2}\n{"a', promised=400)]
    lines: list[bytes] = []
    error = raised_by(lambda: lines.extend(client.stream_lines("export")))
    assert isinstance(error, RetryableError)
    assert lines in ([], [b'{"a":1}', b'{"a":2}'])


def test_streamed_lines_come_without_line_ends_and_blank_lines(server: Server, client: SourceClient) -> None:
    body = b'{"a":1}\r\n\n{"a":2}\n{"a":3}'
    server.answers["/fhir/export"] = [
        Answer(503),
        Answer(body=gzip.compress(body), headers={"Content-Encoding": "gzip"}),
    ]
    assert list(client.stream_lines("export")) == [b'{"a":1}', b'{"a":2}', b'{"a":3}']
    assert client.seconds > 0


def test_a_refused_stream_raises_like_any_call(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/export"] = [Answer(403)]
    assert isinstance(raised_by(lambda: list(client.stream_lines("export"))), ConfigError)


def test_a_server_that_does_not_answer_in_time_is_retryable(server: Server, slept: list[float]) -> None:
    server.answers["/x"] = [Answer(delay=1.0)]
    config = HttpConfig(server.base, timeout_seconds=0.1, attempts=2)
    with SourceClient(config, source="ehr", sleep=slept.append) as client:
        error = raised_by(lambda: client.get("x"))
    assert isinstance(error, RetryableError)
    assert "no answer within 0.1 s, tried 2 times" in str(error)


def test_a_server_that_is_not_there_is_retryable_and_named(slept: list[float]) -> None:
    with SourceClient(HttpConfig("http://127.0.0.1:9/fhir", attempts=2), source="ehr", sleep=slept.append) as client:
        error = raised_by(lambda: client.get(f"Patient/{CANARY}"))
    assert isinstance(error, RetryableError)
    assert "cannot connect to http://127.0.0.1:9" in str(error)


def test_a_body_that_is_no_json_is_a_data_error_without_the_body(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/Patient"] = [Answer(body=b"<html>" + CANARY.encode())]
    error = raised_by(lambda: client.get_json("Patient"))
    assert isinstance(error, DataError)
    assert "16 bytes that are not JSON" in str(error)


def test_damaged_compression_is_a_data_error(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/Patient"] = [Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"})]
    assert isinstance(raised_by(lambda: client.get_json("Patient")), DataError)


def test_the_rate_budget_spaces_calls_evenly(server: Server) -> None:
    server.answers["/x"] = [Answer()]
    with SourceClient(HttpConfig(server.base), source="ehr", requests_per_second=20) as client:
        started = time.monotonic()
        for _ in range(5):
            client.get("x")
        assert 0.19 <= time.monotonic() - started < 1.0


def test_a_retry_spends_the_rate_budget_too(server: Server, slept: list[float]) -> None:
    server.answers["/x"] = [Answer(503), Answer()]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(min(seconds, 0.06))

    config = HttpConfig(server.base, backoff_seconds=0.0)
    with SourceClient(config, source="ehr", requests_per_second=20, sleep=sleep) as client:
        client.get("x")
    assert len(slept) == 1
    assert 0 < slept[0] <= 0.05


def test_a_bearer_token_is_sent_and_trimmed(server: Server) -> None:
    server.answers["/x"] = [Answer()]
    config = HttpConfig(server.base, auth=BearerToken(SecretStr(f"{CANARY}\n")))
    with SourceClient(config, source="ehr") as client:
        client.get("x")
    assert server.requests[0][2]["Authorization"] == f"Bearer {CANARY}"
    assert CANARY not in repr(config)


@pytest.mark.parametrize("token", [f"{CANARY}\nX: y", f"{CANARY}é", " "], ids=["line break", "accent", "blank"])
def test_a_token_no_header_can_hold_is_a_config_error_that_does_not_show_it(token: str) -> None:
    assert isinstance(raised_by(lambda: BearerToken(SecretStr(token))), ConfigError)


class Tokens:
    """A token endpoint whose tokens are t1, t2 ... and an API that accepts only the newest not revoked."""

    def __init__(self, server: Server, *, lifetime: int | None = 3600) -> None:
        self.issued = 0
        self.revoked: set[str] = set()
        self.lifetime = lifetime
        server.answers["/token"] = self.issue
        server.answers["/fhir/Patient"] = self.patient

    def issue(self, _: BaseHTTPRequestHandler) -> Answer:
        self.issued += 1
        body: dict[str, object] = {"access_token": f"t{self.issued}", "token_type": "bearer"}
        return json_answer(body | ({"expires_in": self.lifetime} if self.lifetime else {}))

    def patient(self, request: BaseHTTPRequestHandler) -> Answer:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        return Answer(401) if token in self.revoked else json_answer({"seen_with": token})


@dataclass
class Hours:
    """A monotonic clock moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def with_credentials(server: Server, clock: Hours, secret: str = CANARY) -> SourceClient:
    auth = ClientCredentials(f"{server.base}/token", "pk", SecretStr(secret), "system/*.read", clock=clock)
    return SourceClient(HttpConfig(server.base + "/fhir", auth=auth, attempts=2), source="ehr", sleep=lambda _: None)


def test_a_token_is_fetched_once_and_kept(server: Server) -> None:
    tokens = Tokens(server)
    with with_credentials(server, Hours()) as client:
        assert [client.get_json("Patient")["seen_with"] for _ in range(3)] == ["t1", "t1", "t1"]
    assert tokens.issued == 1
    assert client.calls == 4


def test_a_token_is_renewed_a_minute_before_it_ends(server: Server) -> None:
    Tokens(server, lifetime=3600)
    clock = Hours()
    with with_credentials(server, clock) as client:
        client.get_json("Patient")
        clock.now += 3539
        assert client.get_json("Patient") == {"seen_with": "t1"}
        clock.now += 1
        assert client.get_json("Patient") == {"seen_with": "t2"}


def test_a_token_revoked_early_is_renewed_once_on_401(server: Server) -> None:
    tokens = Tokens(server)
    with with_credentials(server, Hours()) as client:
        client.get_json("Patient")
        tokens.revoked.add("t1")
        assert client.get_json("Patient") == {"seen_with": "t2"}
        tokens.revoked |= {"t2", "t3"}
        assert isinstance(raised_by(lambda: client.get_json("Patient")), ConfigError)
    assert tokens.issued == 3


def test_a_refused_client_secret_is_a_config_error(server: Server) -> None:
    server.answers["/token"] = [Answer(401, body=CANARY.encode())]
    with with_credentials(server, Hours()) as client:
        error = raised_by(lambda: client.get_json("Patient"))
    assert isinstance(error, ConfigError)
    assert "ehr: the token endpoint answered 401: check client_id" in str(error)


def test_a_token_endpoint_out_of_order_is_tried_again_then_retryable(server: Server) -> None:
    server.answers["/token"] = [Answer(503)]
    with with_credentials(server, Hours()) as client:
        assert isinstance(raised_by(lambda: client.get_json("Patient")), RetryableError)
        assert client.calls == 2


def test_a_token_answer_without_token_is_a_data_error(server: Server) -> None:
    server.answers["/token"] = [json_answer({"note": CANARY})]
    with with_credentials(server, Hours()) as client:
        assert isinstance(raised_by(lambda: client.get_json("Patient")), DataError)


def test_a_token_request_has_a_timeout(server: Server) -> None:
    server.answers["/token"] = [Answer(delay=1.0)]
    auth = ClientCredentials(f"{server.base}/token", "pk", SecretStr("s"))
    config = HttpConfig(server.base, auth=auth, attempts=1, timeout_seconds=0.1)
    with SourceClient(config, source="ehr", sleep=lambda _: None) as client:
        assert isinstance(raised_by(lambda: client.get_json("x")), RetryableError)


def test_next_links_are_followed_to_the_end(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/Patient"] = [json_answer({"n": 1, "next": f"{server.base}/fhir/page2?at=a"})]
    server.answers["/fhir/page2"] = [json_answer({"n": 2, "next": "page3"})]
    server.answers["/fhir/page3"] = [json_answer({"n": 3})]
    pages = client.pages("Patient", {"_count": 2}, next_of=lambda body: body.get("next"))
    assert [page["n"] for page in pages] == [1, 2, 3]
    assert server.requests[0][1] == "/fhir/Patient?_count=2"


def test_cursors_are_laid_over_the_first_page_parameters(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/rows"] = [json_answer({"cursor": "c1"}), json_answer({"cursor": None})]
    pages = client.pages(
        "rows", {"since": "x"}, next_of=lambda body: {"cursor": body["cursor"]} if body["cursor"] else None
    )
    assert len(list(pages)) == 2
    assert [path for _, path, _ in server.requests] == ["/fhir/rows?since=x", "/fhir/rows?since=x&cursor=c1"]


def test_a_next_link_that_comes_twice_is_a_data_error(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/a"] = [json_answer({"next": f"b?t={CANARY}"})]
    server.answers["/fhir/b"] = [json_answer({"next": "a"})]
    error = raised_by(lambda: list(islice(client.pages("a", next_of=lambda body: body["next"]), 10)))
    assert isinstance(error, DataError)
    assert "page 2 leads to one already read" in str(error)
    assert client.calls == 2


@pytest.mark.parametrize(
    "link",
    [
        f"http://{CANARY}.example/fhir/Patient",
        f"//{CANARY}.example/fhir",
        "https://127.0.0.1/fhir",
        "http://127.0.0.1:1/fhir",
        f"http://{CANARY}@127.0.0.1/",
        "file:///etc/passwd",
        "http://[broken",
    ],
    ids=["host", "scheme-relative", "scheme", "port", "user", "file", "broken"],
)
def test_a_next_link_to_another_host_is_not_followed(server: Server, client: SourceClient, link: str) -> None:
    server.answers["/fhir/Patient"] = [json_answer({"next": link})]
    error = raised_by(lambda: list(client.pages("Patient", next_of=lambda body: body["next"])))
    assert isinstance(error, DataError)
    assert client.calls == 1
    assert isinstance(raised_by(lambda: client.get(link)), DataError)
    assert client.calls == 1


def test_offset_pages_end_at_an_empty_page_even_when_the_server_gives_fewer(
    server: Server, client: SourceClient
) -> None:
    rows = list(range(5))

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        offset = int(httpx.URL(request.path).params["offset"])
        return json_answer({"rows": rows[offset : offset + 2]})  # never more than two, whatever was asked

    server.answers["/fhir/rows"] = answer
    pages = client.offset_pages("rows", rows_of=lambda body: body["rows"], size=100)
    assert [row for page in pages for row in page] == rows


def test_a_server_that_ignores_the_offset_is_a_data_error(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/rows"] = [json_answer({"rows": [CANARY]})]
    error = raised_by(lambda: list(islice(client.offset_pages("rows", rows_of=lambda body: body["rows"], size=1), 9)))
    assert "does the server know offset?" in str(error)


def test_null_parameters_are_left_out_and_the_paths_own_are_kept(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/rows"] = [Answer()]
    client.get("/rows?a=1", {"b": 2, "c": None})
    assert server.requests[0][1] == "/fhir/rows?a=1&b=2"


def test_the_servers_own_clock_is_kept(server: Server, client: SourceClient) -> None:
    server.answers["/fhir/rows"] = [Answer()]
    client.get("rows")
    assert client.last_date is not None
    assert client.last_date.endswith("GMT")


@pytest.mark.parametrize(
    "base", ["ehr.example/fhir", "ftp://h/", f"http://u:{CANARY}@h/", "http://h/?a=1", "", "http://"]
)
def test_an_unusable_base_address_is_a_config_error(base: str) -> None:
    assert isinstance(raised_by(lambda: SourceClient(HttpConfig(base), source="ehr")), ConfigError)


def test_no_call_reaches_a_log_even_at_debug_level(
    server: Server, client: SourceClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers["/fhir/Patient"] = [Answer(503), Answer()]
    caplog.set_level("DEBUG")
    client.get(f"Patient?identifier={CANARY}")
    assert CANARY not in caplog.text
    assert not [record for record in caplog.records if record.name.partition(".")[0] in {"httpx", "httpcore"}]


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("https://h/fhir/Patient/123", "/fhir/Patient/*"),
        ("https://h/fhir/Patient/smith/$everything?_count=50", "/fhir/Patient/*/$everything?_count"),
        ("https://h/fhir?_getpages=8f3&identifier=a%7Cb", "/fhir?_getpages&identifier"),
        ("https://h/fhir/v2/clients/anna-lee", "/fhir/v2/clients/*"),
        ("https://h/other/123/x", "/other/*/*"),
        ("https://h/fhir/4711", "/fhir/*"),
        ("https://h/fhir/Patient?smith1970=1", "/fhir/Patient?*"),
        ("https://h", "/"),
    ],
)
def test_an_address_is_shown_without_ids_and_values(address: str, text: str) -> None:
    assert shown(httpx.URL(address), httpx.URL("https://h/fhir")) == text
