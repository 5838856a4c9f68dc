"""The suite of the sound connector: what its author would write."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pacekeeper.testing import ConnectorSuite, Endpoint, LinkedPages, NoRow, OAuthAuth, Row, local
from pacekeeper.testing.conformance import Server
from tests.conformance.faulty.birch import Birch

ZONE = "America/Denver"


def visit(number: int, state: str, **more: Any) -> dict[str, Any]:
    """A visit on the n-th of January at two o'clock in Denver."""
    return {
        "id": f"v{number}",
        "client_id": "c1",
        "staff_id": "s1",
        "start": f"2026-01-0{number}T14:00:00",
        "duration": 50,
        "state": state,
        "cancelled_at": None,
        "changed": f"2026-01-2{number}T08:00:00",
        "guests": [{"id": "c2", "way": "V"}],
        "remark": "free text that never lands",
        **more,
    }


class BirchSuite(ConnectorSuite):
    connector = Birch
    default_tz = ZONE
    corpus = {
        "staff": [{"id": "s1", "kind": "TH"}, {"id": "s2", "kind": "SU"}, {"id": "s3", "kind": "TH"}],
        "client": [{"id": f"c{n}", "person": {"born": f"198{n}-05-05"}} for n in (1, 2, 3)],
        "visit": [
            visit(1, "S"),
            visit(2, "L", cancelled_at="2026-01-02T09:30:00"),
            visit(3, "N"),
            visit(4, "B"),
            visit(5, "X", cancelled_at="2026-01-01T09:30:00"),
        ],
    }
    endpoints = [
        *(
            Endpoint(
                f"/api/{name}",
                name,
                envelope="data",
                paging=LinkedPages(size=2),
                since="changed_since",
                since_field="changed",
            )
            if name == "visit"
            else Endpoint(f"/api/{name}", name, envelope="data", paging=LinkedPages(size=2))
            for name in ("staff", "client", "visit")
        ),
        Endpoint("/api/visit/deleted", "visit", deleted=True, envelope="ids"),
    ]
    auth = OAuthAuth("me", "birch-secret")
    edits = {"visit": ("v4", {"state": "S"})}
    bad_settings = [{"base_url": "birch.example"}]
    expected = [
        Row("appointment", "v1", proves="local_time", start_at=local("2026-01-01 14:00", ZONE), status="kept"),
        Row(
            "appointment",
            "v2",
            proves="late_cancel",
            status="cancelled",
            cancelled_at=local("2026-01-02 09:30", ZONE),
            client_key="c1",
        ),
        Row("session", "v1", proves="minutes", minutes=50),
        NoRow("session", "v2", proves="cancelled_session"),
        Row("clinician", "s2", role="supervisor"),
        Row("session_participant", ("v1", "c2"), attended=True),
    ]

    def settings(self, server: Server) -> Mapping[str, Any]:
        return {"base_url": server.url, "client_id": "me", "client_secret": "birch-secret"}
