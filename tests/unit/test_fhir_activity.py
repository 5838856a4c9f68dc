"""Notes, messages, tasks, referrals and the audit log of a FHIR server, by examples checked by eye."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.raw_bench import RawBench, context, key

from pacekeeper.fhir import FhirSettings
from pacekeeper.stream import Page
from pacekeeper_connectors.fhir import Fhir

Resource = dict[str, Any]
STREAM_OF = {
    "Practitioner": "practitioner",
    "DocumentReference": "document_reference",
    "Composition": "composition",
    "Communication": "communication",
    "Task": "task",
    "ServiceRequest": "service_request",
    "AuditEvent": "audit_event",
}
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@pytest.fixture
def ehr() -> RawBench:
    bench = RawBench(Fhir(FhirSettings(base_url="https://ehr.example/fhir"), context()))
    read(bench, {"resourceType": "Practitioner", "id": "c1"}, {"resourceType": "Practitioner", "id": "c2"})
    return bench


def read(ehr: RawBench, *resources: Resource) -> None:
    ehr.read([Page(STREAM_OF[resource["resourceType"]], [resource]) for resource in resources])


def ref(reference: str) -> dict[str, str]:
    return {"reference": reference}


def coded(code: str) -> Resource:
    return {"coding": [{"code": code}]}


def composition(**more: Any) -> Resource:
    return {
        "resourceType": "Composition",
        "id": "n1",
        "status": "preliminary",
        "type": coded("11506-3"),
        "subject": ref("Patient/p1"),
        "author": [ref("Practitioner/c1")],
        "date": "2026-01-05T17:00:00Z",
        "encounter": ref("Encounter/e1"),
        **more,
    }


def test_a_note_keeps_when_it_was_begun_and_tells_signature_from_countersignature(ehr: RawBench) -> None:
    read(ehr, composition())
    attesters = [
        {"mode": "legal", "time": "2026-01-06T09:00:00Z", "party": ref("Practitioner/c1")},
        {"mode": "professional", "time": "2026-01-07T09:00:00Z", "party": ref("Practitioner/c2")},
        {"mode": "personal", "time": "2026-01-05T09:00:00Z", "party": ref("Patient/p1")},
    ]
    read(ehr, composition(status="final", date="2026-01-06T09:00:00Z", attester=attesters))
    (note,) = ehr.wanted("note")
    assert note["created_at"] == datetime(2026, 1, 5, 17, tzinfo=UTC)
    assert note["signed_at"] == datetime(2026, 1, 6, 9, tzinfo=UTC)
    assert note["cosigned_at"] == datetime(2026, 1, 7, 9, tzinfo=UTC)
    assert (note["status"], note["note_type"]) == ("final", "progress")
    assert (note["clinician_key"], note["session_key"]) == (key("clinician", "c1"), key("session", "e1"))


def test_a_document_has_no_signing_time_and_counts_once_beside_its_composition(ehr: RawBench) -> None:
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": coded("11506-3"),
    }
    alone = document | {"id": "d1", "date": "2026-01-05T17:00:00Z", "author": [ref("Practitioner/c1")]}
    same = document | {"id": "d2", "date": "2026-01-05T17:00:00Z", "context": {"related": [ref("Composition/n1")]}}
    report = document | {"id": "d3", "date": "2026-01-05T17:00:00Z", "type": coded("11502-2")}
    read(ehr, composition(), alone, same, report)
    notes = {note["note_key"]: note for note in ehr.wanted("note")}
    assert set(notes) == {key("composition", "n1"), key("document", "d1")}
    assert "signed_at" not in notes[key("document", "d1")]
    assert ehr.reasons("note") == ["no_note", "of_a_composition"]


def relates(code: str, target: str) -> Resource:
    return {"relatesTo": [{"code": code, "targetReference": ref(target)}]}


def test_a_note_is_changed_where_it_is_amended_and_by_what_appends_or_replaces_it_once_signed(ehr: RawBench) -> None:
    read(
        ehr,
        composition(id="untouched", status="final"),
        composition(id="amended", status="amended"),
        composition(id="open"),
        composition(id="wrong", status="entered-in-error"),
        composition(id="appended", status="final"),
        composition(id="a1", status="final", **relates("appends", "Composition/appended")),
        composition(id="a2", status="amended", **relates("replaces", "Composition/appended")),
        composition(id="a3", **relates("appends", "Composition/appended")),
        composition(id="draft"),
        composition(id="a4", status="final", **relates("appends", "Composition/draft")),
        composition(id="a5", status="final", **relates("replaces", "Composition/draft")),
        composition(id="a6", status="final", **relates("signs", "Composition/untouched")),
        composition(id="a7", status="final", **relates("appends", "Composition/elsewhere")),
        composition(id="a8", status="final", **relates("appends", "Composition/a8")),
    )
    assert {note["note_key"]: note.get("amended_count") for note in ehr.wanted("note")} == {
        key("composition", name): count
        for name, count in {
            "untouched": 0,
            "amended": 1,
            "open": 0,
            "wrong": None,
            "appended": 2,  # not by a3, which is still a draft
            "draft": 0,
            "a5": 0,  # nobody had signed what it replaces
            "a6": 0,
            "a7": 0,  # of a note that is not here
            "a8": 0,
        }.items()
    }
    assert ehr.reasons("note") == ["change_of_a_note"] * 4


def test_a_document_without_a_status_of_its_own_does_not_say_whether_it_was_changed(ehr: RawBench) -> None:
    common = {"resourceType": "DocumentReference", "type": coded("11506-3"), "date": "2026-01-05T17:00:00Z"}
    addendum = {"docStatus": "final", "relatesTo": [{"code": "appends", "target": ref("DocumentReference/d2")}]}
    read(
        ehr,
        {**common, "id": "d1", "status": "current"},
        {**common, "id": "d2", "status": "current", "docStatus": "final"},
        {**common, "id": "d3", "status": "current", **addendum},
    )
    counts = {note["note_key"]: note.get("amended_count") for note in ehr.wanted("note")}
    assert counts == {key("document", "d1"): None, key("document", "d2"): 1}


@pytest.mark.parametrize(
    "label",
    [
        {"meta": {"security": [{"system": "urn:x", "code": "R"}, {"system": ACT_CODE, "code": "PSYTHPN"}]}},
        {"securityLabel": [{"coding": [{"system": ACT_CODE, "code": "PSYTHPN"}]}]},
    ],
    ids=["meta", "label"],
)
def test_psychotherapy_process_notes_never_land(ehr: RawBench, label: Resource) -> None:
    read(ehr, {"resourceType": "DocumentReference", "id": "d", "status": "current", **label})
    counts = ehr.counts["document_reference"]
    assert (counts.out_of_scope, counts.kept) == ({"psychotherapy_process_note": 1}, 0)
    assert ehr.mapped("note") == []


@pytest.mark.parametrize(
    ("sender", "recipients", "direction"),
    [
        ("Patient/p1", ["Practitioner/c1"], "in"),
        ("Practitioner/c1", ["Patient/p1"], "out"),
        ("Practitioner/c1", ["Practitioner/c2"], "internal"),
        ("Device/d", ["Practitioner/c1"], "unknown"),
    ],
)
def test_direction_follows_from_who_wrote_to_whom(
    ehr: RawBench, sender: str, recipients: list[str], direction: str
) -> None:
    message = {
        "resourceType": "Communication",
        "id": "m1",
        "status": "completed",
        "category": [coded("scheduling")],
        "sender": ref(sender),
        "recipient": [ref(recipient) for recipient in recipients],
        "inResponseTo": [ref("Communication/m0")],
        "sent": "2026-01-05T17:00:00Z",
        "payload": [{"contentString": "never"}],
    }
    read(ehr, message)
    (row,) = ehr.wanted("message")
    assert (row["direction"], row["category"], row["urgency"]) == (direction, "scheduling", "routine")
    assert row["clinician_key"] == key("clinician", "c1")
    assert row["in_reply_to_key"] == key("message", "m0")


def test_a_task_keeps_owner_times_and_what_it_is_about(ehr: RawBench) -> None:
    read(
        ehr,
        {
            "resourceType": "Task",
            "id": "t1",
            "status": "completed",
            "intent": "order",
            "priority": "urgent",
            "for": ref("Patient/p1"),
            "focus": ref("Observation/o1"),
            "owner": ref("Practitioner/c2"),
            "authoredOn": "2026-01-05T17:00:00Z",
            "executionPeriod": {"start": "2026-01-06T08:00:00Z", "end": "2026-01-06T09:00:00Z"},
        },
    )
    (task,) = ehr.wanted("task")
    assert (task["status"], task["priority"], task["about_key"]) == ("completed", "urgent", key("observation", "o1"))
    assert task["clinician_key"] == key("clinician", "c2")
    assert task["ended_at"] == datetime(2026, 1, 6, 9, tzinfo=UTC)


def test_only_referrals_that_were_ordered_count(ehr: RawBench) -> None:
    request = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": ref("Patient/p1"),
        "requester": ref("Patient/p1"),
        "performer": [ref("Practitioner/c1")],
        "authoredOn": "2026-01-05T17:00:00Z",
    }
    read(
        ehr,
        request | {"id": "r1", "category": [coded("3457005")]},
        request | {"id": "r2", "category": [coded("108252007")]},
        request | {"id": "r3", "category": [coded("referral")], "intent": "plan"},
    )
    (row,) = ehr.wanted("referral")
    assert (row["referral_key"], row["direction"], row["channel"]) == (key("referral", "r1"), "in", "self")
    assert ehr.reasons("referral") == ["no_order", "no_referral"]


def audit(identity: str, *entities: str, agents: tuple[tuple[str, bool], ...], **more: Any) -> Resource:
    return {
        "resourceType": "AuditEvent",
        "id": identity,
        "type": {"code": "rest"},
        "recorded": "2026-01-05T21:30:00Z",
        "agent": [{"who": ref(who), "requestor": asked} for who, asked in agents],
        "entity": [{"what": ref(what)} for what in entities],
        **more,
    }


def test_an_event_belongs_to_the_clinician_who_asked_and_to_what_it_touched(ehr: RawBench) -> None:
    both = (("Practitioner/c2", False), ("Practitioner/c1", True))
    read(
        ehr,
        audit("a", "Patient/p1", "Composition/n1", agents=both, subtype=[{"code": "update"}]),
        audit("b", "Patient/p1", agents=both, action="R"),
        audit("c", "Claim/x", agents=both, action="C", period={"start": "2026-01-05T21:00:00Z"}),
        audit("d", "Patient/p1", agents=(("Device/nightly", True),), action="R"),
    )
    rows = {row["event_key"]: row for row in ehr.wanted("ehr_event")}
    found = [(rows[key("ehr_event", n)]["event_type"], rows[key("ehr_event", n)]["task_type"]) for n in "abc"]
    assert found == [("update", "note"), ("view", "chart_review"), ("create", "billing")]
    assert {row["clinician_key"] for row in rows.values()} == {key("clinician", "c1")}
    assert rows[key("ehr_event", "c")]["at"] == datetime(2026, 1, 5, 21, tzinfo=UTC)
    assert ehr.reasons("ehr_event") == ["no_clinician"]
