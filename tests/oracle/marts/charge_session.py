"""Which session a charge is for that names its client and the day only (decision 8, M5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from tests.oracle.marts.practice import Practice, Row

#: First digits of codes, and what is held.
HELD_FOR = (
    ("9079", "intake"),
    ("9083", "individual"),
    ("90839", "crisis"),
    ("9084", "individual"),
    ("90846", "family"),
    ("90847", "family"),
    ("90849", "group"),
    ("90853", "group"),
    ("9613", "testing"),
    *((str(number), "medication") for number in range(99202, 99216) if number != 99211),
)
KINDS = {"couple": "family", "iop": "group"}
FOR_EACH_CLIENT = {"group", "iop"}
ClientDay = tuple[str | None, date]


def kind_of_code(code: str | None) -> str | None:
    fits = [(digits, kind) for digits, kind in HELD_FOR if (code or "").startswith(digits)]
    return max(fits)[1] if fits else None


def kind_of_session(session: Row) -> str:
    kind = str(session["session_type"])
    return KINDS.get(kind, kind)


class Matching:
    def __init__(self, practice: Practice, named: Iterable[tuple[Row, Row]]) -> None:
        self.practice = practice
        lists = ("session_addons", "monthly_codes", "bundle_codes")
        self.beside = {code for name in lists for code in practice.setting("billing", name)}
        self.charged: dict[str, list[Row]] = defaultdict(list)
        self.of_claim: dict[str, set[str]] = defaultdict(set)
        for charge, session in named:
            self.add(charge, session)

    def add(self, charge: Row, session: Row) -> None:
        self.charged[session["session_key"]].append(charge)
        if charge["claim_key"] is not None:
            self.of_claim[charge["claim_key"]].add(session["session_key"])

    def has_own(self, charge: Row) -> bool:
        return charge["procedure_code"] not in self.beside

    def is_taken(self, session: Row, client: str | None) -> bool:
        return any(
            self.has_own(c)
            and (session["session_type"] not in FOR_EACH_CLIENT or self.practice.client(c["client_key"]) == client)
            for c in self.charged[session["session_key"]]
        )

    def kind(self, row: Row) -> str | None:
        if "started_at" in row:
            return kind_of_session(row)
        return kind_of_code(row["procedure_code"]) if self.has_own(row) else None

    def person(self, row: Row) -> str | None:
        return self.practice.person(row["clinician_key"])

    def one_each(self, charges: list[Row], sessions: list[Row]) -> dict[str, Row]:
        """In rounds: those alike in kind and person, in kind, in person, and the others; each in order."""
        found: dict[str, Row] = {}
        rounds: tuple[Sequence[Callable[[Row], str | None]], ...]
        rounds = ((self.kind, self.person), (self.kind,), (self.person,), ())
        for facts in rounds:
            for charge in [c for c in charges if c["charge_key"] not in found]:
                told = [fact(charge) for fact in facts]
                fits = [s for s in sessions if None not in told and [fact(s) for fact in facts] == told]
                if fits:
                    found[charge["charge_key"]] = fits[0]
                    sessions.remove(fits[0])
        return found

    def best(self, charge: Row, sessions: list[Row]) -> Row:
        """For one that shares a session: that of its claim, of its kind, of its person, or the first."""

        def place(session: Row) -> Any:
            return (
                session["session_key"] not in self.of_claim.get(charge["claim_key"], set()),
                self.kind(session) != self.kind(charge),
                self.person(charge) is None or self.person(session) != self.person(charge),
            )

        return min(sessions, key=place)


def sessions_of_charges(
    practice: Practice,
    loose: Sequence[Row],
    named: Iterable[tuple[Row, Row]],
    by_day: Mapping[ClientDay, Sequence[Row]],
) -> dict[str, Row]:
    """By key of the charge. loose: charges in order. named: others with their sessions. by_day: held sessions."""
    matching = Matching(practice, named)
    of_day: dict[ClientDay, list[Row]] = defaultdict(list)
    for charge in loose:
        about = practice.client(charge["client_key"]), charge["service_date"]
        if by_day.get(about):
            of_day[about].append(charge)
    found: dict[str, Row] = {}
    rest: list[tuple[Row, list[Row]]] = []
    for about, charges in of_day.items():
        sessions = sorted(by_day[about], key=lambda s: (s["started_at"], s["session_key"]))
        if len(sessions) > 1:
            free = [s for s in sessions if not matching.is_taken(s, about[0])]
            found |= matching.one_each([c for c in charges if matching.has_own(c)], free)
        rest += [(c, sessions) for c in charges if c["charge_key"] not in found]
    for charge in loose:
        if charge["charge_key"] in found:
            matching.add(charge, found[charge["charge_key"]])
    return found | {charge["charge_key"]: matching.best(charge, sessions) for charge, sessions in rest}
