"""Charges, the sessions they are for, their service lines, and money shared out among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from functools import cached_property

from tests.oracle.marts.charge_session import sessions_of_charges
from tests.oracle.marts.contracts import contract_of, is_in_force
from tests.oracle.marts.practice import Practice, Row
from tests.oracle.marts.trajectory import Episodes

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

    def named(self, charge: Row) -> Row | None:
        """The session it names, else that which kept its appointment."""
        return self.held.get(charge["session_key"]) or self.kept.get(charge["appointment_key"])

    def session(self, charge: Row) -> Row | None:
        """The one named, else one that its client attended on the day (decision 8, M5)."""
        return None if self.is_fee(charge) else self.named(charge) or self._by_day.get(charge["charge_key"])

    @cached_property
    def _by_day(self) -> dict[str, Row]:
        named, loose = [], []
        for charge in self.charges.values():
            session = self.named(charge)
            if self.is_fee(charge):
                continue
            if session is not None:
                named.append((charge, session))
            elif charge["client_key"] is not None:
                loose.append(charge)
        return sessions_of_charges(self.practice, loose, named, self.by_day)

    # --- service lines ---

    @cached_property
    def episodes(self) -> Episodes:
        return Episodes(self.practice)

    @cached_property
    def _lines_of_episodes(self) -> dict[str, set[str]]:
        """Service lines by session, of the episodes it belongs to for those who attended (decision 8, O1)."""
        found: dict[str, set[str]] = defaultdict(set)
        for sessions in self.episodes.seen.values():
            for key, (_, episode) in sessions.items():
                line = self.episodes.rows.get(episode or "", {}).get("service_line")
                if line is not None:
                    found[key].add(line)
        return found

    def line_of_session(self, session: Row) -> str:
        """Its own, else that of its episode."""
        own = session["service_line"]
        return str(own) if own is not None else min(self._lines_of_episodes[session["session_key"]], default=UNKNOWN)

    def line(self, charge: Row) -> str:
        """Its own, else that of its session, else of the episode of its appointment, or of its client on the day."""
        if charge["service_line"] is not None:
            return str(charge["service_line"])
        session = self.session(charge)
        line = UNKNOWN if session is None else self.line_of_session(session)
        if line == UNKNOWN:
            episode = self.seats.get(charge["appointment_key"], {}).get("episode_key")
            if episode is None or episode not in self.episodes.rows or self.episodes.is_error(episode):
                episode = self.episodes.at(self.practice.client(charge["client_key"]), charge["service_date"])
            line = self.episodes.rows.get(episode or "", {}).get("service_line") or UNKNOWN
        return str(line)

    # --- money ---

    @cached_property
    def of_claim(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for charge in self.charges.values():
            if charge["claim_key"] is not None:
                found[charge["claim_key"]].append(charge)
        return found

    @cached_property
    def _replaced(self) -> dict[str, str]:
        """Claims by the claim that replaces or voids them."""
        claims = self.practice.rows["claim"]
        return {c["claim_key"]: c["original_claim_key"] for c in claims if c["original_claim_key"] is not None}

    def first_claim(self, key: str) -> str:
        """Two steps back at most."""
        before = self._replaced.get(key, key)
        return self._replaced.get(before, before)

    @cached_property
    def _of_first_claim(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for charge in self.charges.values():
            if charge["claim_key"] is not None:
                found[self.first_claim(charge["claim_key"])].append(charge)
        return found

    def charges_of_claim(self, key: str | None) -> list[Row]:
        """Its own, else those of all claims that began with the same one."""
        if key is None:
            return []
        return self.of_claim.get(key) or self._of_first_claim.get(self.first_claim(key), [])

    def shared(self, claim_key: str | None, cents: int) -> list[tuple[Row, int]]:
        """A claim's money by charge; nothing where no standing charge is on it or on one it replaces."""
        charges = self.charges_of_claim(claim_key)
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
