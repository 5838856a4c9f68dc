"""denials: lines by the month in which payers first decided about them (decision 8, M7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from statistics import median
from typing import Any

from tests.oracle.marts.months import ended_months, month_bounds
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio

DECIDED = {"primary", "forwarded", "secondary", "tertiary", "denied"}
FAMILIES = ("authorisation", "eligibility", "timeliness", "duplicate", "necessity", "coding", "other")
ALL, PRACTICE = "all", "practice"


@dataclass(frozen=True)
class Decision:
    """One decision about one line. family: kind of denial; null where it is none."""

    day: date
    processing: Row
    charge_cents: int
    paid_cents: int
    family: str | None


@dataclass
class Claim:
    """A claim with what was sent again. decisions: by line, in order. paid: processings that paid, in order."""

    lines: dict[Any, list[Decision]] = field(default_factory=lambda: defaultdict(list))
    paid: list[tuple[date, Row]] = field(default_factory=list)


class Claims:
    """By the key of the first claim: what stands of payers' decisions."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.sent = {r["claim_key"]: r for r in practice.rows["claim"]}
        self.lines: dict[str, list[Row]] = defaultdict(list)
        for line in practice.rows["claim_payment_line"]:
            self.lines[line["claim_payment_key"]].append(line)
        self.reasons: dict[str, list[Row]] = defaultdict(list)
        for reason in practice.rows["remit_adjustment"]:
            self.reasons[reason["claim_payment_key"]].append(reason)
        paid_on = {r["remit_key"]: r["paid_on"] for r in practice.rows["remit"]}
        by_claim: dict[str, list[tuple[date, Row]]] = defaultdict(list)
        for row in practice.rows["claim_payment"]:
            if row["claim_key"] is not None and paid_on.get(row["remit_key"]) is not None:
                by_claim[row["claim_key"]].append((paid_on[row["remit_key"]], row))
        self.found: dict[str, Claim] = defaultdict(Claim)
        decided = [(self.first(key), *one) for key, processings in by_claim.items() for one in standing(processings)]
        by_position = {key for key, _, row in decided if not self._is_numbered(row)}
        for key, day, row in decided:
            self._add(self.found[key], day, row, is_numbered=key not in by_position)
        for claim in self.found.values():
            claim.paid.sort(key=_place)
            for decisions in claim.lines.values():
                decisions.sort(key=lambda d: _place((d.day, d.processing)))

    def first(self, claim_key: str) -> str:
        for _ in range(2):
            before = self.sent.get(claim_key, {}).get("original_claim_key")
            claim_key = before or claim_key
        return claim_key

    def _is_numbered(self, row: Row) -> bool:
        lines = self.lines[row["claim_payment_key"]]
        return bool(lines) and all(line["line_control_key"] is not None for line in lines)

    def _add(self, claim: Claim, day: date, row: Row, *, is_numbered: bool) -> None:
        """A line is known by its control number, and of several with one number by the place among them."""
        if row["paid_cents"] > 0:
            claim.paid.append((day, row))
        whole = {"line_no": 1, "payment_line_key": None} | {name: row[name] for name in ("charge_cents", "paid_cents")}
        seen: dict[str, int] = defaultdict(int)
        for line in sorted(self.lines[row["claim_payment_key"]], key=lambda r: r["line_no"]) or [whole]:
            about = line["line_no"]
            if is_numbered:
                seen[line["line_control_key"]] += 1
                about = line["line_control_key"], seen[line["line_control_key"]]
            decision = Decision(day, row, line["charge_cents"], line["paid_cents"], self._family(row, line))
            claim.lines[about].append(decision)

    def _family(self, row: Row, line: Row) -> str | None:
        if line["paid_cents"] > 0:
            return None
        none = self.practice.setting("billing", "no_denials")
        uncovered = self.practice.setting("billing", "client_share_denials")
        said = []
        for reason in self.reasons[row["claim_payment_key"]]:
            if reason["payment_line_key"] not in {None, line["payment_line_key"]} or reason["carc"] in none:
                continue
            by_payer = reason["group_code"] in {"contractual", "payer", "other"}
            if by_payer or (reason["group_code"] == "patient" and reason["carc"] in uncovered):
                said.append(reason["denial_family"])
        said = [family for family in said if family is not None]
        return min(said, key=FAMILIES.index, default=None)


