"""payer_mix: sessions, clients and money by kind of payer (decision 8, M8)."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.marts.money import UNKNOWN, Billing
from tests.oracle.marts.months import next_quarter, quarter_bounds, quarter_of, quarters
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio

PRACTICE = "practice"


@dataclass
class Part:
    """Of one quarter, kind of payer and person, or the practice. clients: persons."""

    sessions: set[str] = field(default_factory=set)
    clients: set[str | None] = field(default_factory=set)
    paid: int = 0


def payer_mix(practice: Practice) -> MartRows:
    ended = set(quarters(practice))
    parts = {key: part for key, part in _parts(practice).items() if key[0] in ended}
    sessions: dict[tuple[date, str], int] = defaultdict(int)
    paid: dict[tuple[date, str], int] = defaultdict(int)
    for (quarter, who, _), part in parts.items():
        sessions[quarter, who] += len(part.sessions)
        paid[quarter, who] += part.paid
    has_payments = practice.knows(None, "payment")
    found: MartRows = {}
    for (quarter, who, payer), part in parts.items():
        has_sessions = practice.knows(None if who == PRACTICE else who, "session")
        n = len(part.sessions)
        found[quarter, who, payer] = {
            **quarter_bounds(practice, quarter),
            "sessions_n": n if has_sessions else None,
            "sessions_ratio": ratio(Fraction(n), sessions[quarter, who]) if has_sessions else None,
            "clients_n": len(part.clients) if has_sessions else None,
            "paid_cents": part.paid if has_payments and who == PRACTICE else None,
            "paid_ratio": ratio(Fraction(part.paid), paid[quarter, who]) if has_payments else None,
        }
    return found


def _parts(practice: Practice) -> dict[tuple[date, str, str], Part]:
    billing = Billing(practice)
    found: dict[tuple[date, str, str], Part] = defaultdict(Part)
    of_session: dict[str, list[Row]] = defaultdict(list)
    for key, charge in billing.charges.items():
        session = billing.session(charge)
        if session is not None:
            of_session[session["session_key"]].append(charge)
        quarter = quarter_of(charge["service_date"])
        biller = practice.person(charge["billing_clinician_key"] or charge["clinician_key"])
        for who in {PRACTICE, biller} - {None}:
            found[quarter, str(who), charge["payer_class"]].paid += billing.paid_by_charge.get(key, 0)
    for quarter, payer in _claimed_or_agreed(practice):
        found[quarter, PRACTICE, payer].paid += 0
    payers = Payers(practice)
    for key, session in billing.held.items():
        day = billing.day(session)
        for payer, client in payers.of(session, day, of_session[key]):
            for who in {PRACTICE, *practice.clinicians_of_session[key]}:
                part = found[quarter_of(day), who, payer]
                part.sessions.add(key)
                part.clients.add(client)
    return found


def _claimed_or_agreed(practice: Practice) -> Iterator[tuple[date, str]]:
    """Quarters and kinds of payer of claims, and with a rate in force."""
    for claim in practice.rows["claim"]:
        day = claim["service_from"] or claim["service_to"] or claim["submitted_on"]
        if day is not None and claim["frequency"] != "void":
            yield quarter_of(day), claim["payer_class"]
    for quarter in quarters(practice):
        last = next_quarter(quarter) - timedelta(days=1)
        for rate in practice.rows["payer_contract"]:
            if rate["effective_from"] <= last and (rate["effective_to"] is None or rate["effective_to"] >= quarter):
                yield quarter, rate["payer_class"]


class Payers:
    """Who pays for a client's session."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.covered: dict[str | None, list[Row]] = defaultdict(list)
        for row in practice.rows["coverage"]:
            self.covered[practice.client(row["client_key"])].append(row)

    def of(self, session: Row, day: date, charges: list[Row]) -> Iterator[tuple[str, str | None]]:
        """Kinds of payers and their clients: of the charges, else of each client's coverage that day."""
        for charge in charges:
            yield charge["payer_class"], self.practice.client(charge["client_key"])
        if not charges:
            for client in self.practice.attended[session["session_key"]]:
                yield self.covering(client, day), client

    def covering(self, client: str, day: date) -> str:
        """Of several the primary one; where none is said to be, that which began last; else the first by name."""
        there = [
            c
            for c in self.covered[client]
            if (c["from_date"] is None or c["from_date"] <= day)
            and (c["to_date"] is None or c["to_date"] >= day)
            and c["is_active"] is not False
        ]

        def place(row: Row) -> Any:
            begun = row["from_date"] or date.min
            return row["priority"] or sys.maxsize, -begun.toordinal(), row["payer_class"]

        return str(min(there, key=place)["payer_class"]) if there else UNKNOWN
