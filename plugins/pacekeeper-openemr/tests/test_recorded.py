"""What a real OpenEMR 7.0.2 answered: 25 clients, 50 appointments, 25 encounters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from pacekeeper import DataError, FatalError, SourceClient
from pacekeeper.http import HttpConfig
from pacekeeper.testing import Call, LoopbackServer, Reply

from openemr_practice import count, landed, openemr, practice
from pacekeeper_openemr.own_api import OwnApi
from pacekeeper_openemr.testing import FHIR, SITE
from pacekeeper_openemr.value_maps import APPOINTMENT_STATUS

pytestmark = pytest.mark.testdata
OFF = {"cancelled", "no_show"}


def body(recorded: Path, name: str) -> Any:
    """The body of a recorded exchange."""
    return orjson.loads((recorded / f"{name}.json").read_bytes())["body"]


@pytest.fixture
def records(recorded: Path) -> dict[str, Any]:
    """The recorded rows by list of the simulator."""
    fhir = {"Patient": "fhir_patient_all", "Encounter": "fhir_encounter_all"}
    return {
        "facility": body(recorded, "rest_facility_list")["data"],
        "appointment": body(recorded, "rest_appointment_list"),
        "Practitioner": body(recorded, "rest_practitioner_list")["data"],
        **{kind: [entry["resource"] for entry in body(recorded, name)["entry"]] for kind, name in fhir.items()},
    }


def test_the_recorded_practice_lands_and_maps_and_a_second_night_changes_nothing(
    records: dict[str, Any], tmp_path: Path
) -> None:
    with openemr(records) as server:
        site = practice(tmp_path / "p", server, tz="UTC")
        landed(site)
        mapped = {result.entity: result for result in site.map()}
        before = site.content("raw_suite", "canonical")
        landed(site)
        site.map()
        assert site.content("raw_suite", "canonical") == before
    assert not any(result.quarantined or result.unmapped for result in mapped.values())
    wanted = Counter(APPOINTMENT_STATUS[row["pc_apptstatus"]] for row in records["appointment"])
    found = site.query("SELECT status, count(*) AS n FROM canonical.appointment GROUP BY status")
    assert {row["status"]: row["n"] for row in found} == wanted
    assert (count(site, "canonical.client"), count(site, "canonical.location")) == (25, 1)
    assert count(site, "canonical.clinician") == 1  # a user without an NPI


def test_recorded_encounters_last_as_long_as_the_appointment_of_their_day(
    records: dict[str, Any], tmp_path: Path
) -> None:
    days: dict[tuple[str, str], set[str]] = {}
    for row in records["appointment"]:
        status = APPOINTMENT_STATUS[row["pc_apptstatus"]]
        days.setdefault((f"Patient/{row['puuid']}", row["pc_eventDate"]), set()).add(status)
    seen = [(one["subject"]["reference"], one["period"]["start"][:10]) for one in records["Encounter"]]
    held = sum(bool(days[place] - OFF) for place in seen)
    with openemr(records) as server:
        site = practice(tmp_path / "p", server, tz="UTC")
        landed(site)
        mapped = {result.entity: result for result in site.map()}
    assert 0 < held < len(seen)
    assert dict(mapped["session"].out_of_scope) == {"appointment_not_kept": len(seen) - held}
    assert count(site, "canonical.session", "ended_at - started_at = INTERVAL 45 MINUTE") == held


class Recording(LoopbackServer):
    """Gives every address one recorded answer."""

    def __init__(self, exchange: dict[str, Any]) -> None:
        super().__init__()
        self._exchange = exchange

    def answer(self, call: Call) -> Reply:
        self.requests.append(call)
        return Reply(status=self._exchange["status"], content=self._exchange["body"])


def own_api(server: LoopbackServer) -> OwnApi:
    """OpenEMR's own API at a server."""
    base = f"{server.url}{FHIR}"
    return OwnApi(SourceClient(HttpConfig(base_url=base, attempts=1), source="ehr"), "ehr", base)


def test_an_unknown_uuid_ends_in_an_error_that_holds_no_value(recorded: Path) -> None:
    with (
        Recording(orjson.loads((recorded / "error_rest_unknown_uuid.json").read_bytes())) as server,
        pytest.raises(FatalError) as caught,
    ):
        own_api(server).whole("patient/zzz")
    assert "400" in str(caught.value)
    assert "zzz" not in str(caught.value)


def test_a_bare_list_and_an_envelope_are_both_read(recorded: Path) -> None:
    for name, rows in (("rest_appointment_list", 50), ("rest_patient_list", 25), ("rest_practitioner_list", 0)):
        with Recording(orjson.loads((recorded / f"{name}.json").read_bytes())) as server:
            assert len(own_api(server).whole("anything")) == rows


def test_a_list_that_ignores_the_offset_is_refused(recorded: Path) -> None:
    with (
        Recording(orjson.loads((recorded / "rest_patient_limit5_offset5.json").read_bytes())) as server,
        pytest.raises(DataError, match="ignores _offset"),
    ):
        list(own_api(server).pages("patient", 5))


def test_the_simulator_pages_and_wraps_as_the_real_one(recorded: Path) -> None:
    """So that what the other tests prove, they prove of OpenEMR."""
    rows = body(recorded, "rest_patient_list")["data"]
    real = body(recorded, "rest_patient_limit5_offset5")
    with openemr({"patient": rows}) as server:
        call = Call("GET", f"{SITE}/api/patient?_limit=5&_offset=5", {})
        (endpoint,) = [one for one in server.endpoints if one.path == call.path]
        assert endpoint.handler is not None
        answer = endpoint.handler(call, server)
    assert answer.keys() == real.keys()
    assert [row["id"] for row in answer["data"]] == [row["id"] for row in real["data"]]
