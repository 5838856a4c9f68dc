"""`revenue_service_line`: what each service line earned and cost, by the month of service."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal, nearest
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import whole
from pacekeeper.measures.instant import day_number, hours, seconds, utc_day
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.billing import HELD_SESSION, STANDING_CHARGE
from pacekeeper_assets.claim_money import CHARGE_MONEY, MONEY, unlinked_payment
from pacekeeper_assets.judging import Grain, band
from pacekeeper_assets.periods import PRACTICE_MONTH
from pacekeeper_assets.practice_facts import needs_of, ratio, with_practice_known

UNLINKED = "unlinked"
CAPITATION = "capitation"
_FEE_FOR_SERVICE = "fee_for_service"
_ADJUSTMENTS = ("contractual_cents", "denied_cents", "patient_cents", "other_cents")
_SUMS = (
    "charges_n",
    "charge_cents",
    "missed_fee_cents",
    *MONEY,
    "capitated_charges_n",
    "non_ffs_cents",
    "sessions_n",
    "uncosted_n",
    "members_n",
)
_LINE_MONTH = Grain("service_line", "service_line", "month_id", "month_start_at", "month_end_at")


def revenue_service_line(tables: CanonicalTables, policy: Policy) -> Table:
    months = tables.practice_month.select("month_id", "month_start_at", "month_end_at", "first_no", "last_no")
    dated = ibis.union(_charges(tables, policy), _sessions(tables), _unlinked(tables), _capitation(tables))
    met = dated.inner_join(months, [dated.day_no >= months.first_no, dated.day_no <= months.last_no])
    rows = met.group_by("month_id", "month_start_at", "month_end_at", "last_no", "service_line").aggregate(
        **{name: met[name].sum() for name in _SUMS}, cost_cents=met.cost_cents.sum()
    )
    counts = {name: rows[name].fill_null(0) for name in _SUMS if name != "allowed_cents"}
    rows = rows.mutate(**counts)
    settled_after = whole(policy, rows.month_id, lambda rev: rev.section("billing").whole("settled_after"))
    rows = rows.mutate(
        is_service=rows.service_line.notin([UNLINKED, CAPITATION]),
        is_settled=rows.last_no + settled_after < utc_day(seconds(tables.as_of)),
        direct_cost_cents=ifelse(
            (rows.sessions_n > 0) & (rows.uncosted_n == 0), nearest(rows.cost_cents), ibis.null("int64")
        ),
    )
    rows = rows.mutate(is_open=~rows.is_settled)
    rows = with_practice_known(rows, tables, "charge", "payment", "claim_payment")
    return rows.mutate(
        **{name: _known(rows.knows_charge, rows[name]) for name in ("charges_n", "charge_cents", "missed_fee_cents")},
        **{name: _known(rows.knows_payment, rows[name]) for name in ("paid_cents", "non_ffs_cents")},
        **{name: _known(rows.knows_claim_payment, rows[name]) for name in _ADJUSTMENTS},
        margin_cents=ifelse(
            rows.knows_payment & (rows.capitated_charges_n == 0),
            rows.paid_cents - rows.direct_cost_cents,
            ibis.null("int64"),
        ),
        non_ffs_ratio=ifelse(
            rows.knows_payment & (rows.paid_cents > 0), ratio(rows.non_ffs_cents, rows.paid_cents), ibis.null("float64")
        ),
        net_collection_ratio=ifelse(
            rows.knows_payment & rows.knows_claim_payment & rows.is_settled & rows.is_service,
            ratio(rows.paid_cents, rows.charge_cents - rows.contractual_cents),
            ibis.null("float64"),
        ),
        pmpm_usd_cents=ifelse(
            rows.service_line == CAPITATION, ratio(rows.paid_cents, rows.members_n), ibis.null("float64")
        ),
        members_n=ifelse(rows.service_line == CAPITATION, rows.members_n, ibis.null("int64")),
    )


def _known(is_known: Value, number: Value) -> Value:
    return ifelse(is_known, number, ibis.null("int64"))


def _part(rows: Table, line: Value, day_no: Value, **measures: Value) -> Table:
    """One of the tables that the mart adds up: what it does not tell is null."""
    columns = {name: measures.get(name, ibis.null("int64")).cast("int64") for name in _SUMS}
    cost = measures.get("cost_cents", ibis.null("float64")).cast("float64")
    return rows.select(service_line=line, day_no=day_no, **columns, cost_cents=cost)


def _charges(tables: CanonicalTables, policy: Policy) -> Table:
    rows = tables.standing_charge.left_join(tables.charge_money, "charge_key").drop("charge_key_right")
    rows = _with_model(rows, tables, policy)
    is_other = rows.model != _FEE_FOR_SERVICE
    return _part(
        rows,
        rows.service_line,
        rows.service_no,
        charges_n=literal(1),
        charge_cents=rows.charge_cents,
        missed_fee_cents=ifelse(rows.is_missed_fee, rows.charge_cents, 0),
        capitated_charges_n=ifelse(rows.model == "capitation", 1, 0),
        non_ffs_cents=ifelse(is_other, rows.paid_cents, 0),
        **{name: rows[name] for name in MONEY},
    )


def _with_model(charges: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """`model`: how the charge's contract is paid on the day of service, else what its code says."""
    rates = tables.payer_contract
    rates = rates.filter(rates.contract_code.notnull() & rates.payment_model.notnull())
    rates = rates.select(
        rate_contract="contract_code",
        rate_code="procedure_code",
        rate_model="payment_model",
        rate_from_no=day_number(rates.effective_from),
        rate_to_no=day_number(rates.effective_to),
    )
    dated = charges.select("charge_key", "contract_code", "procedure_code", "service_no")
    met = dated.inner_join(rates, dated.contract_code == rates.rate_contract)
    met = met.filter(
        (met.rate_from_no <= met.service_no)
        & ibis.coalesce(met.rate_to_no >= met.service_no, literal(value=True))
        & (met.rate_code.isnull() | (met.rate_code == met.procedure_code))
    )
    found = met.group_by("charge_key").aggregate(contract_model=met.rate_model.min())
    rows = charges.left_join(found, "charge_key").drop("charge_key_right")

    codes = policy.latest.section("billing")
    by_code = ibis.cases(
        (rows.procedure_code.isin(codes.words("monthly_codes")), literal("monthly_code")),
        (rows.procedure_code.isin(codes.words("bundle_codes")), literal("bundle")),
        else_=literal(_FEE_FOR_SERVICE),
    )
    return rows.mutate(model=ibis.coalesce(rows.contract_model, by_code))


