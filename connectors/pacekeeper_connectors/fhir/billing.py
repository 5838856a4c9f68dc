"""Coverage, claim, charge, claim_event and claim_payment, from FHIR's financial resources.

Where a practice has 835 files, they tell why a payer paid less; these resources seldom do (domain C4).
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, cents, literal, null, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import in_order, rank, with_clinician


@Fhir.maps("coverage", of="coverage")
def coverage(raw: RawTables) -> Table:
    """What the plan's type does not tell is an unknown class."""
    t = raw.coverage
    return t.select(
        coverage_key=t.id,
        client_key=t.beneficiary,
        payer_class=raw.value_map("payer_class", t.type),
        payer_class_source_code=t.type,
        from_date=t.period_start,
        to_date=t.period_end,
        is_active=t.status == "active",
        priority=t.priority,
        out_of_scope=reason((t.status == "entered-in-error", "entered_in_error")),
    )


@Fhir.maps("client_identifier", of="coverage")
def member_number(raw: RawTables) -> Table:
    """The subscriber's number, which a family shares."""
    t = raw.coverage
    t = t.mutate(place=rank(t, ["beneficiary", "member"], lambda table: [table.id]))
    return t.select(
        client_key=t.beneficiary,
        domain=literal("member"),
        match_key=t.member,
        out_of_scope=reason((t.member.isnull() | t.beneficiary.isnull(), "no_number"), (t.place > 0, "repeated")),
    )


@Fhir.maps("claim", of="claim")
def claim(raw: RawTables) -> Table:
    """A draft is no claim yet; a predetermination or a preauthorisation never becomes one.

    Without a total the lines' amounts are summed.
    """
    t = _with_payer(raw, _with_known_clinician(raw, raw.claim))
    lines = raw.claim_item.group_by(lines_of="parent_key").agg(lines_net=raw.claim_item.net.sum())
    t = t.left_join(lines, t.row_key == lines.lines_of)
    return t.select(
        claim_key=t.id,
        client_key=t.patient,
        clinician_key=t.rendering,
        payer_class=t.payer_class,
        payer_class_source_code=t.payer_type,
        frequency=expr.ifelse(t.related.isnull(), "original", raw.value_map("claim_frequency", t.relationship)),
        frequency_source_code=t.relationship,
        original_claim_key=t.related,
        submitted_on=t.created,
        service_from=t.service_start,
        service_to=t.service_end,
        charge_cents=cents(t.total.coalesce(t.lines_net)),
        currency=t.currency.coalesce(literal("USD")),
        out_of_scope=reason(*_not_counted(t)),
    )


@Fhir.maps("charge", of="claim_item")
def charge(raw: RawTables) -> Table:
    """One per claim line; its day is the line's, else the claim's first."""
    parents = _with_payer(raw, _with_known_clinician(raw, raw.claim))
    parents = parents.select(
        claim_id="id",
        claim_client="patient",
        claim_clinician="rendering",
        claim_start="service_start",
        claim_created="created",
        claim_status="status",
        use="use",
        payer_class="payer_class",
        payer_type="payer_type",
    )
    t = raw.claim_item
    t = t.inner_join(parents, t.parent_key == parents.claim_id)
    t = t.mutate(status=t.claim_status)
    return t.select(
        charge_key=_line_key(t),
        claim_key=t.parent_key,
        session_key=t.encounter,
        client_key=t.claim_client,
        clinician_key=t.claim_clinician,
        service_date=expr.coalesce(t.serviced_date, t.serviced_start, t.claim_start, t.claim_created),
        procedure_code=t.code,
        place_of_service=t.place,
        units=t.quantity.cast("float64"),
        charge_cents=cents(t.net),
        currency=t.currency.coalesce(literal("USD")),
        payer_class=t.payer_class,
        payer_class_source_code=t.payer_type,
        status=literal("billed"),
        out_of_scope=reason(*_not_counted(t), (t.net.isnull(), "no_amount")),
    )


@Fhir.maps("charge_modifier", of="claim_item_modifier")
def charge_modifier(raw: RawTables) -> Table:
    """At most four count; there is no place for more on a claim."""
    t = raw.claim_item_modifier
    lines = raw.claim_item.select(line_row="row_key")
    t = t.inner_join(lines, t.parent_key == lines.line_row)
    t = t.mutate(position=rank(t, ["parent_key"], in_order) + 1)
    return t.select(
        charge_key=t.parent_key.hexdigest("md5"),
        position=t.position,
        modifier=t.modifier,
        out_of_scope=reason((t.position > 4, "more_than_four"), (t.modifier.isnull(), "no_code")),
    )


