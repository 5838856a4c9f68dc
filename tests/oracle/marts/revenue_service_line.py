"""revenue_service_line: what each service line charged, collected and cost (decision 8, M4 to M6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.intervals import tick
from tests.oracle.marts.contracts import is_in_force
from tests.oracle.marts.money import Billing
from tests.oracle.marts.months import ended_months, month_bounds, next_month
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import local_midnight

FIRST_PAYERS = {"primary", "forwarded", "denied", "reversal"}
NOT_FOR_SERVICE = {"monthly_code", "bundle", "capitation"}
ADJUSTMENTS = ("contractual_cents", "denied_cents", "patient_cents", "other_cents")
UNLINKED, CAPITATION = "unlinked", "capitation"
HOUR = 3_600_000_000


@dataclass
class Line:
    """A service line's month. remitted: what first payers say, by column."""

    sessions: list[Row] = field(default_factory=list)
    charges: list[Row] = field(default_factory=list)
    paid: int = 0
    not_for_service: int = 0
    remitted: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Ledger:
    """Service lines by month."""

    def __init__(self, practice: Practice) -> None:
        self.practice, self.billing = practice, Billing(practice)
        self.lines: dict[tuple[date, str], Line] = defaultdict(Line)
        for session in self.billing.held.values():
            month = self.billing.day(session).replace(day=1)
            self.lines[month, self.billing.line_of_session(session)].sessions.append(session)
        self.of = {key: self._line(charge) for key, charge in self.billing.charges.items()}
        for key, charge in self.billing.charges.items():
            self.of[key].charges.append(charge)
        for payment in practice.rows["payment"]:
            self._add_payment(payment)
        for claim_key, column, cents in _remitted(practice):
            for charge, part in self.billing.shared(claim_key, cents):
                self.of[charge["charge_key"]].remitted[column] += part
        self.costs: dict[str, list[Row]] = defaultdict(list)
        for rate in practice.rows["cost_rate"]:
            self.costs[rate["service_line"]].append(rate)

    def _line(self, charge: Row) -> Line:
        return self.lines[charge["service_date"].replace(day=1), self.billing.line(charge)]

    def _add_payment(self, payment: Row) -> None:
        parts = self.billing.paid(payment)
        if not parts:
            self.lines[payment["posted_on"].replace(day=1), UNLINKED].paid += payment["amount_cents"]
        for charge, cents in parts:
            line = self.of[charge["charge_key"]]
            line.paid += cents
            line.not_for_service += cents * self.is_not_for_service(charge)

    def is_not_for_service(self, charge: Row) -> bool:
        names = ("monthly_codes", "bundle_codes")
        codes = {code for name in names for code in self.practice.setting("billing", name)}
        return charge["procedure_code"] in codes or self.billing.payment_model(charge) in NOT_FOR_SERVICE

    def cost(self, name: str, sessions: list[Row]) -> int | None:
        """Null where a session has no rate on its day, or the line has none."""
        total = Fraction(0)
        for session in sessions:
            rates = [r for r in self.costs[name] if is_in_force(r, self.billing.day(session))]
            if not rates:
                return None
            rate = max(rates, key=lambda r: r["effective_from"])
            hours = Fraction(tick(session["ended_at"]) - tick(session["started_at"]), HOUR)
            total += (rate["session_cost_cents"] or 0) + (rate["hour_cost_cents"] or 0) * hours
        return int(total + Fraction(1, 2)) if self.costs[name] else None

    def row(self, month: date, name: str) -> Row:
        practice, line = self.practice, self.lines[month, name]
        has_charges, has_payments = practice.knows(None, "charge"), practice.knows(None, "payment")
        has_remits = practice.knows(None, "remit_adjustment")
        charged = sum(c["charge_cents"] for c in line.charges) if has_charges else None
        fees = sum(c["charge_cents"] for c in line.charges if self.billing.is_fee(c)) if has_charges else None
        paid = line.paid if has_payments else None
        adjusted = {column: line.remitted[column] if has_remits else None for column in ADJUSTMENTS}
        cost = self.cost(name, line.sessions)
        is_capitated = any(self.billing.payment_model(c) == CAPITATION for c in line.charges)
        margin = None if paid is None or cost is None or is_capitated else paid - cost
        left = None
        if charged is not None and adjusted["contractual_cents"] is not None and is_settled(practice, month):
            left = charged - adjusted["contractual_cents"]
        not_for_service = line.not_for_service if has_payments else None
        return {
            **frame(practice, month, is_service=name != UNLINKED),
            "sessions_n": len(line.sessions),
            "charges_n": len(line.charges) if has_charges else None,
            "charge_cents": charged,
            "missed_fee_cents": fees,
            "allowed_cents": line.remitted.get("allowed_cents"),
            "paid_cents": paid,
            **adjusted,
            "direct_cost_cents": cost,
            "margin_cents": margin,
            "non_ffs_cents": not_for_service,
            "non_ffs_ratio": share(not_for_service, paid),
            "net_collection_ratio": None if left is None else share(paid, left),
            "members_n": None,
            "pmpm_usd_cents": None,
        }


