"""payer_mix: sessions, clients and money by kind of payer (decision 8, M8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.oracle.marts.money import UNKNOWN, Billing
from tests.oracle.marts.months import quarter_bounds, quarter_of, quarters
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
        if key not in billing.paid_by_charge:
            continue
        biller = practice.person(charge["billing_clinician_key"] or charge["clinician_key"])
        for who in {PRACTICE, biller} - {None}:
            found[quarter, str(who), charge["payer_class"]].paid += billing.paid_by_charge[key]
    payers = Payers(practice)
    for key, session in billing.held.items():
        day = billing.day(session)
        for payer, client in payers.of(session, day, of_session[key]):
            for who in {PRACTICE, *practice.clinicians_of_session[key]}:
                part = found[quarter_of(day), who, payer]
                part.sessions.add(key)
                part.clients.add(client)
    return found


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
        """Which of several, no text says: the first by name."""
        there = [
            c
            for c in self.covered[client]
            if (c["from_date"] is None or c["from_date"] <= day)
            and (c["to_date"] is None or c["to_date"] >= day)
            and c["is_active"] is not False
        ]
        return min((str(c["payer_class"]) for c in there), default=UNKNOWN)
