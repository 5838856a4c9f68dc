"""What payers decided about each line of a claim: first, later, and taken back."""

from __future__ import annotations

import ibis

from pacekeeper.contract.billing_vocabulary import DenialFamily
from pacekeeper.expr import Table, ifelse, literal
from pacekeeper.measures.instant import day_number, seconds, utc_day
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy

#: A line with reasons of several families counts in the first of these.
_FAMILIES = tuple(
    family.value
    for family in (
        DenialFamily.AUTHORISATION,
        DenialFamily.ELIGIBILITY,
        DenialFamily.TIMELINESS,
        DenialFamily.DUPLICATE,
        DenialFamily.NECESSITY,
        DenialFamily.CODING,
        DenialFamily.OTHER,
    )
)
_ADJUDICATED = ("primary", "forwarded", "secondary", "tertiary", "denied")


def processing(tables: CanonicalTables, policy: Policy) -> Table:
    """Each time a payer decided about a claim, those left out that a reversal took back.

    `root`: the claim it began with, where it was replaced since. `paid_no`: day number of the remittance.
    """
    remits = tables.remit.select("remit_key", paid_no=day_number(tables.remit.paid_on))
    rows = tables.claim_payment.inner_join(remits, "remit_key")
    rows = rows.filter(rows.claim_key.notnull() & (rows.paid_no <= utc_day(seconds(tables.as_of))))
    taken = _taken_back(rows)
    rows = rows.filter(rows.status.isin(_ADJUDICATED)).anti_join(taken, "claim_payment_key")
    claims = claim_roots(tables)
    rows = rows.left_join(claims, "claim_key").drop("claim_key_right")
    rows = rows.mutate(root=ibis.coalesce(rows.root, rows.claim_key))
    rows = rows.mutate(is_later_payer=rows.status.isin(["secondary", "tertiary"]))
    in_order = ibis.window(group_by="root", order_by=["paid_no", "is_later_payer", "claim_payment_key"])
    return rows.select(
        "claim_payment_key",
        "root",
        "clinician_key",
        "payer_class",
        "paid_cents",
        "charge_cents",
        "paid_no",
        place=ibis.row_number().over(in_order),
        submitted_no=rows.submitted_no,
        served_no=ibis.coalesce(rows.served_no, day_number(rows.service_to)),
    )


def _taken_back(rows: Table) -> Table:
    """Keys of decisions that a reversal took back: the latest earlier one for the claim with the opposite amount.

    One of the same day only where there is none before: a correction comes with its reversal.
    """
    back = rows.filter(rows.status == "reversal").select(
        "claim_key", reversal="claim_payment_key", back_cents="paid_cents", back_no="paid_no"
    )
    earlier = rows.filter(rows.status != "reversal").select("claim_key", "claim_payment_key", "paid_cents", "paid_no")
    met = earlier.inner_join(back, "claim_key")
    met = met.filter((met.paid_cents == -met.back_cents) & (met.paid_no <= met.back_no))
    met = met.mutate(is_same_day=met.paid_no == met.back_no)
    latest = ibis.window(
        group_by="reversal", order_by=["is_same_day", ibis.desc("paid_no"), ibis.desc("claim_payment_key")]
    )
    ranked = met.mutate(place=ibis.row_number().over(latest))
    return ranked.filter(ranked.place == 0).select("claim_payment_key").distinct()


def claim_roots(tables: CanonicalTables) -> Table:
    """Each claim with the one it began with, two replacements back at most, and that one's days."""
    claims = tables.claim.select("claim_key", "original_claim_key")
    earlier = tables.claim.view().select(earlier_key="claim_key", first_key="original_claim_key")
    linked = claims.left_join(earlier, claims.original_claim_key == earlier.earlier_key)
    linked = linked.mutate(root=ibis.coalesce(linked.first_key, linked.original_claim_key, linked.claim_key))
    begun = tables.claim.view()
    begun = begun.select(
        root_key="claim_key", submitted_no=day_number(begun.submitted_on), served_no=day_number(begun.service_to)
    )
    rows = linked.left_join(begun, linked.root == begun.root_key)
    return rows.select("claim_key", "root", "submitted_no", "served_no")


