"""OpenEMR's connector passes the conformance suite."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pacekeeper.testing import ConnectorSuite, Corpus, NoRow, Row, Server, local

from openemr_records import DENVER, corpus
from pacekeeper_openemr import OpenEmr
from pacekeeper_openemr.testing import FHIR, Accounts, OpenEmrSimulator

USER = Accounts()


class TestOpenEmr(ConnectorSuite):
    """Read with a user's account, two rows of a facility list per page."""

    connector = OpenEmr
    corpus = corpus()
    default_tz = DENVER
    edits = {"Practitioner": ("doc-3", {"telecom[system=email].value": "another@elm.example"})}
    unmapped = {"appointment.status": frozenset({"&"})}
    unfilled = {"encounter.end_at": "OpenEMR 7.0.2 keeps no end of an encounter"}
    bad_settings = [{"base_url": "https://emr.example"}, {"rest_page_size": 0}, {"client_secret": "no-use"}]
    expected = [
        Row("appointment", "apt-1", proves="local_time", start_at=local("2026-01-12 09:00", DENVER), status="kept"),
        Row("appointment", "apt-2", proves="late_cancel", status="cancelled", status_source_code="%"),
        Row("appointment", "apt-3", status="no_show", location_key="3", client_key="pat-1"),
        Row("appointment", "apt-9", status="unknown", status_source_code="&"),
        NoRow("appointment", "apt-7"),
        NoRow("appointment", "apt-8"),
        Row("session", "enc-1", proves="minutes", minutes=45, duration_source="scheduled", clinician_key="doc-1"),
        Row("session", "enc-3", session_type="intake", is_intake=True, clinician_key="doc-2", appointment_key="apt-4"),
        Row("session", "enc-4", appointment_key="apt-6", started_at=local("2026-01-16 23:30", DENVER), minutes=50),
        NoRow("session", "enc-2", proves="cancelled_session"),
        Row("clinician", "doc-1", role="unknown"),
        Row("client", "pat-1", birth_year=1981, area_code="802"),
        Row("location", "4", kind="telehealth", tz=DENVER),
    ]

    def serve(self, corpus: Corpus) -> OpenEmrSimulator:
        return OpenEmrSimulator(corpus)

    def settings(self, server: Server) -> Mapping[str, Any]:
        return {
            "base_url": f"{server.url}{FHIR}",
            "username": USER.username,
            "password": USER.password,
            "user_client_id": USER.user_client_id,
            "rest_page_size": 2,
        }
