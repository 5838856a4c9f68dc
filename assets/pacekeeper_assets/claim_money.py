"""What was paid, allowed and adjusted, by charge: money of a claim shared out among its charges."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.adjudication import claim_roots
from pacekeeper_assets.billing import STANDING_CHARGE

MONEY = ("paid_cents", "allowed_cents", "contractual_cents", "denied_cents", "patient_cents", "other_cents")


def charge_money(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per charge: what was paid, allowed and adjusted by group, whole cents.

    Money posted for a whole claim is shared out by what its charges asked; the parts add up to it exactly.
    Adjustments and allowed amounts are those of the first payer: later payers repeat them.
    """
    charges = tables.standing_charge.select("charge_key", "claim_key", "charge_cents")
    direct = tables.payment.semi_join(charges, "charge_key")
    direct = direct.select("charge_key", name=literal("paid_cents"), amount=direct.amount_cents)
    posted = tables.payment.anti_join(charges, "charge_key")
    posted = posted.select("claim_key", name=literal("paid_cents"), amount=posted.amount_cents)
    of_claims = ibis.union(posted, _remitted(tables))
    pooled = with_pool(of_claims.filter(of_claims.amount.notnull()), tables)
    pooled = pooled.group_by("pool", "name").aggregate(amount=pooled.amount.sum())
    rows = ibis.union(direct, _shared_out(_pools(tables), pooled))
    return rows.group_by("charge_key").aggregate(
        **{name: rows.amount.sum(where=rows.name == name).cast("int64") for name in MONEY}
    )


def with_pool(rows: Table, tables: CanonicalTables) -> Table:
    """The rows of claims that charges stand for, with `pool`: the claim, else all that began with the same one.

    A claim that replaces another carries no charges of its own in some sources, and all of them in others.
    """
    charges = tables.standing_charge
    of_claims = charges.filter(charges.claim_key.notnull()).select("claim_key").distinct()
    own = rows.semi_join(of_claims, "claim_key").mutate(pool=lambda t: literal("claim|").concat(t.claim_key))
    others = _with_root(rows.anti_join(of_claims, "claim_key"), tables)
    others = others.semi_join(_with_root(of_claims, tables), "root")
    others = others.mutate(pool=lambda t: literal("root|").concat(t.root)).drop("root")
    return ibis.union(own, others)


def _with_root(rows: Table, tables: CanonicalTables) -> Table:
    roots = claim_roots(tables).select("claim_key", known_root="root")
    found = rows.left_join(roots, "claim_key").drop("claim_key_right")
    return found.mutate(root=ibis.coalesce(found.known_root, found.claim_key)).drop("known_root")


def _pools(tables: CanonicalTables) -> Table:
    """Charges of each claim, and of each claim with all that replaced it."""
    charges = tables.standing_charge.select("charge_key", "claim_key", "charge_cents")
    charges = charges.filter(charges.claim_key.notnull())
    whole = _with_root(charges, tables)
    return ibis.union(
        charges.select("charge_key", "charge_cents", pool=literal("claim|").concat(charges.claim_key)),
        whole.select("charge_key", "charge_cents", pool=literal("root|").concat(whole.root)),
    )


def _remitted(tables: CanonicalTables) -> Table:
    """`claim_key`, `name` and `amount` of allowed money and of each group of adjustments."""
    processed = tables.claim_payment
    processed = processed.filter(
        processed.status.isin(["primary", "forwarded", "denied", "reversal"]) & processed.claim_key.notnull()
    )
    processed = processed.select("claim_payment_key", "claim_key")
    lines = tables.claim_payment_line.inner_join(processed, "claim_payment_key")
    adjusted = tables.remit_adjustment.inner_join(processed, "claim_payment_key")
    is_denial = adjusted.denial_family.notnull()
    name = ibis.cases(
        (adjusted.group_code == "patient", literal("patient_cents")),
        (is_denial, literal("denied_cents")),
        (adjusted.group_code == "contractual", literal("contractual_cents")),
        else_=literal("other_cents"),
    )
    return ibis.union(
        lines.select("claim_key", name=literal("allowed_cents"), amount=lines.allowed_cents),
        adjusted.select("claim_key", name=name, amount=adjusted.amount_cents),
    )


def _shared_out(charges: Table, amounts: Table) -> Table:
    """`charge_key`, `name` and the part of `amount`, in proportion to the charge; equal parts where all are 0."""
    per_pool = ibis.window(group_by="pool")
    weighed = charges.mutate(asked=charges.charge_cents.sum().over(per_pool))
    weighed = weighed.mutate(weight=ifelse(weighed.asked == 0, literal(1, "int64"), weighed.charge_cents))
    so_far = ibis.window(group_by="pool", order_by="charge_key", rows=(None, 0))
    weighed = weighed.mutate(upto=weighed.weight.sum().over(so_far), whole=weighed.weight.sum().over(per_pool))
    met = weighed.inner_join(amounts, "pool")

    def until(part: Value) -> Value:
        return (met.amount.cast("float64") * part.cast("float64") / met.whole.cast("float64") + 0.5).floor()

    return met.select("charge_key", "name", amount=(until(met.upto) - until(met.upto - met.weight)).cast("int64"))


def unlinked_payment(tables: CanonicalTables) -> Table:
    """Money that meets no standing charge, by neither charge nor claim: `posted_no` and `amount_cents`."""
    rest = tables.payment.anti_join(tables.standing_charge, "charge_key")
    rest = rest.anti_join(with_pool(rest.select("payment_key", "claim_key"), tables), "payment_key")
    return rest.select("amount_cents", posted_no=day_number(rest.posted_on))


CHARGE_MONEY = Step("charge_money", charge_money, (STANDING_CHARGE,))