def _sessions(tables: CanonicalTables) -> Table:
    """Held sessions with what they cost: the rate of their line in force that day."""
    held = tables.held_session
    rates = tables.cost_rate.select(
        "session_cost_cents",
        "hour_cost_cents",
        rate_line="service_line",
        rate_from_no=day_number(tables.cost_rate.effective_from),
        rate_to_no=day_number(tables.cost_rate.effective_to),
    )
    met = held.inner_join(rates, held.service_line == rates.rate_line)
    met = met.filter(
        (met.rate_from_no <= met.day_no) & ibis.coalesce(met.rate_to_no >= met.day_no, literal(value=True))
    )
    by_hour = hours(met.to_s - met.from_s) * met.hour_cost_cents.fill_null(0)
    # Of two rates for one day the one that began later holds.
    last = ibis.window(group_by="session_key", order_by=ibis.desc("rate_from_no"))
    costed = met.mutate(cost_cents=by_hour + met.session_cost_cents.fill_null(0), place=ibis.row_number().over(last))
    costed = costed.filter(costed.place == 0).select("session_key", "cost_cents")
    rows = held.left_join(costed, "session_key").drop("session_key_right")
    return _part(
        rows,
        rows.service_line,
        rows.day_no,
        sessions_n=literal(1),
        uncosted_n=ifelse(rows.cost_cents.isnull(), 1, 0),
        cost_cents=rows.cost_cents,
    )


