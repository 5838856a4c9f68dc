"""GNU Health's connector passes the conformance suite."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pacekeeper.testing import ConnectorSuite, NoRow, Row, local
from pacekeeper.testing.conformance.declared import Corpus, Server

from gnuhealth_records import DENVER, corpus
from pacekeeper_gnuhealth import GnuHealth
from pacekeeper_gnuhealth.testing import DATABASE, PASSWORD, USER, GnuHealthSimulator


class TestGnuHealth(ConnectorSuite):
    """Two records per call."""

    connector = GnuHealth
    corpus = corpus()
    home_tz = DENVER
    unmapped = {"appointment.status": frozenset({"waiting_room"})}
    bad_settings = [
        {"url": "gnuhealth.example"},
        {"database": "a/b"},
        {"user": "a:b"},
        {"page_size": 0},
        {"password": ""},
    ]
    expected = [
        Row("appointment", "1", proves="local_time", start_at=local("2026-01-12 09:00", DENVER), status="kept"),
        Row("appointment", "1", service_code="VISIT45", client_key="1", clinician_key="1", location_key="1"),
        Row("appointment", "2", proves="late_cancel", status="cancelled", cancelled_by="client"),
        Row("appointment", "2", cancelled_at=None, status_source_code="user_cancelled"),
        Row("appointment", "3", status="no_show", modality_planned="in_person"),
        Row("appointment", "4", status="booked", modality_planned="video", client_key="2", clinician_key="2"),
        Row("appointment", "5", status="cancelled", cancelled_by="practice", location_key="2"),
        Row("appointment", "6", status="kept", modality_planned="home"),
        Row("appointment", "9", status="unknown", status_source_code="waiting_room"),
        NoRow("appointment", "7"),
        NoRow("appointment", "8"),
        Row("session", "1", proves="minutes", minutes=50, duration_source="clinician_entered", clinician_key="1"),
        Row("session", "1", appointment_key="1", session_type="individual", is_intake=False, is_acuity_event=None),
        Row("session", "4", status="completed", modality="video", is_acuity_event=True, appointment_key=None),
        Row("session", "5", clinician_key="1", is_acuity_event=False, started_at=local("2026-01-16 23:30", DENVER)),
        NoRow("session", "2", proves="cancelled_session"),
        NoRow("session", "3"),
        Row("clinician", "1", role="therapist", role_source_code="PSYCHO", home_location_key="1"),
        Row("clinician", "2", role="prescriber", home_location_key="2"),
        Row("clinician", "3", role="unknown", home_location_key=None),
        Row("client", "1", birth_year=1981, is_deceased=False),
        Row("client", "2", is_deceased=True),
        Row("client", "3", birth_year=1983),
        Row("location", "1", kind="clinic", tz=DENVER, tz_source="default"),
        Row("location", "2", kind="community"),
    ]

    def serve(self, corpus: Corpus) -> GnuHealthSimulator:
        return GnuHealthSimulator(corpus)

    def settings(self, server: Server) -> Mapping[str, Any]:
        return {"url": server.url, "database": DATABASE, "user": USER, "password": PASSWORD, "page_size": 2}
