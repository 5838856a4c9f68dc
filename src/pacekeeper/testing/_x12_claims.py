"""What a synthetic practice bills, and what payers make of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from pacekeeper.testing._resources import Resource
from pacekeeper.testing.practice import Practice

Result = Literal["paid", "denied", "unprocessable"]
#: Filing indicator by cumulative share of the clients; those above the last are not insured.
_FILINGS = ((0.40, "CI"), (0.60, "BL"), (0.72, "HM"), (0.90, "MC"), (0.96, "MB"))
_SHARE_UNPROCESSABLE, _SHARE_DENIED, _SHARE_REVERSED = 0.02, 0.03, 0.02
_DENIALS = ("197", "16", "29", "27", "50", "18")
_COPAY_CENTS = 2_000
_LONG_SESSION_MINUTES = 53
#: Procedure and charge in cents by type of session; an individual one depends on its length.
_PRICES: Mapping[str, tuple[str, int]] = {
    "intake": ("90791", 22_000),
    "group": ("90853", 6_000),
    "family": ("90847", 19_000),
    "couple": ("90847", 19_000),
}
_LONG, _SHORT = ("90837", 18_000), ("90834", 15_000)


@dataclass(frozen=True)
class Service:
    """One session of one client, as billed. claim: the practice's claim number. filing: kind of payer (SBR09)."""

    claim: str
    patient: str
    given_name: str
    family_name: str
    birth_date: str
    postal_code: str
    npi: str
    day: date
    procedure: str
    charge_cents: int
    is_remote: bool
    filing: str


@dataclass(frozen=True)
class Outcome:
    """What the payer made of a claim. is_reversed: a payment that is taken back two weeks later."""

    service: Service
    result: Result
    paid_cents: int
    copay_cents: int
    written_off_cents: int
    denial: str | None
    is_reversed: bool

    @property
    def is_accepted(self) -> bool:
        return self.result != "unprocessable"


@dataclass
class BillingKey:
    """What must come out of the files, money in cents."""

    claims: int = 0
    charge_cents: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    remits: int = 0
    claim_payments: int = 0
    denied: int = 0
    reversals: int = 0
    paid_cents: int = 0
    fees_cents: int = 0
    broken_sets: int = 0
    clients: set[str] = field(default_factory=set)
    npis: set[str] = field(default_factory=set)

    def add_claims(self, services: Iterable[Service]) -> None:
        for service in services:
            self.claims += 1
            self.charge_cents += service.charge_cents
            self.clients.add(service.patient)
            self.npis.add(service.npi)

    def add_answers(self, outcomes: Iterable[Outcome]) -> None:
        self.statuses.update("accepted" if outcome.is_accepted else "rejected" for outcome in outcomes)

    def add_remit(self, outcomes: Iterable[Outcome], *, fee_cents: int, is_reversal: bool) -> None:
        self.remits += 1
        self.fees_cents += fee_cents
        for outcome in outcomes:
            self.claim_payments += 1
            self.reversals += is_reversal
            self.denied += outcome.result == "denied" and not is_reversal
            self.paid_cents += -outcome.paid_cents if is_reversal else outcome.paid_cents


def outcome_of(service: Service, *, seed: int, denied: float = _SHARE_DENIED) -> Outcome:
    """Drawn by claim number, so that it does not depend on the claims beside it. denied: share of all claims."""
    rng = random.Random(f"{seed}:{service.claim}")  # noqa: S311  synthetic data
    drawn = rng.random()
    if drawn < _SHARE_UNPROCESSABLE:
        return Outcome(service, "unprocessable", 0, 0, 0, None, is_reversed=False)
    if drawn < _SHARE_UNPROCESSABLE + denied:
        return Outcome(service, "denied", 0, 0, 0, rng.choice(_DENIALS), is_reversed=False)
    allowed = service.charge_cents * 7 // 10
    copay = _COPAY_CENTS if allowed > 2 * _COPAY_CENTS else 0
    is_reversed = rng.random() < _SHARE_REVERSED
    return Outcome(
        service, "paid", allowed - copay, copay, service.charge_cents - allowed, None, is_reversed=is_reversed
    )


def services_of(practice: Practice, *, seed: int) -> Iterator[Service]:
    """Finished sessions of insured clients, in the order of the practice's encounters."""
    npis = {r["id"]: r["identifier"][0]["value"] for r in practice.resources["Practitioner"] if r.get("identifier")}
    patients = {r["id"]: r for r in practice.resources["Patient"]}
    encounters = {r["id"]: r for r in practice.resources["Encounter"]}
    told: set[str] = set()
    for encounter in practice.resources["Encounter"]:
        found = _service(encounter, encounters, patients, npis, seed=seed)
        if found is not None and found.claim not in told:
            told.add(found.claim)
            yield found


def _service(
    encounter: Resource,
    encounters: Mapping[str, Resource],
    patients: Mapping[str, Resource],
    npis: Mapping[str, str],
    *,
    seed: int,
) -> Service | None:
    """The session as billed; null where a client, a clinician or a time is missing, or nobody is billed."""
    patient = patients.get(_id(encounter.get("subject")))
    whole = encounters.get(_id(encounter.get("partOf")), encounter)
    clinicians = [npis.get(_id(p.get("individual"))) for p in whole.get("participant", ())]
    npi = next((npi for npi in clinicians if npi is not None), None)
    period = encounter.get("period", {})
    if patient is None or npi is None or encounter.get("status") != "finished" or not {"start", "end"} <= set(period):
        return None
    filing = _filing(patient["id"], seed=seed)
    if filing is None:
        return None
    start, end = datetime.fromisoformat(period["start"]), datetime.fromisoformat(period["end"])
    kind = whole["type"][0]["coding"][0]["code"] if whole.get("type") else "individual"
    is_long = (end - start).total_seconds() >= _LONG_SESSION_MINUTES * 60
    procedure, charge_cents = _PRICES.get(kind, _LONG if is_long else _SHORT)
    name = patient["name"][0]
    return Service(
        claim="RB" + encounter["id"].removeprefix("en-").replace("-", ""),
        patient=patient["id"],
        given_name=name["given"][0],
        family_name=name["family"],
        birth_date=patient.get("birthDate", ""),
        postal_code=next((a["postalCode"] for a in patient.get("address", ()) if "postalCode" in a), ""),
        npi=npi,
        day=start.date(),
        procedure=procedure,
        charge_cents=charge_cents,
        is_remote=encounter.get("class", {}).get("code") == "VR",
        filing=filing,
    )


def _filing(patient: str, *, seed: int) -> str | None:
    drawn = random.Random(f"{seed}:{patient}").random()  # noqa: S311  synthetic data
    return next((filing for share, filing in _FILINGS if drawn < share), None)


def _id(reference: Any) -> str:  # Any: a FHIR reference, or nothing
    text = reference.get("reference", "") if isinstance(reference, dict) else ""
    return str(text).rpartition("/")[2]
