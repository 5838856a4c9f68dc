from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.billing_vocabulary import PayerClass, PaymentModel
from pacekeeper.contract.entity import Entity, Rule, coded, column, source_code


class PayerContract(Entity, table=True):
    """A rate agreed with a payer."""

    grain: ClassVar[str] = "one row per contract, procedure code and first day"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="payer_contract_order",
            column="effective_to",
            message="A payer's rate must not end before it begins.",
            passes=lambda row: row("effective_to") >= row("effective_from"),
        ),
    )

    rate_key: str = column("Key of the rate.", key=True)
    contract_code: str | None = column("The practice's own code of the contract.", null="not said")
    payer_class: PayerClass = coded("Kind of payer.")
    payer_class_source_code: str | None = source_code("payer_class")
    payment_model: PaymentModel | None = coded("How the payer pays.", null="not said")
    payment_model_source_code: str | None = source_code("payment_model")
    procedure_code: str | None = column("CPT or HCPCS code.", null="a rate of no single code, such as one per member")
    rate_cents: int = column("Rate per unit, or per member and month, cents.", ge=0)
    currency: str = column("Currency, three letters.")
    effective_from: date = column("First day, local.")
    effective_to: date | None = column("Last day, local, inclusive.", null="still in force")