def revenue_service_line(practice: Practice) -> MartRows:
    ledger, months = Ledger(practice), set(ended_months(practice))
    found: MartRows = {key: ledger.row(*key) for key in list(ledger.lines) if key[0] in months}
    for month in months:
        members = [m for m in practice.rows["member_month"] if m["month"] == month]
        if members:
            found[month, CAPITATION] = _capitation(practice, month, members)
    return found


def is_settled(practice: Practice, month: date) -> bool:
    """Whether the policy's days have passed since the month's end."""
    day = next_month(month) + timedelta(days=practice.setting("billing", "settled_after"))
    return local_midnight(day, practice.home_tz) <= practice.as_of


def frame(practice: Practice, month: date, *, is_service: bool) -> Row:
    settled = is_settled(practice, month)
    return {
        **month_bounds(practice, month),
        "is_service": is_service,
        "is_settled": settled,
        "is_open": not settled,
    }


def share(part: int | None, whole: int | None) -> Any:
    return ratio(None if part is None else Fraction(part), whole)


def _capitation(practice: Practice, month: date, members: list[Row]) -> Row:
    revenue, count = sum(m["revenue_cents"] for m in members), sum(m["members_n"] for m in members)
    return {
        **frame(practice, month, is_service=False),
        "sessions_n": 0,
        "charges_n": 0,
        "charge_cents": 0,
        "missed_fee_cents": 0,
        "allowed_cents": None,
        "paid_cents": revenue,
        **dict.fromkeys(ADJUSTMENTS, 0),
        "direct_cost_cents": None,
        "margin_cents": None,
        "non_ffs_cents": revenue,
        "non_ffs_ratio": share(revenue, revenue),
        "net_collection_ratio": None,
        "members_n": count,
        "pmpm_usd_cents": share(revenue, count),
    }


def _remitted(practice: Practice) -> Iterator[tuple[str | None, str, int]]:
    """What first payers allow and take off, by claim and column."""
    first = {p["claim_payment_key"]: p for p in practice.rows["claim_payment"] if p["status"] in FIRST_PAYERS}
    sums: dict[tuple[str | None, str], int] = defaultdict(int)
    for line in practice.rows["claim_payment_line"]:
        if line["claim_payment_key"] in first and line["allowed_cents"] is not None:
            sums[first[line["claim_payment_key"]]["claim_key"], "allowed_cents"] += line["allowed_cents"]
    for reason in practice.rows["remit_adjustment"]:
        if reason["claim_payment_key"] in first:
            claim = first[reason["claim_payment_key"]]["claim_key"]
            sums[claim, _column(practice, reason)] += reason["amount_cents"]
    for (claim, column), cents in sums.items():
        yield claim, column, cents


def _column(practice: Practice, reason: Row) -> str:
    if reason["group_code"] == "patient":
        return "patient_cents"
    if reason["denial_family"] is not None and reason["carc"] not in practice.setting("billing", "no_denials"):
        return "denied_cents"
    return "contractual_cents" if reason["group_code"] == "contractual" else "other_cents"
