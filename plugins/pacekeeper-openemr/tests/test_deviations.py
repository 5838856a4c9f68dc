"""What OpenEMR 7.0.2 does in its own way costs no row, and makes none up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pacekeeper.testing import Faults

from openemr_practice import by_key, count, landed, openemr, practice, rows
from pacekeeper_openemr.testing import FHIR, SITE

#: What the records of the small practice are.
ALL = {"practitioner": 2, "patient": 3, "encounter": 4, "encounter_participant": 2, "facility": 3, "appointment": 9}


def test_1_no_parameter_is_sent_that_it_would_answer_with_nothing(tmp_path: Path) -> None:
    with openemr() as server:
        site = practice(tmp_path / "p", server)
        landed(site)
        sent = {name for call in server.requests if call.path.startswith(FHIR) for name in call.query}
        assert rows(site) == ALL
        assert not sent & {"_count", "_sort"}


def test_1_a_page_size_set_by_hand_does_not_empty_the_practice(tmp_path: Path) -> None:
    with openemr() as server:
        site = practice(tmp_path / "p", server, page_size=2)
        landed(site)
        assert any(call.query == {"_count": "2"} for call in server.requests), "the setting was not tried"
        assert rows(site) == ALL


def test_2_the_second_night_asks_patients_and_encounters_for_changes_only(tmp_path: Path) -> None:
    with openemr() as server:
        site = practice(tmp_path / "p", server)
        landed(site)
        server.edit("Patient", "pat-3", birthDate="1990-01-01", meta={"lastUpdated": "2026-02-01T00:00:01+00:00"})
        server.requests.clear()
        landed(site)
        asked = {call.path.rpartition("/")[2]: call.query for call in server.requests}
        read = site.ledger()
        assert "_lastUpdated" in asked["Patient"]
        assert "_lastUpdated" in asked["Encounter"]
        assert (read["patient"].read, read["patient"].updated, read["patient"].tombstones) == (1, 1, 0)
        assert (read["encounter"].read, read["encounter"].tombstones) == (0, 0)
        assert rows(site) == ALL


def test_3_a_calendar_whose_times_of_change_are_made_up_stays_the_same_over_night(tmp_path: Path) -> None:
    with openemr() as server:
        site = practice(tmp_path / "p", server)
        landed(site)
        landed(site)
        assert not any(call.path == f"{FHIR}/Appointment" for call in server.requests)
        read = site.ledger()["appointment"]
        assert (read.read, read.inserted, read.updated, read.tombstones) == (9, 0, 0, 0)


def test_3_an_export_without_appointments_does_not_empty_the_calendar(tmp_path: Path) -> None:
    with openemr() as server:
        site = practice(tmp_path / "p", server, read_by="export", **by_key())
        landed(site)
        landed(site)
        assert any(call.path == f"{FHIR}/$export" for call in server.requests)
        assert rows(site) == ALL


@pytest.mark.parametrize("deviation", [{}, {"object_time": False, "all_types": False}], ids=["as it is", "standard"])
def test_4_the_second_export_begins_at_the_manifests_time_however_that_is_written(
    tmp_path: Path, deviation: dict[str, Any]
) -> None:
    with openemr(**deviation) as server:
        site = practice(tmp_path / "p", server, read_by="export", **by_key())
        landed(site)
        server.requests.clear()
        landed(site)
        (asked,) = [call.query for call in server.requests if call.path == f"{FHIR}/$export"]
        assert asked["_since"] == "2026-01-31T23:49:00Z"  # the manifest's time, less the ten minutes of the streams
        assert asked["_type"] == "Encounter,Patient,Practitioner"


def test_5_the_files_of_an_export_are_asked_for_with_their_own_scope(tmp_path: Path) -> None:
    with openemr() as server:
        landed(practice(tmp_path / "p", server, read_by="export", **by_key()))
        (scope,) = [call.form["scope"] for call in server.token_requests if "client_assertion" in call.form]
        assert "system/Binary.read" in scope.split()
        without = scope.replace("system/Binary.read", "")
        night = practice(tmp_path / "q", server, read_by="export", scope=without, **by_key()).land()
        assert night.result.error_class == "ConfigError"
        assert "system/Binary.read" in night.error


@pytest.mark.parametrize("looks_ahead", [True, False], ids=["a row too many", "as many as asked for"])
def test_6_pages_that_overlap_give_every_row_once(tmp_path: Path, *, looks_ahead: bool) -> None:
    with openemr(looks_ahead=looks_ahead) as server:
        site = practice(tmp_path / "p", server, rest_page_size=1)
        landed(site)
        pages = [call.query["_offset"] for call in server.requests if call.path == f"{SITE}/api/facility"]
        assert pages == ["0", "1", "2", "3"]
        assert rows(site)["facility"] == 3
        assert site.ledger()["facility"].duplicate == (2 if looks_ahead else 0)


def test_7_a_backend_token_is_renewed_before_its_five_minutes_are_over(tmp_path: Path) -> None:
    """Here they are three seconds, and every answer takes most of one."""
    with openemr(token_seconds=3.0) as server:
        site = practice(tmp_path / "p", server, **by_key())
        server.reset(Faults(slow_seconds=0.8))
        landed(site)
        assert server.refusals == 0, "a token that had ended was sent"
        assert sum("client_assertion" in call.form for call in server.token_requests) > 1
        assert rows(site) == ALL


def test_7_each_api_is_read_with_its_own_account(tmp_path: Path) -> None:
    with openemr() as server:
        landed(practice(tmp_path / "p", server, **by_key()))
        scopes = {call.form["grant_type"]: set(call.form["scope"].split()) for call in server.token_requests}
        assert scopes["client_credentials"] == {
            f"system/{kind}.read" for kind in ("Encounter", "Patient", "Practitioner")
        }
        assert scopes["password"] == {"openid", "api:oemr", "user/appointment.read", "user/facility.read"}


def test_8_clinicians_whom_only_the_calendar_names_are_there_all_the_same(tmp_path: Path) -> None:
    with openemr(hidden=frozenset({"Practitioner"})) as server:
        site = practice(tmp_path / "p", server)
        landed(site)
        site.map()
        assert rows(site)["practitioner"] == 0
        assert count(site, "canonical.clinician") == 2  # doc-1 and doc-2 hold appointments, doc-3 does not
        dangling = "clinician_key NOT IN (SELECT clinician_key FROM canonical.clinician)"
        assert count(site, "canonical.appointment") == 7
        assert count(site, "canonical.appointment", dangling) == 0
        assert count(site, "canonical.session") == 3
        assert count(site, "canonical.session", dangling) == 0
