"""FHIR resources about work around sessions: notes, messages, tasks, referrals, the audit log, claims, forms."""

from __future__ import annotations

from typing import Any

from tests.conformance.fhir_resources import LOINC, ORDINAL, coded, extension, made, reference

Resource = dict[str, Any]
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CLIENT = reference("Patient/p1")
_CLINICIAN = reference("Practitioner/d1")
_ROLE = reference("PractitionerRole/r1")
_SESSION = reference("Encounter/s1")


def work() -> dict[str, list[Resource]]:
    """Resources by type; those of a type differ in what is referred to, so that every reference is met in each form."""
    return {
        "DocumentReference": _documents(),
        "Composition": _compositions(),
        "Communication": _messages(),
        "Task": [_task("t1", "completed", _CLINICIAN), _task("t2", "in-progress", _ROLE)],
        "ServiceRequest": [
            _referral("w1", "active", _CLIENT, _CLINICIAN),
            _referral("w2", "completed", _CLINICIAN, reference("Organization/elsewhere")),
            _referral("w3", "active", _ROLE, _ROLE),
        ],
        "AuditEvent": _events(),
        "QuestionnaireResponse": [_form("q1", "completed", _CLIENT), _form("q2", "in-progress", _CLINICIAN)],
        **_billing(),
    }


def _documents() -> list[Resource]:
    """The first is a note that n1 holds, too; the second is one that must never land; the last is about the third."""
    common: Resource = {
        "status": "current",
        "type": coded("11506-3", LOINC),
        "category": [coded("clinical-note")],
        "subject": _CLIENT,
        "date": "2026-01-01T22:10:00Z",
    }
    context = {"encounter": [_SESSION], "period": {"start": "2026-01-01T21:00:00Z"}}
    label = {"system": ACT_CODE, "code": "PSYTHPN"}
    hidden = made("DocumentReference", "x2", **common, docStatus="final", author=[_CLINICIAN])
    hidden["meta"]["security"] = [label]
    return [
        made(
            "DocumentReference",
            "x1",
            **common,
            docStatus="final",
            author=[_CLINICIAN],
            context={**context, "related": [reference("Composition/n1")]},
        ),
        hidden,
        made("DocumentReference", "x3", **common, docStatus="preliminary", author=[_ROLE], context=context),
        made(
            "DocumentReference",
            "x4",
            **common,
            docStatus="final",
            author=[_CLINICIAN],
            context=context,
            relatesTo=[{"code": "appends", "target": reference("DocumentReference/x3")}],
        ),
    ]


def _compositions() -> list[Resource]:
    common: Resource = {
        "type": coded("11506-3", LOINC),
        "subject": _CLIENT,
        "encounter": _SESSION,
        "event": [{"period": {"start": "2026-01-01T21:00:00Z"}}],
        "date": "2026-01-01T22:00:00Z",
    }
    attester = [
        {"mode": "legal", "time": "2026-01-02T15:00:00Z", "party": _CLINICIAN},
        {"mode": "professional", "time": "2026-01-03T15:00:00Z", "party": reference("Practitioner/d2")},
        {"mode": "professional", "time": "2026-01-04T15:00:00Z", "party": _ROLE},
    ]
    addendum = [{"code": "appends", "targetReference": reference("Composition/n1")}]
    return [
        made("Composition", "n1", **common, status="final", author=[_CLINICIAN], attester=attester),
        made("Composition", "n2", **common, status="preliminary", author=[_ROLE]),
        made("Composition", "n3", **common, status="final", author=[_CLINICIAN], attester=attester, relatesTo=addendum),
    ]


def _messages() -> list[Resource]:
    def message(identity: str, category: str, sender: Resource, *recipients: Resource, **more: Any) -> Resource:
        return made(
            "Communication",
            identity,
            status="completed",
            category=[coded(category)],
            priority="routine",
            subject=_CLIENT,
            sender=sender,
            recipient=list(recipients),
            sent="2026-01-05T17:00:00Z",
            received="2026-01-05T17:01:00Z",
            **more,
        )

    return [
        message("m1", "scheduling", _CLIENT, _CLINICIAN, _ROLE),
        message("m2", "clinical", _CLINICIAN, _CLIENT, inResponseTo=[reference("Communication/m1")]),
        message("m3", "billing", _ROLE, reference("Practitioner/d2")),
    ]


def _task(identity: str, status: str, owner: Resource) -> Resource:
    about: Resource = {"for": _CLIENT}
    return made(
        "Task",
        identity,
        status=status,
        priority="urgent",
        code=coded("countersign"),
        owner=owner,
        focus=reference("Composition/n1"),
        authoredOn="2026-01-05T17:00:00Z",
        lastModified="2026-01-06T09:00:00Z",
        executionPeriod={"start": "2026-01-06T08:00:00Z", "end": "2026-01-06T09:00:00Z"},
        **about,
    )


def _referral(identity: str, status: str, requester: Resource, performer: Resource) -> Resource:
    return made(
        "ServiceRequest",
        identity,
        status=status,
        intent="order",
        category=[coded("3457005", "http://snomed.info/sct")],
        code=coded("psychotherapy"),
        subject=_CLIENT,
        requester=requester,
        performer=[performer],
        authoredOn="2026-01-05T17:00:00Z",
    )