def decided_line(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per line and decision with `is_denied` and `family` (null: not denied).

    `line_id` tells the lines of a claim apart: by control number where every decision about it gives them, else by
    position. A line is denied where nothing is paid and a reason says so: one of a family, no mere share of the client.
    A decision without lines is one line.
    """
    rows = tables.claim_processing
    lines = tables.claim_payment_line.select(
        "claim_payment_key",
        "payment_line_key",
        "line_no",
        "line_control_key",
        line_paid="paid_cents",
        line_charge="charge_cents",
    )
    found = rows.left_join(lines, "claim_payment_key").drop("claim_payment_key_right")
    found = found.mutate(
        line_no=ibis.coalesce(found.line_no, literal(1)),
        line_paid=ibis.coalesce(found.line_paid, found.paid_cents),
        line_charge=ibis.coalesce(found.line_charge, found.charge_cents),
        line_key=ibis.coalesce(found.payment_line_key, found.claim_payment_key),
    )
    found = _with_line_id(found)
    refusals = _refusals(tables, policy)
    of_line = refusals.filter(refusals.payment_line_key.notnull())
    of_line = of_line.group_by(line_key=of_line.payment_line_key).aggregate(line_rank=of_line.rank.min())
    of_claim = refusals.filter(refusals.payment_line_key.isnull())
    of_claim = of_claim.group_by("claim_payment_key").aggregate(claim_rank=of_claim.rank.min())
    found = found.left_join(of_line, "line_key").drop("line_key_right")
    found = found.left_join(of_claim, "claim_payment_key").drop("claim_payment_key_right")
    rank = ifelse(found.line_paid == 0, ibis.least(found.line_rank, found.claim_rank), ibis.null("int64"))
    family = rank.cases(*enumerate(_FAMILIES), else_=ibis.null("string"))
    return found.mutate(family=family, is_denied=rank.notnull()).drop("line_rank", "claim_rank", "line_key")


def _with_line_id(rows: Table) -> Table:
    of_claim = ibis.window(group_by="root")
    # A payer may split a line in two that keep its number.
    again = ibis.window(group_by=["claim_payment_key", "line_control_key"], order_by="line_no")
    rows = rows.mutate(
        unnumbered_n=ifelse(rows.line_control_key.isnull(), 1, 0).sum().over(of_claim),
        again=ibis.row_number().over(again).cast("string"),
    )
    by_number = rows.line_control_key.concat("|").concat(rows.again)
    line_id = ifelse(rows.unnumbered_n == 0, by_number, rows.line_no.cast("string"))
    return rows.mutate(line_id=line_id).drop("line_no", "line_control_key", "unnumbered_n", "again")


def _refusals(tables: CanonicalTables, policy: Policy) -> Table:
    """Adjustments that deny, with the rank of their family."""
    codes = policy.latest.section("billing")
    rows = tables.remit_adjustment
    is_refusal = rows.denial_family.notnull() & rows.carc.notin(codes.words("no_denials"))
    by_payer = rows.group_code.isin(["contractual", "other", "payer"])
    by_share = (rows.group_code == "patient") & rows.carc.isin(codes.words("client_share_denials"))
    rows = rows.filter(is_refusal & (by_payer | by_share))
    ranks = [(family, place) for place, family in enumerate(_FAMILIES)]
    return rows.select(
        "claim_payment_key", "payment_line_key", rank=rows.denial_family.cases(*ranks, else_=ibis.null("int64"))
    )


CLAIM_PROCESSING = Step("claim_processing", processing)
DECIDED_LINE = Step("decided_line", decided_line, (CLAIM_PROCESSING,))
