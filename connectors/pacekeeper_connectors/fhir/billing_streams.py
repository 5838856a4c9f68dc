"""What is landed of coverage, claims and what payers answered; amounts are decimal, in the currency beside them."""

from __future__ import annotations

from pacekeeper.columns import Code, Date, Decimal, Integer, Key, MatchKey, Ref
from pacekeeper_connectors.fhir.declare import client, clinician, elements, resource, role, session

_CLAIM = {"Claim": "claim"}
_CURRENCY = r"[A-Z]{3}"


def _currency(path: str) -> Code:
    return Code(path=path, max_length=3, pattern=_CURRENCY)


def _item(**more: Decimal | Ref) -> dict[str, Code | Date | Decimal | Integer | Ref]:
    """What a line of a claim and a line of a payer's answer have in common."""
    return {
        "sequence": Integer(),
        "code": Code(path="productOrService.coding[0].code"),
        "serviced_date": Date(path="servicedDate"),
        "serviced_start": Date(path="servicedPeriod.start"),
        "quantity": Decimal(path="quantity.value"),
        "net": Decimal(path="net.value"),
        "currency": _currency("net.currency"),
        "place": Code(path="locationCodeableConcept.coding[0].code"),
        "encounter": session("encounter[0].reference"),
        **more,
    }


COVERAGE = resource(
    "coverage",
    "Coverage",
    {
        "id": Key("coverage"),
        "status": Code(),
        "beneficiary": client("beneficiary.reference"),
        "type": Code(path="type.coding[0].code"),
        "period_start": Date(path="period.start"),
        "period_end": Date(path="period.end"),
        "priority": Integer(path="order"),
        "member": MatchKey("member", path="subscriberId"),
    },
)

CLAIM = resource(
    "claim",
    "Claim",
    {
        "id": Key("claim"),
        "status": Code(),
        "use": Code(),
        "patient": client("patient.reference"),
        "provider": clinician("provider.reference"),
        "provider_role": role("provider.reference"),
        "created": Date(),
        "service_start": Date(path="billablePeriod.start"),
        "service_end": Date(path="billablePeriod.end"),
        "total": Decimal(path="total.value"),
        "currency": _currency("total.currency"),
        "coverage": Ref("coverage", path="insurance[0].coverage.reference", by_type={"Coverage": "coverage"}),
        "related": Ref("claim", path="related[0].claim.reference", by_type=_CLAIM),
        "relationship": Code(path="related[0].relationship.coding[0].code"),
    },
)

CLAIM_ITEM = elements("claim_item", "claim", "item", dict(_item()))
CLAIM_ITEM_MODIFIER = elements(
    "claim_item_modifier", "claim_item", "modifier", {"modifier": Code(path="coding[0].code", max_length=8)}
)

CLAIM_RESPONSE = resource(
    "claim_response",
    "ClaimResponse",
    {
        "id": Key("claim_response"),
        "status": Code(),
        "use": Code(),
        "request": Ref("claim", path="request.reference", by_type=_CLAIM),
        "outcome": Code(),
        "created": Date(),
    },
)

EXPLANATION_OF_BENEFIT = resource(
    "explanation_of_benefit",
    "ExplanationOfBenefit",
    {
        "id": Key("explanation_of_benefit"),
        "status": Code(),
        "use": Code(),
        "outcome": Code(),
        "patient": client("patient.reference"),
        "provider": clinician("provider.reference"),
        "provider_role": role("provider.reference"),
        "claim": Ref("claim", path="claim.reference", by_type=_CLAIM),
        "coverage": Ref("coverage", path="insurance[0].coverage.reference", by_type={"Coverage": "coverage"}),
        "service_start": Date(path="billablePeriod.start"),
        "service_end": Date(path="billablePeriod.end"),
        "paid": Decimal(path="payment.amount.value"),
        "paid_on": Date(path="payment.date"),
        "currency": _currency("payment.amount.currency"),
    },
)

EXPLANATION_TOTAL = elements(
    "explanation_total",
    "explanation_of_benefit",
    "total",
    {"category": Code(path="category.coding[0].code", max_length=255), "amount": Decimal(path="amount.value")},
)

EXPLANATION_ITEM = elements("explanation_item", "explanation_of_benefit", "item", dict(_item()))
EXPLANATION_ADJUDICATION = elements(
    "explanation_adjudication",
    "explanation_item",
    "adjudication",
    {"category": Code(path="category.coding[0].code", max_length=255), "amount": Decimal(path="amount.value")},
)

BILLING_STREAMS = (
    COVERAGE,
    CLAIM,
    CLAIM_ITEM,
    CLAIM_ITEM_MODIFIER,
    CLAIM_RESPONSE,
    EXPLANATION_OF_BENEFIT,
    EXPLANATION_TOTAL,
    EXPLANATION_ITEM,
    EXPLANATION_ADJUDICATION,
)