def _unlinked(tables: CanonicalTables) -> Table:
    rows = unlinked_payment(tables)
    return _part(rows, literal(UNLINKED), rows.posted_no, paid_cents=rows.amount_cents)


def _capitation(tables: CanonicalTables) -> Table:
    rows = tables.member_month
    return _part(
        rows,
        literal(CAPITATION),
        day_number(rows.month),
        paid_cents=rows.revenue_cents,
        non_ffs_cents=rows.revenue_cents,
        members_n=rows.members_n,
    )


_CHARGE = Input("charge", ("charge_key", "service_date", "charge_cents"))
_PAYMENT = Input("payment", ("posted_on", "amount_cents"))
_LINKED = (Input("payment", ("charge_key",)), Input("payment", ("claim_key",)))
_LINE = (Input("charge", ("service_line",)), Input("session", ("service_line",)), Input("episode", ("service_line",)))
_HELD = Input("session", ("clinician_key", "started_at", "ended_at", "status"))
_COST = Input("cost_rate", ("service_line", "effective_from"))
_ADJUSTED = Input("remit_adjustment", ("claim_payment_key", "group_code", "amount_cents"))
_PROCESSED = Input("claim_payment", ("claim_payment_key", "claim_key", "status"))
_MEMBERS = Input("member_month", ("month", "members_n", "revenue_cents"))
_OF_CHARGES = needs_of(_CHARGE, _LINE)
_AGAIN = Input("claim", ("original_claim_key",), without="money of a claim that was sent again is unlinked")
_PAID = needs_of(_CHARGE, _PAYMENT, _LINKED, _LINE, supporting=(_AGAIN,))
_OF_REMITS = needs_of(_CHARGE, _PROCESSED, _ADJUSTED)
_MARGIN = needs_of(_CHARGE, _PAYMENT, _LINKED, _LINE, _HELD, _COST)


def _cents(name: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, "count", "cents", description, needs=needs, rules=rules)