@Fhir.maps("claim_event", of="claim_response")
def claim_event(raw: RawTables) -> Table:
    """What a ClaimResponse says about the claim it answers."""
    t = raw.claim_response
    return t.select(
        claim_event_key=t.id,
        claim_key=t.request,
        reported_on=t.created,
        status=raw.value_map("claim_outcome", t.outcome),
        status_source_code=t.outcome,
        out_of_scope=reason(*_not_counted(t), (t.request.isnull(), "answers_no_claim")),
    )


@Fhir.maps("claim_payment", of="explanation_of_benefit")
def claim_payment(raw: RawTables) -> Table:
    """Paid: the payment stated, else the benefits of total, else those of the lines."""
    t = _with_payer(raw, _with_known_clinician(raw, raw.explanation_of_benefit))
    totals = _amounts(raw, raw.explanation_total, of="parent_key", prefix="total")
    lines = raw.explanation_adjudication
    items = raw.explanation_item.select(item_row="row_key", explanation="parent_key")
    lines = lines.inner_join(items, lines.parent_key == items.item_row)
    sums = _amounts(raw, lines, of="explanation", prefix="lines")
    t = t.left_join(totals, t.row_key == totals.total_of).left_join(sums, t.row_key == sums.lines_of)
    return t.select(
        claim_payment_key=t.id,
        claim_key=t.claim,
        client_key=t.patient,
        clinician_key=t.rendering,
        status=literal("unknown"),
        status_source_code=t.outcome,
        payer_class=t.payer_class,
        payer_class_source_code=t.payer_type,
        charge_cents=cents(expr.coalesce(t.total_submitted, t.lines_submitted)),
        paid_cents=cents(expr.coalesce(t.paid, t.total_benefit, t.lines_benefit)),
        patient_responsibility_cents=cents(expr.coalesce(t.total_owed, t.lines_owed)),
        service_from=t.service_start,
        service_to=t.service_end,
        out_of_scope=reason(*_not_counted(t), (~t.outcome.isin(["complete", "partial"]), "not_processed")),
    )


@Fhir.maps("claim_payment_line", of="explanation_item")
def claim_payment_line(raw: RawTables) -> Table:
    """A line without its own amount paid is out of scope."""
    t = raw.explanation_item
    parents = raw.explanation_of_benefit.select(explanation="row_key", outcome="outcome", status="status", use="use")
    t = t.inner_join(parents, t.parent_key == parents.explanation)
    amounts = _amounts(raw, raw.explanation_adjudication, of="parent_key", prefix="line")
    t = t.left_join(amounts, t.row_key == amounts.line_of)
    t = t.mutate(line_no=rank(t, ["parent_key"], in_order) + 1)
    return t.select(
        payment_line_key=_line_key(t),
        claim_payment_key=t.parent_key,
        line_no=t.line_no,
        procedure_code=t.code,
        service_date=expr.coalesce(t.serviced_date, t.serviced_start),
        units=t.quantity.cast("float64"),
        charge_cents=cents(expr.coalesce(t.line_submitted, t.net)),
        paid_cents=cents(t.line_benefit),
        allowed_cents=cents(t.line_eligible),
        out_of_scope=reason(
            *_not_counted(t),
            (~t.outcome.isin(["complete", "partial"]), "not_processed"),
            (t.line_benefit.isnull(), "no_amount_paid"),
        ),
    )


def _line_key(t: Table) -> Value:
    """Key of a line, made from its record's keyed hash and its place."""
    return t.row_key.hexdigest("md5")


def _not_counted(t: Table) -> tuple[tuple[Value, str | Value], ...]:
    return (
        (t.status == "entered-in-error", "entered_in_error"),
        (t.status == "cancelled", "cancelled"),
        (t.status == "draft", "draft"),
        (t.use.fill_null("claim") != "claim", "no_claim"),
    )


def _with_known_clinician(raw: RawTables, table: Table) -> Table:
    """The table with `rendering`: the provider where it is a clinician of the source; an organisation is none."""
    t = with_clinician(raw, table, reference="provider", role="provider_role")
    return t.mutate(rendering=t.is_known_clinician.ifelse(t.clinician_key, null("string")))


def _with_payer(raw: RawTables, table: Table) -> Table:
    """The table with payer_class and payer_type, of the coverage it names first."""
    plans = raw.coverage.select(plan="id", payer_type="type")
    t = table.left_join(plans, table.coverage == plans.plan)
    return t.mutate(payer_class=raw.value_map("payer_class", t.payer_type))


def _amounts(raw: RawTables, table: Table, *, of: str, prefix: str) -> Table:
    """Sums per record of what was submitted, is eligible, is paid and is owed by the client."""
    kind = raw.value_map("adjudication", table.category)

    def total(name: str) -> Value:
        return table.amount.sum(where=kind == name)

    sums = {name: total(name) for name in ("submitted", "eligible", "owed")}
    sums["benefit"] = expr.coalesce(total("benefit"), total("to_provider"))
    return table.group_by(**{f"{prefix}_of": of}).agg(**{f"{prefix}_{name}": value for name, value in sums.items()})
