"""Measure_response and measure_item from ORU: PHQ-9, GAD-7 and EPDS."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, literal, reason
from pacekeeper_connectors.hl7v2.connector import Hl7v2
from pacekeeper_connectors.hl7v2.fold import in_order, not_current
from pacekeeper_connectors.hl7v2.oru import ITEM_CODES
from pacekeeper_connectors.hl7v2.sessions import known_visits

_HIGHEST_ANSWER = 3
_UNCOUNTED = ("not_final", "entered_in_error")


@Hl7v2.maps("measure_response", of="questionnaire")
def measure_response(raw: RawTables) -> Table:
    """One row per order (OBR-3) and instrument; the last message about it replaces those before.

    The total is recomputed where every item is there and in range; the one the source states is kept beside.
    """
    t = _responses(raw)
    items = _items(raw)
    items = items.filter(items.refusal.isnull())
    is_answer = (items.value >= 0) & (items.value <= _HIGHEST_ANSWER) & (items.value == items.value.floor())
    sums = items.group_by(sums_of="parent_key").agg(
        answered=items.item_no.nunique(where=is_answer),
        rows_of_items=items.count(),
        item_sum=items.value.sum(where=is_answer),
    )
    t = t.left_join(sums, t.row_key == sums.sums_of)
    expected = t.instrument.cases(*((name, len(codes)) for name, codes in ITEM_CODES.items()), else_=expr.null("int64"))
    is_whole = (t.answered == expected) & (t.rows_of_items == expected)
    source_total = t.total.cast("float64")
    total = expr.cases((is_whole, t.item_sum), else_=source_total)
    known = known_visits(raw)
    t = t.mutate(final_total=total, source_total=source_total, missing=expected - t.answered)
    t = t.left_join(known, t.visit == known.known_visit)
    return t.select(
        response_key=t.response,
        client_key=t.client,
        session_key=t.known_session,
        instrument=t.instrument,
        administered_at=t.taken_at,
        completed_at=t.taken_at,
        respondent=literal("unknown"),
        total=t.final_total,
        source_total=t.source_total,
        items_missing=t.missing,
        status=t.final_total.notnull().ifelse("complete", "partial"),
        scoring_version=t.instrument + "-sum-1",
        out_of_scope=t.refusal,
    )


@Hl7v2.maps("measure_item", of="questionnaire_item")
def measure_item(raw: RawTables) -> Table:
    """One row per answer; of an item that one report holds twice, the last."""
    t = _items(raw)
    return t.select(response_key=t.response_of, item_no=t.item_no, value=t.value, out_of_scope=t.refusal)


def _responses(raw: RawTables) -> Table:
    t = in_order(raw.questionnaire, "response")
    state = raw.value_map("observation_status", t.state)
    return t.mutate(refusal=reason(*not_current(t), (state.isin(_UNCOUNTED), state)))


def _items(raw: RawTables) -> Table:
    """Items with response_of, value as a double, and refusal."""
    r = _responses(raw).select(response_row="row_key", response_of="response", response_refusal="refusal")
    i = raw.questionnaire_item
    t = i.left_join(r, i.parent_key == r.response_row)
    order: list[Value] = [t.row_key.length().desc(), t.row_key.desc()]
    again = expr.row_number().over(expr.window(group_by=[t.parent_key, t.item_no], order_by=order)) > 0
    state = raw.value_map("observation_status", t.state)
    return t.mutate(
        value=t.value.cast("float64"),
        refusal=t.response_refusal.coalesce(reason((again, "answered_again"), (state.isin(_UNCOUNTED), state))),
    )
