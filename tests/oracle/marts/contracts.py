"""payer_contract_month: how old agreed rates are, and what payers allow against them (decision 8, M10)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.marts.months import ended_months, month_bounds, next_month
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import exact


def contract_of(row: Row) -> str:
    return str(row["contract_code"] or row["payer_class"])


def is_in_force(rate: Row, day: date) -> bool:
    return rate["effective_from"] <= day and (rate["effective_to"] is None or rate["effective_to"] >= day)


def payer_contract_month(practice: Practice) -> MartRows:
    lines = _lines(practice)
    found: MartRows = {}
    for month in ended_months(practice):
        last = next_month(month) - timedelta(days=1)
        rates: dict[str, list[Row]] = defaultdict(list)
        for rate in practice.rows["payer_contract"]:
            if is_in_force(rate, last):
                rates[contract_of(rate)].append(rate)
        for contract, mine in rates.items():
            begun = [rate["effective_from"] for rate in mine]
            paid = lines[contract, month]
            found[month, contract] = {
                "rates_n": len(mine),
                "rate_age_months": _age(max(begun), month),
                "oldest_rate_age_months": _age(min(begun), month),
                "allowed_to_rate_ratio": ratio(sum((a for a, _ in paid), Fraction(0)), sum(due for _, due in paid)),
                **month_bounds(practice, month),
            }
    return found


def _age(begun: date, month: date) -> int:
    return (month.year - begun.year) * 12 + month.month - begun.month + 1


def _lines(practice: Practice) -> dict[tuple[str, date], list[tuple[Any, Any]]]:
    """Allowed, and what was agreed, by contract and month of service, of lines a first payer allows something for."""
    rates: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for rate in practice.rows["payer_contract"]:
        rates[contract_of(rate), rate["procedure_code"]].append(rate)
    charged: dict[Any, list[str]] = defaultdict(list)
    for charge in practice.rows["charge"]:
        if charge["status"] != "voided" and charge["contract_code"] is not None:
            charged[charge["claim_key"]].append(charge["contract_code"])
    processed = {p["claim_payment_key"]: p for p in practice.rows["claim_payment"]}
    found: dict[tuple[str, date], list[tuple[Any, Any]]] = defaultdict(list)
    for line in practice.rows["claim_payment_line"]:
        by = processed[line["claim_payment_key"]]
        if (
            by["status"] not in {"primary", "forwarded"}
            or by["claim_key"] not in charged
            or line["service_date"] is None
        ):
            continue
        contract = min(charged[by["claim_key"]])
        agreed = [r for r in rates[contract, line["procedure_code"]] if is_in_force(r, line["service_date"])]
        if agreed and line["allowed_cents"] is not None and line["allowed_cents"] > 0:
            rate = max(agreed, key=lambda r: (r["effective_from"], -r["rate_cents"]))
            due = rate["rate_cents"] * exact(1 if line["units"] is None else line["units"])
            found[contract, line["service_date"].replace(day=1)].append((Fraction(line["allowed_cents"]), due))
    return found