def _place(processing: tuple[date, Row]) -> tuple[Any, ...]:
    day, row = processing
    return day, row["status"] in {"secondary", "tertiary"}, row["claim_payment_key"]


def standing(processings: list[tuple[date, Row]]) -> list[tuple[date, Row]]:
    """Decisions that no reversal took back: each takes the last earlier one of the same amount; one of the same day
    only where there is none, because a correction comes with its reversal.
    """
    left = [p for p in processings if p[1]["status"] in DECIDED]
    for day, back in sorted((p for p in processings if p[1]["status"] == "reversal"), key=lambda p: p[0]):
        same = [p for p in left if p[0] <= day and p[1]["paid_cents"] == -back["paid_cents"]]
        if same:
            left.remove(max(same, key=lambda p: (p[0] < day, p[0], p[1]["claim_payment_key"])))
    return left


@dataclass
class Part:
    """Lines first decided, as (claim, decisions), and waits of claims first paid."""

    lines: list[tuple[str, list[Decision]]] = field(default_factory=list)
    to_pay: list[int] = field(default_factory=list)
    to_submit: list[int] = field(default_factory=list)


def denials(practice: Practice) -> MartRows:
    claims = Claims(practice)
    parts: dict[tuple[date, str, str], Part] = defaultdict(Part)
    for key, claim in claims.found.items():
        for decisions in claim.lines.values():
            for about in _parts(practice, claims, decisions[0].day, decisions[0].processing):
                parts[about].lines.append((key, decisions))
        sent = claims.sent.get(key)
        if claim.paid and sent is not None and sent["submitted_on"] is not None:
            day, processing = claim.paid[0]
            for about in _parts(practice, claims, day, processing):
                parts[about].to_pay.append((day - sent["submitted_on"]).days)
                if sent["service_to"] is not None:
                    parts[about].to_submit.append((sent["submitted_on"] - sent["service_to"]).days)
    months = set(ended_months(practice))
    least = practice.setting("billing", "least_lines_of_clinician")
    found: MartRows = {}
    for (month, payer, who), part in parts.items():
        if month in months and part.lines and (who == PRACTICE or len(part.lines) >= least):
            bounds = month_bounds(practice, month)
            families = {d[0].family for _, d in part.lines} - {None}
            for family in [ALL, *sorted(str(f) for f in families)]:
                found[month, payer, family, who] = _row(part, family) | {
                    "is_practice_total": (payer, family, who) == (ALL, ALL, PRACTICE),
                    **bounds,
                }
    return found


def _parts(practice: Practice, claims: Claims, day: date, processing: Row) -> Iterator[tuple[date, str, str]]:
    month = day.replace(day=1)
    yield month, ALL, PRACTICE
    yield month, processing["payer_class"], PRACTICE
    sent = claims.sent.get(processing["claim_key"], {})
    person = practice.person(processing["clinician_key"] or sent.get("clinician_key"))
    if person is not None:
        yield month, ALL, person


def _row(part: Part, family: str) -> Row:
    charged = sum(decisions[0].charge_cents for _, decisions in part.lines)
    denied = [d for _, d in part.lines if d[0].family is not None and family in {ALL, d[0].family}]
    still = [d for d in denied if d[-1].family is not None]
    cents = sum(d[0].charge_cents for d in denied)
    is_all = family == ALL
    return {
        "lines_n": len(part.lines),
        "claims_n": len({key for key, _ in part.lines}),
        "charge_cents": charged,
        "denied_initial_n": len(denied),
        "denied_final_n": len(still),
        "denied_cents": cents,
        "recovered_cents": sum(later.paid_cents for d in denied for later in d[1:]),
        "denial_initial_ratio": ratio(Fraction(len(denied)), len(part.lines)),
        "denial_final_ratio": ratio(Fraction(len(still)), len(part.lines)),
        "denial_initial_usd_ratio": ratio(Fraction(cents), charged),
        "days_to_pay": median(part.to_pay) if part.to_pay and is_all else None,
        "days_to_submit": median(part.to_submit) if part.to_submit and is_all else None,
    }
