"""`denials`: what payers refused at first, what stayed refused, and how long they took."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import whole
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.adjudication import CLAIM_PROCESSING, DECIDED_LINE
from pacekeeper_assets.judging import PRACTICE_MONTH as OF_MONTH
from pacekeeper_assets.judging import band
from pacekeeper_assets.people import crosswalk
from pacekeeper_assets.periods import PRACTICE_MONTH
from pacekeeper_assets.practice_facts import needs_of, ratio

ALL = "all"
_PRACTICE = "practice"


def denials(tables: CanonicalTables, policy: Policy) -> Table:
    lines = _first_lines(tables)
    rows = ibis.union(_of_practice(lines), _of_clinicians(lines, policy))
    rows = rows.left_join(_days(tables), ["month_id", "payer_class", "clinician_key"])
    rows = rows.drop("month_id_right", "payer_class_right", "clinician_key_right")
    is_all = rows.reason_family == ALL
    return rows.mutate(
        is_practice_total=is_all & (rows.payer_class == ALL) & (rows.clinician_key == _PRACTICE),
        days_to_pay=ifelse(is_all, rows.days_to_pay, ibis.null("float64")),
        days_to_submit=ifelse(is_all, rows.days_to_submit, ibis.null("float64")),
        denial_initial_ratio=ratio(rows.denied_initial_n, rows.lines_n),
        denial_final_ratio=ratio(rows.denied_final_n, rows.lines_n),
        denial_initial_usd_ratio=ratio(rows.denied_cents, rows.charge_cents),
    )


def _first_lines(tables: CanonicalTables) -> Table:
    """The first decision of each line, in its month, with what became of the line later."""
    lines = tables.decided_line
    first = ibis.window(group_by=["root", "line_id"], order_by="place")
    last = ibis.window(group_by=["root", "line_id"], order_by=ibis.desc("place"))
    ranked = lines.mutate(from_start=ibis.row_number().over(first), from_end=ibis.row_number().over(last))
    final = ranked.filter(ranked.from_end == 0).select("root", "line_id", is_denied_at_last="is_denied")
    later = ranked.filter(ranked.from_start > 0)
    later = later.group_by("root", "line_id").aggregate(later_paid=later.line_paid.sum())
    first = ranked.filter(ranked.from_start == 0).drop("from_start", "from_end")
    for part in (final, later):
        first = first.left_join(part, ["root", "line_id"]).drop("root_right", "line_id_right")
    links = crosswalk(tables).select("clinician_key", "person_key")
    first = first.left_join(links, "clinician_key").drop("clinician_key_right")
    months = tables.practice_month.select("month_id", "month_start_at", "month_end_at", "first_no", "last_no")
    return first.inner_join(months, [first.paid_no >= months.first_no, first.paid_no <= months.last_no])


def _of_practice(lines: Table) -> Table:
    whole = lines.mutate(clinician_key=literal(_PRACTICE))
    return _families(ibis.union(whole, whole.mutate(payer_class=literal(ALL))))


def _of_clinicians(lines: Table, policy: Policy) -> Table:
    """Clinicians with enough lines in the month, over all payers."""
    own = lines.filter(lines.person_key.notnull()).mutate(clinician_key=lines.person_key, payer_class=literal(ALL))
    own = own.mutate(own_n=own.count().over(ibis.window(group_by=["month_id", "clinician_key"])))
    least = whole(policy, own.month_id, lambda rev: rev.section("billing").whole("least_lines_of_clinician"))
    return _families(own.filter(own.own_n >= least).drop("own_n"))


def _families(lines: Table) -> Table:
    """Rows per family, and one for all of them; the lines that could have been denied stand in each."""
    by = ("month_id", "month_start_at", "month_end_at", "payer_class", "clinician_key")
    whole = lines.group_by(*by).aggregate(
        lines_n=lines.count(), claims_n=lines.root.nunique(), charge_cents=lines.line_charge.sum()
    )
    denied = lines.filter(lines.is_denied)
    each = ibis.union(denied.mutate(reason_family=denied.family), denied.mutate(reason_family=literal(ALL)))
    counts = each.group_by(*by[:1], *by[3:], "reason_family").aggregate(
        denied_initial_n=each.count(),
        denied_final_n=each.count(where=each.is_denied_at_last),
        denied_cents=each.line_charge.sum(),
        recovered_cents=each.later_paid.sum(),
    )
    names = ibis.union(
        counts.select("reason_family").distinct(),
        counts.aggregate(n=counts.count()).select(reason_family=literal(ALL)),
        distinct=True,
    )
    keys = ("month_id", "payer_class", "clinician_key", "reason_family")
    rows = whole.cross_join(names).left_join(counts, keys).drop(*(f"{key}_right" for key in keys))
    rows = rows.filter((rows.reason_family == ALL) | rows.denied_initial_n.notnull())
    return rows.mutate(
        **{
            name: rows[name].fill_null(0).cast("int64")
            for name in ("denied_initial_n", "denied_final_n", "denied_cents", "recovered_cents")
        }
    )


def _days(tables: CanonicalTables) -> Table:
    """Medians of days to the first payment and to submission, by the month of that payment."""
    rows = tables.claim_processing
    paid = rows.filter(rows.paid_cents > 0)
    in_order = ibis.window(group_by="root", order_by="place")
    paid = paid.mutate(paid_place=ibis.row_number().over(in_order))
    paid = paid.filter(paid.paid_place == 0)
    months = tables.practice_month.select("month_id", "first_no", "last_no")
    dated = paid.inner_join(months, [paid.paid_no >= months.first_no, paid.paid_no <= months.last_no])
    links = crosswalk(tables).select("clinician_key", "person_key")
    own = dated.left_join(links, "clinician_key").drop("clinician_key_right")
    practice = own.mutate(clinician_key=literal(_PRACTICE))
    by_person = own.filter(own.person_key.notnull()).mutate(clinician_key=own.person_key, payer_class=literal(ALL))
    each = ibis.union(practice, practice.mutate(payer_class=literal(ALL)), by_person)
    return each.group_by("month_id", "payer_class", "clinician_key").aggregate(
        days_to_pay=(each.paid_no - each.submitted_no).cast("float64").quantile(0.5),
        days_to_submit=(each.submitted_no - each.served_no).cast("float64").quantile(0.5),
    )


_REMIT = Input("remit", ("remit_key", "paid_on"))
_PAYMENT = Input(
    "claim_payment", ("claim_payment_key", "remit_key", "claim_key", "status", "paid_cents", "charge_cents")
)
_REASON = Input("remit_adjustment", ("claim_payment_key", "group_code", "carc", "denial_family"))
_SUBMITTED = Input("claim", ("claim_key", "submitted_on"))
_DECIDED = needs_of(
    _REMIT, _PAYMENT, supporting=(Input("claim_payment_line", ("line_no",), without="a claim counts as one line"),)
)
_REFUSED = needs_of(
    _REMIT,
    _PAYMENT,
    _REASON,
    supporting=(Input("claim", ("original_claim_key",), without="a claim sent again counts as another one"),),
)


def _count(name: str, unit: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, "count", unit, f"{description} Never null.", needs=needs, rules=rules)


def _number(name: str, unit: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, "number", unit, description, needs=needs, rules=rules)


DENIALS = Mart(
    name="denials",
    description="Lines that payers decided about for the first time in a month, and how many they refused. A decision "
    "that a reversal took back does not count.",
    grain="one row per month of the first remittance, kind of payer (`all`: together), reason family (`all`: together; "
    "others where a line was denied) and clinician (`practice`: everybody; others over all payers, with enough lines)",
    primary_key=("month_id", "payer_class", "reason_family", "clinician_key"),
    inputs=(
        "clinician_week",
        "practice",
        "calendar_day",
        "clinician",
        "person_match",
        "claim",
        "remit",
        "claim_payment",
        "claim_payment_line",
        "remit_adjustment",
    ),
    steps=(PRACTICE_MONTH, CLAIM_PROCESSING, DECIDED_LINE),
    build=denials,
    columns=(
        MartColumn("month_id", "date", "", "First local day of the month in which payers first decided."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn("payer_class", "text", "", "Kind of payer, or `all`."),
        MartColumn(
            "reason_family",
            "text",
            "",
            "Kind of reason, or `all`; of several reasons of a line the first of authorisation, eligibility, "
            "timeliness, duplicate, necessity, coding, other.",
        ),
        MartColumn("clinician_key", "text", "", "Key of the rendering person, or `practice`."),
        MartColumn("is_practice_total", "flag", "", "Whether the row is the practice's, over all payers and reasons."),
        _count("lines_n", "lines", "Lines decided for the first time; the same for each family.", _DECIDED, "F04"),
        _count("claims_n", "claims", "Claims with such a line, one that was sent again with its original.", _DECIDED),
        _count("charge_cents", "cents", "What these lines asked for.", _DECIDED, "F04"),
        _count(
            "denied_initial_n",
            "lines",
            "Lines of which nothing was paid for a reason that denies (policy billing.no_denials and "
            "client_share_denials): by contract, payer or other; as the client's share only where not covered.",
            _REFUSED,
            "F04",
            "D19",
        ),
        _count("denied_final_n", "lines", "Those whose latest decision is a denial, too.", _REFUSED, "F04"),
        _count("denied_cents", "cents", "What the lines denied at first asked for.", _REFUSED, "F04"),
        _count("recovered_cents", "cents", "What was paid for them by later decisions.", _REFUSED, "F04"),
        _number(
            "denial_initial_ratio",
            "ratio",
            "denied_initial_n / lines_n. Of a family: its part. Never null.",
            _REFUSED,
            "F04",
            "D19",
        ),
        _number("denial_final_ratio", "ratio", "denied_final_n / lines_n. Never null.", _REFUSED, "F04"),
        _number(
            "denial_initial_usd_ratio",
            "ratio",
            "denied_cents / charge_cents. Null: nothing was asked for.",
            _REFUSED,
            "F04",
        ),
        _number(
            "days_to_pay",
            "days",
            "Median of days from submission to the first payment of claims first paid in the month. Null: none was, "
            "their submission is not known, or the row is of one family.",
            needs_of(_REMIT, _PAYMENT, _SUBMITTED),
            "F04",
        ),
        _number(
            "days_to_submit",
            "days",
            "Median of days from the last day of service to submission of these claims. Null as days_to_pay.",
            needs_of(
                _REMIT, _PAYMENT, _SUBMITTED, (Input("claim", ("service_to",)), Input("claim_payment", ("service_to",)))
            ),
            "F04",
        ),
    ),
)

DENIAL_RATE = band(
    "denial_rate",
    mart="denials",
    value="denial_initial_ratio",
    numerator="denied_initial_n",
    denominator="lines_n",
    needs=_REFUSED,
    grain=OF_MONTH,
    only="is_practice_total",
)

MARTS: tuple[Mart, ...] = (DENIALS,)
GUARDRAILS: tuple[Guardrail, ...] = (DENIAL_RATE,)
