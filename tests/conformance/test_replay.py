"""A recording holds no value that it was not told to keep, and answers as the server did."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from pacekeeper.http import HttpConfig, SourceClient
from pacekeeper.testing import (
    BearerAuth,
    Call,
    Endpoint,
    LinkedPages,
    LinkHeaderPages,
    Live,
    Recorder,
    Replay,
    Reply,
    Simulator,
)

CORPUS = {
    "visits": [
        {"id": f"CANARY{n}", "patient": f"Patient/CANARY-{n}", "mrn": 7_000_000 + n, "state": "S", "token": "CANARY-t"}
        for n in range(5)
    ]
}
TALKATIVE = {
    "Content-Type": 'application/json; profile="CANARY"',
    "Link": '</next?patient=CANARY>; title="CANARY"; rel="next"; media=CANARY, <https://CANARY.example>; rel="author"',
    "Retry-After": "CANARY",
    "X-Patient": "CANARY",
}


def _talk(call: Call, simulator: Simulator) -> Reply:
    del call, simulator
    return Reply(content=[], headers=TALKATIVE)


ENDPOINTS = [
    Endpoint("/visits", "visits", envelope="data", paging=LinkedPages(size=2)),
    Endpoint("/relative", "visits", envelope="data", paging=LinkedPages(size=2, absolute=False)),
    Endpoint("/headers", "visits", paging=LinkHeaderPages(size=2)),
    Endpoint("/visits/{id}", "visits", one=True),
    Endpoint("/talkative", handler=_talk),
]


def _read(url: str, path: str) -> list[dict[str, Any]]:
    config = HttpConfig(base_url=url, headers={"Authorization": "Bearer CANARY-secret"})
    with SourceClient(config, source="elm") as client:
        pages = list(client.pages(path, {"since": "2026-01-01"}, next_of=lambda body: body["next"]))
        rows = [row for page in pages for row in page["data"]]
        return [*rows, client.get_json(f"/visits/{rows[0]['id']}")]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "acme.json"
    with (
        Simulator(CORPUS, ENDPOINTS, auth=BearerAuth("CANARY-secret")) as vendor,
        Recorder(vendor.url, file, keep={"state", "since", "cursor", "token", "page"}) as recorder,
    ):
        assert len(_read(recorder.url, "/visits")) == 6
        assert len(_read(recorder.url, "/relative")) == 6
        refused = httpx.post(f"{recorder.url}/visits", json={})
        linked = httpx.get(f"{recorder.url}/headers", headers={"Authorization": "Bearer CANARY-secret"})
        assert linked.links["next"]["url"].startswith(recorder.url)
        assert refused.status_code == 405
        talkative = httpx.get(f"{recorder.url}/talkative", headers={"Authorization": "Bearer CANARY-secret"})
        assert talkative.headers["link"] == TALKATIVE["Link"], "what is recorded changes nothing for who is served"
        assert all(call.method == "GET" for call in vendor.requests)
    return file


def test_a_recording_holds_codes_and_no_identifier_or_secret(recording: Path) -> None:
    text = recording.read_text()
    assert "CANARY" not in text
    assert "700000" not in text
    assert "127.0.0.1" not in text
    rows = orjson.loads(text)["exchanges"][0]["content"]["data"]
    assert {row["state"] for row in rows} == {"S"}
    assert rows[0]["patient"].startswith("Patient/x")


def test_a_replay_answers_what_was_recorded_and_refers_to_itself(recording: Path) -> None:
    with Replay(recording) as replay:
        for path in ("/visits", "/relative"):
            *rows, first = _read(replay.url, path)
            assert len({row["id"] for row in rows}) == 5
            assert first == rows[0]
        assert replay.unmatched == []
        linked = httpx.get(f"{replay.url}/headers")
        assert linked.links["next"]["url"].startswith(replay.url)


def test_of_headers_a_recording_holds_known_forms_only(recording: Path) -> None:
    exchanges = {
        exchange["target"]: exchange["headers"] for exchange in orjson.loads(recording.read_text())["exchanges"]
    }
    (talkative,) = [found for target, found in exchanges.items() if target.endswith("/talkative")]
    assert list(talkative) == ["link"]
    assert re.fullmatch(r'</next\?patient=x[0-9a-f]{10}>; rel="next"', talkative["link"])
    assert {found["content-type"] for found in exchanges.values() if found is not talkative} == {
        "application/json; charset=utf-8"
    }


def test_a_call_that_was_not_recorded_is_told(recording: Path) -> None:
    with Replay(recording) as replay:
        assert httpx.get(f"{replay.url}/visits?since=1999").status_code == 404
        assert replay.unmatched == ["GET /visits?since=1999"]


def test_a_live_server_is_opted_in_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACME_BASE_URL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="ACME_BASE_URL"), Live("ACME_BASE_URL"):
        pass
    monkeypatch.setenv("ACME_BASE_URL", "https://acme.example")
    with Live("ACME_BASE_URL") as live:
        assert live.url == "https://acme.example"
