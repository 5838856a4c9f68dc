"""`payer_contract_month`: how old the rates of each contract are, and whether payers allow them."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.judging import Grain, band
from pacekeeper_assets.periods import PRACTICE_MONTH
from pacekeeper_assets.practice_facts import needs_of, ratio

_CONTRACT_MONTH = Grain("contract", "contract", "month_id", "month_start_at", "month_end_at")
_KEYS = ("month_id", "contract")


def payer_contract_month(tables: CanonicalTables, policy: Policy) -> Table:
    rates, months = _rates(tables), tables.practice_month
    met = months.inner_join(rates, rates.from_no <= months.last_no)
    met = met.filter(ibis.coalesce(met.to_no >= met.last_no, literal(value=True)))
    aged = met.group_by("month_id", "month_start_at", "month_end_at", "contract").aggregate(
        rates_n=met.count(), latest=met.effective_from.max(), oldest=met.effective_from.min()
    )
    rows = aged.left_join(_allowed(tables), _KEYS).drop(*(f"{key}_right" for key in _KEYS))
    return rows.mutate(
        rate_age_months=_months(rows.month_id) - _months(rows.latest) + 1,
        oldest_rate_age_months=_months(rows.month_id) - _months(rows.oldest) + 1,
        allowed_to_rate_ratio=ratio(rows.allowed_cents, rows.rate_cents),
    )


def _months(day: Value) -> Value:
    return day.year().cast("int64") * 12 + day.month().cast("int64")


def _rates(tables: CanonicalTables) -> Table:
    rows = tables.payer_contract
    return rows.select(
        "procedure_code",
        "rate_cents",
        "effective_from",
        contract=ibis.coalesce(rows.contract_code, rows.payer_class),
        from_no=day_number(rows.effective_from),
        to_no=day_number(rows.effective_to),
    )


def _allowed(tables: CanonicalTables) -> Table:
    """By month of service and contract: what first payers allowed for lines that have a rate, and the rate for them."""
    charges = tables.charge.filter((tables.charge.status != "voided") & tables.charge.contract_code.notnull())
    contracts = charges.group_by("claim_key").aggregate(contract=charges.contract_code.min())
    processed = tables.claim_payment.filter(tables.claim_payment.status.isin(["primary", "forwarded"]))
    processed = processed.inner_join(contracts, "claim_key").select("claim_payment_key", "contract")
    lines = tables.claim_payment_line.filter(tables.claim_payment_line.allowed_cents > 0)
    lines = lines.inner_join(processed, "claim_payment_key").mutate(service_no=day_number(lines.service_date))
    rates = _rates(tables)
    priced = lines.inner_join(rates, ["contract", "procedure_code"])
    priced = priced.filter(
        (priced.from_no <= priced.service_no) & ibis.coalesce(priced.to_no >= priced.service_no, literal(value=True))
    )
    newest = ibis.window(group_by="payment_line_key", order_by=[ibis.desc("from_no"), "rate_cents"])
    priced = priced.mutate(place=ibis.row_number().over(newest)).filter(lambda t: t.place == 0)
    months = tables.practice_month.select("month_id", "first_no", "last_no")
    dated = priced.inner_join(months, [priced.service_no >= months.first_no, priced.service_no <= months.last_no])
    return dated.group_by("month_id", "contract").aggregate(
        allowed_cents=dated.allowed_cents.sum(), rate_cents=(dated.rate_cents * dated.units.fill_null(1.0)).sum()
    )


_RATE = Input("payer_contract", ("payer_class", "effective_from"))
_AGE = needs_of(
    _RATE, supporting=(Input("payer_contract", ("contract_code",), without="rates of a payer are one contract"),)
)
_MATCHED = needs_of(
    Input("payer_contract", ("contract_code", "procedure_code", "rate_cents", "effective_from")),
    Input("charge", ("claim_key", "contract_code")),
    Input("claim_payment", ("claim_payment_key", "claim_key", "status")),
    Input("claim_payment_line", ("claim_payment_key", "procedure_code", "service_date", "allowed_cents")),
)


def _age(name: str, of: str) -> MartColumn:
    description = f"Calendar months since {of} in force at the month's end took effect, its first month counting as 1."
    return MartColumn(name, "count", "months", f"{description} Never null.", needs=_AGE, rules=("F03",))


PAYER_CONTRACT_MONTH = Mart(
    name="payer_contract_month",
    description="How old the agreed rates are, and what payers allow against them.",
    grain="one row per whole month that has ended and contract with a rate in force at its end",
    primary_key=("month_id", "contract"),
    inputs=(
        "clinician_week",
        "practice",
        "calendar_day",
        "payer_contract",
        "charge",
        "claim_payment",
        "claim_payment_line",
    ),
    steps=(PRACTICE_MONTH,),
    build=payer_contract_month,
    columns=(
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn("contract", "text", "", "The practice's code of the contract; the kind of payer where it has none."),
        MartColumn(
            "rates_n", "count", "rates", "Rates in force at the month's end. Never null.", needs=_AGE, rules=("F03",)
        ),
        _age("rate_age_months", "the newest rate"),
        _age("oldest_rate_age_months", "the oldest rate"),
        MartColumn(
            "allowed_to_rate_ratio",
            "number",
            "ratio",
            "Allowed by first payers / newest rate in force x units, over lines of the month of service for which they "
            "allow something and whose code has a rate. Null: no such line.",
            needs=_MATCHED,
            rules=("F03",),
        ),
    ),
)

PAYER_CONTRACT_AGE: Guardrail = band(
    "payer_contract_age",
    mart="payer_contract_month",
    value="rate_age_months",
    needs=_AGE,
    grain=_CONTRACT_MONTH,
)
