"""Rows of billing for a `World`: charges, claims and what payers made of them."""

from __future__ import annotations

from datetime import date
from typing import Any  # canonical values

from tests.marts import World

CENTS = {"currency": "USD"}


def charge(made: World, day: date, cents: int, **over: Any) -> str:
    name = str(over.pop("charge_key", f"ch{len(made.rows['charge'])}"))
    values = {"payer_class": "commercial", "status": "billed", "clinician_key": "c1", **CENTS, **over}
    made.add("charge", charge_key=name, service_date=day, charge_cents=cents, **values)
    return name


def pay(made: World, day: date, cents: int, **over: Any) -> None:
    values = {"payment_source": "payer", "is_reversal": cents < 0, **CENTS, **over}
    made.add("payment", payment_key=f"p{len(made.rows['payment'])}", posted_on=day, amount_cents=cents, **values)


def claim(made: World, name: str, cents: int, submitted: date | None = None, **over: Any) -> None:
    values = {"payer_class": "commercial", "frequency": "original", "clinician_key": "c1", **CENTS, **over}
    made.add("claim", claim_key=name, charge_cents=cents, submitted_on=submitted, service_to=submitted, **values)


def remit(
    made: World,
    day: date,
    claim_key: str,
    paid: int,
    *adjustments: tuple[str, str, int, str | None],
    charged: int = 10_000,
    **over: Any,
) -> None:
    """A claim with one line processed. adjustments: group, CARC, cents, family of denial."""
    number = len(made.rows["claim_payment"])
    key = f"cp{number}"
    made.add(
        "remit", remit_key=f"r{number}", paid_on=day, amount_cents=paid, adjusted_cents=0, is_balanced=True, **CENTS
    )
    values = {"status": "primary", "payer_class": "commercial", "clinician_key": "c1", **over}
    allowed = values.pop("allowed_cents", None)
    made.add(
        "claim_payment", claim_payment_key=key, remit_key=f"r{number}", claim_key=claim_key, charge_cents=charged,
        paid_cents=paid, **values,
    )  # fmt: skip
    line = f"{key}-1"
    made.add(
        "claim_payment_line", payment_line_key=line, claim_payment_key=key, line_no=1, charge_cents=charged,
        paid_cents=paid, allowed_cents=allowed, procedure_code="90837", service_date=day,
    )  # fmt: skip
    for place, (group, carc, cents, family) in enumerate(adjustments):
        made.add(
            "remit_adjustment", adjustment_key=f"{line}-{place}", claim_payment_key=key, payment_line_key=line,
            level="line", group_code=group, carc=carc, amount_cents=cents, denial_family=family,
        )  # fmt: skip
