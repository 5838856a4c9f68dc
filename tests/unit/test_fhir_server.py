"""The loopback FHIR server pages, asks for tokens, keeps versions, and shows each fault it is told to."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from pacekeeper.testing import Faults, FhirServer, build_practice

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = {"Authorization": "Bearer demo-token"}


def _appointments(count: int) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Appointment",
            "id": f"a{n}",
            "meta": {"versionId": "1", "lastUpdated": (NOON + timedelta(minutes=n)).isoformat()},
            "status": "booked",
        }
        for n in range(count)
    ]


@pytest.fixture
def server() -> Iterator[FhirServer]:
    with FhirServer({"Appointment": _appointments(25), "Slot": []}, page_size=10) as running:
        yield running


@pytest.fixture
def http(server: FhirServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=TOKEN, timeout=5) as client:
        yield client


def _all_pages(http: httpx.Client, address: str, *, most: int = 20) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = []
    following: str | None = address
    while following and len(pages) < most:
        answer = http.get(following)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        following = next((link["url"] for link in pages[-1]["link"] if link["relation"] == "next"), None)
    return pages


def _ids(pages: list[dict[str, Any]]) -> list[str]:
    return [entry["resource"]["id"] for page in pages for entry in page.get("entry", ())]


def test_paging_returns_each_resource_once_in_order(http: httpx.Client) -> None:
    pages = _all_pages(http, "/Appointment")
    assert [len(page["entry"]) for page in pages] == [10, 10, 5]
    assert _ids(pages) == [f"a{n}" for n in range(25)]


def test_a_page_holds_no_more_than_the_server_allows_or_count_asks(http: httpx.Client) -> None:
    assert len(_all_pages(http, "/Appointment?_count=500")[0]["entry"]) == 10
    assert len(_all_pages(http, "/Appointment?_count=4")[0]["entry"]) == 4


def test_last_updated_filters_and_sort_orders(http: httpx.Client) -> None:
    bound = (NOON + timedelta(minutes=20)).isoformat().replace("+00:00", "Z")
    assert _ids(_all_pages(http, f"/Appointment?_lastUpdated=ge{bound}")) == [f"a{n}" for n in range(20, 25)]
    newest = _all_pages(http, "/Appointment?_sort=-_lastUpdated&_count=1", most=1)
    assert _ids(newest) == ["a24"]


def test_a_type_without_resources_is_a_bundle_without_entry(http: httpx.Client) -> None:
    bundle = http.get("/Slot").json()
    assert bundle["resourceType"] == "Bundle"
    assert "entry" not in bundle


def test_the_whole_practice_comes_over_the_wire_as_it_was_built() -> None:
    practice = build_practice(clinicians=4, weeks=3)
    with FhirServer(practice.resources, page_size=100) as server, httpx.Client(headers=TOKEN) as http:
        for kind, resources in practice.resources.items():
            pages = _all_pages(http, f"{server.url}/{kind}", most=1000)
            assert [entry["resource"] for page in pages for entry in page.get("entry", ())] == resources
        assert pages[0]["meta"]["lastUpdated"] < practice.as_of.isoformat()


def test_one_resource_is_read_by_id(http: httpx.Client) -> None:
    assert http.get("/Appointment/a7").json()["id"] == "a7"
    assert http.get("/Appointment/nobody").status_code == 404


def test_metadata_names_the_search_parameters_and_needs_no_token(server: FhirServer) -> None:
    statement = httpx.get(f"{server.url}/metadata").json()
    assert statement["fhirVersion"] == "4.0.1"
    listed = {r["type"]: {p["name"] for p in r["searchParam"]} for r in statement["rest"][0]["resource"]}
    assert listed["Appointment"] == {"_id", "_lastUpdated", "_sort", "_count"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "demo-token"}])
def test_without_a_good_token_the_answer_is_401(server: FhirServer, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{server.url}/Appointment", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_client_credentials_give_a_token_that_works(server: FhirServer) -> None:
    form = {"grant_type": "client_credentials"}
    granted = httpx.post(server.token_url, data=form, auth=("pacekeeper", "demo-secret")).json()
    answer = httpx.get(f"{server.url}/Appointment", headers={"Authorization": f"Bearer {granted['access_token']}"})
    assert answer.status_code == 200
    assert httpx.post(server.token_url, data=form, auth=("pacekeeper", "wrong")).status_code == 401
    body = form | {"client_id": "pacekeeper", "client_secret": "demo-secret"}
    assert httpx.post(server.token_url, data=body).status_code == 200


def test_an_unknown_parameter_is_refused(http: httpx.Client) -> None:
    assert http.get("/Appointment?colour=red").status_code == 400


def test_calls_are_counted_by_path(server: FhirServer, http: httpx.Client) -> None:
    _all_pages(http, "/Appointment")
    http.get("/metadata")
    assert server.calls == {"/fhir/Appointment": 3, "/fhir/metadata": 1}
    assert server.requests[0] == "/fhir/Appointment"


def test_a_status_changed_and_changed_back_has_three_versions(server: FhirServer, http: httpx.Client) -> None:
    booked = http.get("/Appointment/a3").json()
    for hours, status in ((1, "cancelled"), (2, "booked")):
        server.update("Appointment", {**booked, "status": status}, at=NOON + timedelta(hours=hours))
        now = http.get("/Appointment/a3").json()
        assert now["status"] == status
        assert now["meta"]["versionId"] == str(hours + 1)
    since = (NOON + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    assert _ids(_all_pages(http, f"/Appointment?_lastUpdated=ge{since}")) == ["a3"]
    assert http.get("/Appointment").json()["meta"]["lastUpdated"] == (NOON + timedelta(hours=2, seconds=1)).isoformat()


def test_a_search_under_way_does_not_see_changes(server: FhirServer, http: httpx.Client) -> None:
    first = http.get("/Appointment").json()
    server.remove("Appointment", "a0")
    server.update("Appointment", _appointments(1)[0] | {"id": "new"}, at=NOON)
    rest = _all_pages(http, first["link"][1]["url"])
    assert _ids([first, *rest]) == [f"a{n}" for n in range(25)]
    assert http.get("/Appointment/a0").status_code == 410


def test_replaced_resources_are_the_only_ones(server: FhirServer, http: httpx.Client) -> None:
    server.replace({"Appointment": _appointments(2)})
    assert _ids(_all_pages(http, "/Appointment")) == ["a0", "a1"]
    assert http.get("/Appointment/a9").status_code == 410


def test_too_many_requests_come_with_retry_after_and_only_once(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(too_many_on=frozenset({2}), retry_after=7))
    answers = [http.get("/Appointment") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].headers["Retry-After"] == "7"


@pytest.mark.parametrize(("faults", "status"), [({"error_500_on": {1}}, 500), ({"error_503_on": {1}}, 503)])
def test_a_transient_error_passes(
    server: FhirServer, http: httpx.Client, faults: dict[str, set[int]], status: int
) -> None:
    server.reset(Faults(**{name: frozenset(calls) for name, calls in faults.items()}))  # type: ignore[arg-type]  # by name
    first, second = http.get("/Appointment"), http.get("/Appointment")
    assert (first.status_code, second.status_code) == (status, 200)
    assert first.json()["issue"][0]["code"] == "transient"


def test_a_truncated_body_is_shorter_than_announced(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(truncate_on=frozenset({1})))
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/Appointment")
    assert http.get("/Appointment").status_code == 200


def test_a_reset_connection_is_an_error_and_the_next_call_works(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(reset_on=frozenset({1})))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        http.get("/Appointment")
    assert http.get("/Appointment").status_code == 200


def test_a_slow_server_answers_late(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(slow_seconds=0.2))
    began = time.monotonic()
    assert http.get("/Appointment").status_code == 200
    assert time.monotonic() - began >= 0.2


def test_a_hanging_call_times_out_and_does_not_hold_up_the_stop(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(hang_on=frozenset({1})))
    with pytest.raises(httpx.ReadTimeout):
        http.get("/Appointment", timeout=0.3)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 3


def test_a_token_expires_after_its_calls_and_a_new_one_works(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(token_calls=2))
    assert [http.get("/Appointment").status_code for _ in range(3)] == [200, 200, 401]
    form = {"grant_type": "client_credentials", "client_id": "pacekeeper", "client_secret": "demo-secret"}
    token = httpx.post(server.token_url, data=form).json()["access_token"]
    assert http.get("/Appointment", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_expires_after_its_seconds(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(token_seconds=0.1))
    assert http.get("/Appointment").status_code == 200
    time.sleep(0.15)
    assert http.get("/Appointment").status_code == 401


def test_faults_of_one_type_leave_the_others_alone(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(fail=frozenset({"Slot"}), forbid=frozenset({"Patient"})))
    assert [http.get("/Slot").status_code for _ in range(2)] == [500, 500]
    assert http.get("/Patient").status_code == 403
    assert http.get("/Appointment").status_code == 200


def test_an_empty_type_answers_an_empty_bundle(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(empty=frozenset({"Appointment"})))
    assert "entry" not in http.get("/Appointment").json()


def test_an_unsupported_parameter_is_not_named_and_empties_the_search(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(unsupported=frozenset({"_count"})))
    assert "entry" not in http.get("/Appointment?_count=5").json()
    assert len(http.get("/Appointment").json()["entry"]) == 10
    assert b'"_count"' not in http.get("/metadata").content


def test_a_repeated_next_link_leads_to_the_same_page(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(repeat_next=frozenset({"Appointment"})))
    pages = _all_pages(http, "/Appointment", most=4)
    assert len(pages) == 4
    assert _ids(pages[1:2]) == _ids(pages[2:3]) == _ids(pages[3:4])


def test_overlapping_pages_repeat_the_last_row(server: FhirServer, http: httpx.Client) -> None:
    server.reset(Faults(overlap=frozenset({"Appointment"})))
    ids = _ids(_all_pages(http, "/Appointment"))
    assert len(ids) == 27
    assert [i for i in sorted(set(ids)) if ids.count(i) == 2] == ["a19", "a9"]


def test_a_connection_is_kept_alive(server: FhirServer) -> None:
    with httpx.Client(base_url=server.url, headers=TOKEN, limits=httpx.Limits(max_connections=1)) as http:
        connections = set()
        for _ in range(3):
            with http.stream("GET", "/Appointment") as answer:
                connections.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
                answer.read()
    assert len(connections) == 1


def test_a_written_practice_is_served_from_the_command_line(tmp_path: Path) -> None:
    practice = build_practice(clinicians=1, weeks=2)
    practice.write(tmp_path)
    command = [sys.executable, "-m", "pacekeeper.testing.fhir_server", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            bundle = orjson.loads(httpx.get(f"{url}/Practitioner", headers=TOKEN).content)
            assert len(bundle["entry"]) == 1
        finally:
            process.terminate()
