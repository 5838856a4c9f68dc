"""Charges, the sessions they are for, their service lines, and money shared out among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from functools import cached_property

from tests.oracle.marts.contracts import contract_of, is_in_force
from tests.oracle.marts.practice import Practice, Row

HELD = {"completed", "partial"}
MISSED = {"no_show", "cancelled"}
UNKNOWN = "unknown"


class Billing:
    """Standing charges by key, in order, and the held sessions of a practice."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        standing = (c for c in practice.rows["charge"] if c["status"] != "voided")
        self.charges: dict[str, Row] = {c["charge_key"]: c for c in sorted(standing, key=lambda c: c["charge_key"])}
        self.held: dict[str, Row] = {s["session_key"]: s for s in practice.rows["session"] if s["status"] in HELD}
        self.seats: dict[str, Row] = {a["appointment_key"]: a for a in practice.rows["appointment"]}
        self.kept: dict[str, Row] = {}
        self.by_day: dict[tuple[str | None, date], list[Row]] = defaultdict(list)
        for key, session in sorted(self.held.items(), reverse=True):
            if session["appointment_key"] is not None:
                self.kept[session["appointment_key"]] = session
            for client in practice.attended[key]:
                self.by_day[client, self.day(session)].append(session)

    def day(self, session: Row) -> date:
        """Where the person in charge is."""
        return self.practice.day(self.practice.person(session["clinician_key"]) or "", session["started_at"])

    def is_fee(self, charge: Row) -> bool:
        """Whether it is asked for an appointment that was missed or cancelled."""
        seat = self.seats.get(charge["appointment_key"])
        return seat is not None and seat["status"] in MISSED and charge["session_key"] not in self.held

    def session(self, charge: Row) -> Row | None:
        """The one it names, else that which kept its appointment, else one that its client attended on the day. Which
        of several, decision 8, M5, leaves open: that of the first key.
        """
        if self.is_fee(charge):
            return None
        named = self.held.get(charge["session_key"]) or self.kept.get(charge["appointment_key"])
        if named is not None:
            return named
        about = self.practice.client(charge["client_key"]), charge["service_date"]
        there = self.by_day[about] if charge["client_key"] is not None else []
        return min(there, key=lambda session: session["session_key"], default=None)

    # --- service lines ---

    @cached_property
    def _linked_lines(self) -> dict[str, set[str]]:
        """Service lines of the episodes that a session's list of clients names."""
        lines = {e["episode_key"]: e["service_line"] for e in self.practice.rows["episode"]}
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.practice.rows["session_participant"]:
            if lines.get(row["episode_key"]) is not None:
                found[row["session_key"]].add(lines[row["episode_key"]])
        return found

    def line_of_session(self, session: Row) -> str:
        """Its own, else that of its episode."""
        own = session["service_line"]
        return str(own) if own is not None else min(self._linked_lines[session["session_key"]], default=UNKNOWN)

    def line(self, charge: Row) -> str:
        """Its own, else that of its session."""
        if charge["service_line"] is not None:
            return str(charge["service_line"])
        session = self.session(charge)
        return UNKNOWN if session is None else self.line_of_session(session)

    # --- money ---

    @cached_property
    def of_claim(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for charge in self.charges.values():
            if charge["claim_key"] is not None:
                found[charge["claim_key"]].append(charge)
        return found

    def shared(self, claim_key: str | None, cents: int) -> list[tuple[Row, int]]:
        """A claim's money by charge; nothing where no standing charge is on the claim."""
        charges = self.of_claim.get(claim_key or "", [])
        return list(zip(charges, split(cents, [c["charge_cents"] for c in charges]), strict=True))

    def paid(self, payment: Row) -> list[tuple[Row, int]]:
        """A payment by charge; nothing where it meets none."""
        named = self.charges.get(payment["charge_key"])
        if named is not None:
            return [(named, payment["amount_cents"])]
        return self.shared(payment["claim_key"], payment["amount_cents"])

    @cached_property
    def paid_by_charge(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for payment in self.practice.rows["payment"]:
            for charge, cents in self.paid(payment):
                found[charge["charge_key"]] += cents
        return found

    @cached_property
    def _rates(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for rate in self.practice.rows["payer_contract"]:
            found[contract_of(rate)].append(rate)
        return found

    def payment_model(self, charge: Row) -> str | None:
        """As agreed for its code, else for the whole contract."""
        rates = [
            r
            for r in self._rates.get(contract_of(charge), [])
            if is_in_force(r, charge["service_date"]) and r["procedure_code"] in {None, charge["procedure_code"]}
        ]
        best = max(rates, key=lambda r: (r["procedure_code"] is not None, r["effective_from"]), default=None)
        return None if best is None else best["payment_model"]


def split(cents: int, weights: Sequence[int]) -> list[int]:
    """By weight, to the cent: what is left over goes to those who lost most of a cent."""
    if not weights:
        return []
    total = sum(weights)
    exact = [Fraction(cents * w, total) if total else Fraction(cents, len(weights)) for w in weights]
    found = [int(part // 1) for part in exact]
    order = sorted(range(len(weights)), key=lambda n: (found[n] - exact[n], n))
    for n in order[: cents - sum(found)]:
        found[n] += 1
    return found