def _events() -> list[Resource]:
    """The first one touches a record of every kind."""
    touched = (
        *("Patient/p1", "Composition/n1", "Communication/m1", "ServiceRequest/w1", "Claim/k1", "Appointment/a1"),
        *("Observation/o1", "Encounter/s1"),
    )
    common: Resource = {
        "type": {"code": "rest"},
        "outcome": "0",
        "recorded": "2026-01-05T21:31:00Z",
        "period": {"start": "2026-01-05T21:30:00Z", "end": "2026-01-05T21:31:00Z"},
    }
    return [
        made(
            "AuditEvent",
            "g1",
            **common,
            subtype=[{"code": "update"}],
            action="U",
            agent=[{"who": _CLINICIAN, "requestor": True}, {"who": _ROLE, "requestor": False}],
            entity=[{"what": reference(target)} for target in touched],
        ),
        made("AuditEvent", "g2", **common, action="R", agent=[{"who": _ROLE, "requestor": True}]),
    ]


def _form(identity: str, status: str, source: Resource) -> Resource:
    """Answers in each form there is, flat and in a group."""
    ordinal = {"code": "nearly-daily", "extension": [extension(ORDINAL, valueDecimal=3)]}
    values: list[Resource] = [
        {"valueInteger": 1},
        {"valueDecimal": 2},
        {"valueCoding": ordinal},
        {"valueCoding": {"system": LOINC, "code": "LA6570-1"}},
    ]
    gad7, phq9 = ("69725-0", "68509-9", "69733-4", "69734-2"), ("44250-9", "44255-8", "44259-0", "44254-1")

    def answers(links: tuple[str, ...]) -> list[Resource]:
        return [{"linkId": f"/{link}", "answer": [value]} for link, value in zip(links, values, strict=True)]

    return made(
        "QuestionnaireResponse",
        identity,
        status=status,
        questionnaire="https://birch.example/Questionnaire/intake",
        subject=_CLIENT,
        source=source,
        encounter=_SESSION,
        authored="2026-01-05T15:00:00Z",
        item=[*answers(gad7), {"linkId": "mood", "item": answers(phq9)}],
    )


def usd(value: float) -> Resource:
    return {"value": value, "currency": "USD"}


def _billing() -> dict[str, list[Resource]]:
    insurance = [{"coverage": reference("Coverage/v1")}]
    line: Resource = {
        "sequence": 1,
        "productOrService": coded("90837"),
        "servicedDate": "2026-01-01",
        "quantity": {"value": 1},
        "net": usd(150.1),
        "locationCodeableConcept": coded("10"),
        "encounter": [_SESSION],
    }
    later = {**line, "sequence": 2, "servicedPeriod": {"start": "2026-01-02"}, "net": usd(30)}
    del later["servicedDate"]
    common: Resource = {
        "status": "active",
        "use": "claim",
        "patient": _CLIENT,
        "insurance": insurance,
        "billablePeriod": {"start": "2026-01-01", "end": "2026-01-02"},
    }
    claim = {**common, "created": "2026-01-06", "total": usd(180.1)}
    claim["item"] = [{**line, "modifier": [coded("95"), coded("HJ")]}, later]
    prior = [{"claim": reference("Claim/k1"), "relationship": coded("prior")}]

    def amounts(*named: tuple[str, float]) -> list[Resource]:
        return [{"category": coded(name), "amount": usd(value)} for name, value in named]

    paid = amounts(("submitted", 150.1), ("eligible", 110), ("benefit", 87.5), ("copay", 22.5))
    answer = {**common, "outcome": "complete", "claim": reference("Claim/k1")}
    answer["item"] = [{**one, "adjudication": paid} for one in (line, later)]
    answer["total"] = amounts(("submitted", 180.1))
    return {
        "Coverage": [
            made(
                "Coverage",
                f"v{n}",
                status="active",
                beneficiary=_CLIENT,
                type=coded(plan),
                period={"start": "2025-01-01", "end": "2026-12-31"},
                subscriberId=f"W{n}",
                order=n,
            )
            for n, plan in ((1, "PPO"), (2, "MEDICAID"))
        ],
        "Claim": [
            made("Claim", "k1", **claim, provider=_CLINICIAN),
            made("Claim", "k2", **claim, provider=_ROLE, related=prior),
        ],
        "ClaimResponse": [
            made(
                "ClaimResponse",
                f"y{n}",
                status="active",
                use="claim",
                request=reference(f"Claim/k{n}"),
                outcome=outcome,
                created="2026-01-07",
            )
            for n, outcome in ((1, "complete"), (2, "error"))
        ],
        "ExplanationOfBenefit": [
            made(
                "ExplanationOfBenefit",
                "b1",
                **answer,
                provider=_CLINICIAN,
                payment={"amount": usd(87.5), "date": "2026-01-20"},
            ),
            made("ExplanationOfBenefit", "b2", **{**answer, "outcome": "partial"}, provider=_ROLE),
        ],
    }
