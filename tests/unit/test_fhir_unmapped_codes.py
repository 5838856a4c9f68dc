"""Codes of a FHIR server that no value map knows: nothing is guessed, and the code is kept beside."""

from __future__ import annotations

from typing import Any

import pytest
from tests.raw_bench import RawBench, context

from pacekeeper.fhir import FhirSettings
from pacekeeper.stream import Page
from pacekeeper_connectors.fhir import Fhir

Resource = dict[str, Any]
CLINICIAN = {"reference": "Practitioner/c1"}


@pytest.fixture
def ehr() -> RawBench:
    bench = RawBench(Fhir(FhirSettings(base_url="https://ehr.example/fhir"), context()))
    bench.read([Page("practitioner", [{"resourceType": "Practitioner", "id": "c1"}])])
    return bench


def encounter(**participant: Any) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p1"},
        "participant": [{"individual": CLINICIAN, **participant}],
        "period": {"start": "2026-01-05T15:00:00Z", "end": "2026-01-05T15:50:00Z"},
    }


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ({}, "primary"),
        ({"type": [{"coding": [{"code": "ATND"}]}]}, "primary"),
        ({"type": [{"coding": [{"code": "zq"}]}]}, "unknown"),
    ],
    ids=["no code", "attending", "a code nobody knows"],
)
def test_whoever_holds_a_session_is_primary_unless_his_part_is_not_known(
    ehr: RawBench, kind: Resource, role: str
) -> None:
    ehr.read([Page("encounter", [encounter(**kind)])])
    (row,) = ehr.wanted("session_clinician")
    assert (row["role"], row["counts_direct"]) == (role, True)


def test_an_action_tells_what_an_unknown_subtype_does_not(ehr: RawBench) -> None:
    event: Resource = {
        "resourceType": "AuditEvent",
        "type": {"code": "rest"},
        "recorded": "2026-01-05T21:30:00Z",
        "agent": [{"who": CLINICIAN, "requestor": True}],
        "subtype": [{"code": "zq"}],
    }
    ehr.read([Page("audit_event", [event | {"id": "a", "action": "U"}])])
    ehr.read([Page("audit_event", [event | {"id": "b"}])])
    found = {(row["event_type"], row["event_type_source_code"]) for row in ehr.wanted("ehr_event")}
    assert found == {("update", "U"), ("unknown", "zq")}