REVENUE_SERVICE_LINE = Mart(
    name="revenue_service_line",
    description="What each service line charged, collected and cost, by the month of service, whenever it was paid.",
    grain="one row per whole month that has ended and service line; `unlinked` holds money that meets no charge, by "
    "the month of posting, and `capitation` what payers paid per member",
    primary_key=("month_id", "service_line"),
    inputs=(
        "clinician_week",
        "practice",
        "calendar_day",
        "clinician",
        "person_match",
        "client",
        "client_match",
        "appointment",
        "session",
        "session_clinician",
        "session_participant",
        "episode",
        "charge",
        "claim",
        "payment",
        "claim_payment",
        "claim_payment_line",
        "remit_adjustment",
        "payer_contract",
        "cost_rate",
        "member_month",
    ),
    steps=(PRACTICE_MONTH, HELD_SESSION, STANDING_CHARGE, CHARGE_MONEY),
    build=revenue_service_line,
    columns=(
        MartColumn("month_id", "date", "", "First local day of the month of service."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn(
            "service_line",
            "text",
            "",
            "The charge's, else its session's, else that of the episode of its appointment, or of its client on the "
            "day; `unknown` where none says.",
        ),
        MartColumn("is_service", "flag", "", "False for `unlinked` and `capitation`."),
        MartColumn("is_settled", "flag", "", "Whether policy billing.settled_after has passed since the month's end."),
        MartColumn("is_open", "flag", "", "The opposite: money for the month is still to come."),
        MartColumn(
            "sessions_n",
            "count",
            "sessions",
            "Held sessions, each once whoever attended; a couple or a group is one.",
            needs=needs_of(_HELD, _LINE),
            rules=("F01",),
        ),
        MartColumn(
            "charges_n",
            "count",
            "charges",
            "Charges that are not voided. Null: no source of charges.",
            needs=_OF_CHARGES,
            rules=("F01",),
        ),
        _cents("charge_cents", "What they ask for. Null as charges_n.", _OF_CHARGES, "F01"),
        _cents(
            "missed_fee_cents",
            "The part of charge_cents for missed or cancelled appointments and no held session, whatever its code.",
            needs_of(_CHARGE, Input("charge", ("appointment_key",)), Input("appointment", ("status",))),
            "F01",
        ),
        _cents(
            "allowed_cents",
            "What first payers allow. Null: no remittance says.",
            needs_of(_CHARGE, _PROCESSED, Input("claim_payment_line", ("claim_payment_key", "allowed_cents"))),
            "F01",
            "F03",
        ),
        _cents(
            "paid_cents",
            "Payments by anybody, less what went back; shared out among the charges of a claim, or of what it "
            "replaces or is replaced by, by what they ask. Null: no source of payments.",
            _PAID,
            "F01",
        ),
        _cents(
            "contractual_cents",
            "Adjustments by contract (CO) that are no denial, of first payers. "
            "Null: no source of remittances; so are the other adjustments then.",
            _OF_REMITS,
        ),
        _cents(
            "denied_cents",
            "Adjustments with a reason that is a denial, the client's share left out.",
            needs_of(_CHARGE, _PROCESSED, _ADJUSTED, Input("remit_adjustment", ("denial_family",))),
            "F04",
        ),
        _cents("patient_cents", "Adjustments that the client is to pay (PR).", _OF_REMITS),
        _cents("other_cents", "All other adjustments.", _OF_REMITS),
        _cents(
            "direct_cost_cents",
            "Cost per session and per session hour in force on the day, over the held sessions. "
            "Null: a session has no rate, or there is none.",
            needs_of(_HELD, _LINE, _COST),
            "F01",
        ),
        _cents(
            "margin_cents",
            "paid_cents - direct_cost_cents. Null: cost or payments not known, or a charge of the line is paid by "
            "capitation.",
            _MARGIN,
            "F01",
        ),
        _cents(
            "non_ffs_cents",
            "The part of paid_cents that is paid by monthly code, bundle or member.",
            needs_of(_CHARGE, _PAYMENT, _LINKED, Input("charge", ("procedure_code",))),
            "F05",
        ),
        MartColumn(
            "non_ffs_ratio",
            "number",
            "ratio",
            "non_ffs_cents / paid_cents. Null: nothing was paid.",
            needs=needs_of(_CHARGE, _PAYMENT, _LINKED, Input("charge", ("procedure_code",))),
            rules=("F05",),
        ),
        MartColumn(
            "net_collection_ratio",
            "number",
            "ratio",
            "paid_cents / (charge_cents - contractual_cents). Null: the month is not settled yet, nothing is left to "
            "collect, or payments or remittances are not known.",
            needs=needs_of(_CHARGE, _PAYMENT, _LINKED, _PROCESSED, _ADJUSTED),
            rules=("F01", "F04"),
        ),
        MartColumn(
            "members_n",
            "count",
            "members",
            "Members paid for in the month. Null in every row but `capitation`.",
            needs=needs_of(_MEMBERS),
            rules=("F05",),
        ),
        MartColumn(
            "pmpm_usd_cents",
            "number",
            "cents per member and month",
            "Capitated revenue / members_n. Null in every row but `capitation`.",
            needs=needs_of(_MEMBERS),
            rules=("F05",),
        ),
    ),
)

SERVICE_LINE_MARGIN: Guardrail = band(
    "service_line_margin",
    mart="revenue_service_line",
    value="margin_cents",
    numerator="paid_cents",
    needs=_MARGIN,
    grain=_LINE_MONTH,
    side="below",
    partial="is_open",
    only="is_service",
)
