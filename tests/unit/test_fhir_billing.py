"""Coverage, claims and what payers answered, from a FHIR server, by amounts that can be checked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from tests.raw_bench import RawBench, context, key, match

from pacekeeper.fhir import FhirSettings
from pacekeeper.stream import Page
from pacekeeper_connectors.fhir import Fhir

Resource = dict[str, Any]
STREAM_OF = {
    "Practitioner": "practitioner",
    "Coverage": "coverage",
    "Claim": "claim",
    "ClaimResponse": "claim_response",
    "ExplanationOfBenefit": "explanation_of_benefit",
}


@pytest.fixture
def ehr() -> RawBench:
    bench = RawBench(Fhir(FhirSettings(base_url="https://ehr.example/fhir"), context()))
    plan = {"resourceType": "Coverage", "id": "plan", "status": "active", "beneficiary": ref("Patient/p1")}
    read(bench, {"resourceType": "Practitioner", "id": "c1"}, plan | {"type": coded("PPO"), "subscriberId": "W 1"})
    return bench


def read(ehr: RawBench, *resources: Resource) -> None:
    ehr.read([Page(STREAM_OF[resource["resourceType"]], [resource]) for resource in resources])


def ref(reference: str) -> dict[str, str]:
    return {"reference": reference}


def coded(code: str) -> Resource:
    return {"coding": [{"code": code}]}


def usd(value: float) -> Resource:
    return {"value": value, "currency": "USD"}


def claim(identity: str = "k1", **more: Any) -> Resource:
    lines = [
        {"sequence": 1, "productOrService": coded("90837"), "servicedDate": "2026-01-05", "net": usd(150.1)},
        {
            "sequence": 2,
            "productOrService": coded("90785"),
            "modifier": [coded("95"), coded("HJ")],
            "quantity": {"value": 2},
            "net": usd(30),
            "locationCodeableConcept": coded("10"),
        },
    ]
    return {
        "resourceType": "Claim",
        "id": identity,
        "status": "active",
        "use": "claim",
        "patient": ref("Patient/p1"),
        "provider": ref("Practitioner/c1"),
        "created": "2026-01-06T12:00:00Z",
        "billablePeriod": {"start": "2026-01-04", "end": "2026-01-05"},
        "insurance": [{"coverage": ref("Coverage/plan")}],
        "total": usd(180.1),
        "item": lines,
        **more,
    }


def test_coverage_gives_payer_class_and_the_members_number(ehr: RawBench) -> None:
    (plan,) = ehr.wanted("coverage")
    assert (plan["payer_class"], plan["payer_class_source_code"], plan["is_active"]) == ("commercial", "PPO", True)
    numbers = [(row["domain"], row["match_key"]) for row in ehr.wanted("client_identifier")]
    assert numbers == [("member", match("member", "w1"))]


def test_a_claim_is_its_lines_in_cents_with_the_payer_of_its_coverage(ehr: RawBench) -> None:
    read(ehr, claim())
    (found,) = ehr.wanted("claim")
    assert (found["charge_cents"], found["payer_class"], found["frequency"]) == (18010, "commercial", "original")
    assert found["clinician_key"] == key("clinician", "c1")
    charges = sorted(ehr.wanted("charge"), key=lambda row: row["charge_cents"])
    assert [row["charge_cents"] for row in charges] == [3000, 15010]
    assert [row["service_date"] for row in charges] == [date(2026, 1, 4), date(2026, 1, 5)]
    assert {row["claim_key"] for row in charges} == {key("claim", "k1")}
    modifiers = ehr.wanted("charge_modifier")
    assert {(row["charge_key"], row["position"], row["modifier"]) for row in modifiers} == {
        (charges[0]["charge_key"], 1, "95"),
        (charges[0]["charge_key"], 2, "HJ"),
    }


def test_a_replacement_names_the_claim_it_replaces(ehr: RawBench) -> None:
    read(ehr, claim("k2", related=[{"claim": ref("Claim/k1"), "relationship": coded("prior")}]))
    (found,) = ehr.wanted("claim")
    assert (found["frequency"], found["original_claim_key"]) == ("replacement", key("claim", "k1"))


@pytest.mark.parametrize(
    ("change", "why"),
    [({"status": "draft"}, "draft"), ({"status": "cancelled"}, "cancelled"), ({"use": "preauthorization"}, "no_claim")],
    ids=["draft", "cancelled", "preauthorisation"],
)
def test_what_is_no_claim_counts_neither_as_claim_nor_as_charge(ehr: RawBench, change: Resource, why: str) -> None:
    read(ehr, claim(**change))
    assert ehr.reasons("claim") == [why]
    assert ehr.reasons("charge") == [why, why]


def test_an_organisation_is_no_rendering_clinician(ehr: RawBench) -> None:
    read(ehr, claim(provider=ref("urn:uuid:7bc0c0b1-55c4-4b75-b880-17c7025ec514")))
    assert "clinician_key" not in ehr.wanted("claim")[0]


def test_a_response_is_an_event_of_its_claim(ehr: RawBench) -> None:
    answer = {"resourceType": "ClaimResponse", "id": "a", "status": "active", "use": "claim", "outcome": "error"}
    read(ehr, answer | {"request": ref("Claim/k1"), "created": "2026-01-07T08:00:00Z"})
    (event,) = ehr.wanted("claim_event")
    assert (event["status"], event["claim_key"]) == ("rejected", key("claim", "k1"))


def explanation(**more: Any) -> Resource:
    def amount(category: str, value: float) -> Resource:
        return {"category": coded(category), "amount": usd(value)}

    adjudication = [amount("submitted", 125), amount("eligible", 110), amount("benefit", 87.5), amount("copay", 37.5)]
    return {
        "resourceType": "ExplanationOfBenefit",
        "id": "x1",
        "status": "active",
        "use": "claim",
        "outcome": "complete",
        "patient": ref("Patient/p1"),
        "claim": ref("Claim/k1"),
        "insurance": [{"coverage": ref("Coverage/plan")}],
        "item": [{"sequence": 1, "productOrService": coded("90837"), "adjudication": adjudication}],
        "total": [amount("submitted", 125)],
        **more,
    }


def test_paid_is_summed_from_the_lines_where_no_payment_is_stated(ehr: RawBench) -> None:
    read(ehr, explanation())
    (paid,) = ehr.wanted("claim_payment")
    amounts = (paid["charge_cents"], paid["paid_cents"], paid["patient_responsibility_cents"])
    assert amounts == (12500, 8750, 3750)
    (line,) = ehr.wanted("claim_payment_line")
    assert (line["line_no"], line["paid_cents"], line["allowed_cents"]) == (1, 8750, 11000)
    assert line["claim_payment_key"] == paid["claim_payment_key"]
    read(ehr, explanation(payment={"amount": usd(80)}))
    assert ehr.wanted("claim_payment")[0]["paid_cents"] == 8000


def test_an_answer_that_is_not_final_is_no_payment(ehr: RawBench) -> None:
    read(ehr, explanation(outcome="queued"))
    assert ehr.reasons("claim_payment") == ["not_processed"]
    assert ehr.reasons("claim_payment_line") == ["not_processed"]
