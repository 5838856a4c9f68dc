"""Measure_response and measure_item from Observations.

A response is the Observation of the total score, or the panel where it has no total among its members. Totals are
recomputed where all items are there; the total the source states is kept beside. An Observation that was derived from a
QuestionnaireResponse is left out where that form is here: the form itself is mapped (domain C4).
"""

from __future__ import annotations

from collections.abc import Mapping

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, literal, null, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.loinc import INSTRUMENTS

_HIGHEST_ANSWER = 3


@Fhir.maps("measure_response", of="measure_observation")
def measure_response(raw: RawTables) -> Table:
    """One row per administration."""
    t = _observations(raw)
    items = _items(raw, t)
    items = items.filter(items.response_key.notnull() & items.is_counted)
    sums = items.group_by("response_key").agg(
        answered=items.item_no.nunique(where=items.is_answer),
        item_rows=items.count(),
        item_sum=items.value.sum(where=items.is_answer),
    )
    t = t.left_join(sums.rename(sums_of="response_key"), t.id == sums.response_key)
    e = raw.encounter.select(encounter_id="id", encounter_whole="part_of", encounter_episode="episode")
    t = t.left_join(e, t.encounter == e.encounter_id)
    items_of = _by_instrument(t, {each.code: literal(len(each.items)) for each in INSTRUMENTS if each.items})
    is_summed = (t.answered == items_of) & (t.item_rows == items_of)
    total = is_summed.ifelse(t.item_sum, t.value)
    known = raw.encounter.select(known_session="id")
    t = t.mutate(total=total).left_join(known, t.encounter_whole == known.known_session)
    return t.select(
        response_key=t.id,
        client_key=t.subject,
        episode_key=t.encounter_episode,
        session_key=t.known_session.coalesce(t.encounter),
        instrument=t.instrument,
        administered_at=t.taken_at,
        completed_at=t.taken_at,
        respondent=t.performer.notnull().ifelse("self", "unknown"),
        total=t.total,
        source_total=t.value,
        items_missing=items_of - t.answered,
        status=t.total.notnull().ifelse("complete", "partial"),
        scoring_version=_by_instrument(t, {each.code: literal(each.scoring_version) for each in INSTRUMENTS}),
        out_of_scope=reason(
            *_status_reasons(t),
            (t.kind == "item", "item"),
            (t.kind == "beside", "no_scored_item"),
            (t.kind == "panel", "panel_of_a_total"),
        ),
    )


@Fhir.maps("measure_item", of="measure_observation")
def measure_item(raw: RawTables) -> Table:
    """One row per answer: joined to its total by derivedFrom, by their common panel, or by client and moment."""
    t = _items(raw, _observations(raw))
    return t.select(
        response_key=t.response_key,
        item_no=t.item_no,
        value=t.value,
        out_of_scope=reason(
            *_status_reasons(t),
            (t.kind == "response", "total"),
            (t.kind == "beside", "no_scored_item"),
            (t.kind == "panel", "panel_of_a_total"),
        ),
    )


def _status_reasons(table: Table) -> tuple[tuple[Value, str | Value], ...]:
    return (
        (table.state.isin(["not_final", "entered_in_error"]), table.state),
        (table.is_of_form, "of_a_questionnaire_response"),
    )


def _by_instrument(table: Table, values: Mapping[str, Value]) -> Value:
    """A value by the row's instrument; null for one that is not named."""
    return expr.cases(*((table.instrument == code, value) for code, value in values.items()))


def _observations(raw: RawTables) -> Table:
    """Observations with instrument, kind (response, panel, item, beside), item_no, value, taken_at and state."""
    t = raw.measure_observation
    forms = raw.questionnaire_response.select(form_id="id")
    t = t.left_join(forms, t.derived_from_form == forms.form_id)
    all_totals = [code for each in INSTRUMENTS for code in each.totals]
    all_panels = [code for each in INSTRUMENTS for code in each.panels]
    totals = t.filter(t.code.isin(all_totals)).select(total_id="id")
    members = raw.measure_panel_member
    with_total = members.join(totals, members.member == totals.total_id)
    with_total = with_total.group_by(panel_with_total="parent_key").agg(total_of_panel=with_total.total_id.min())
    t = t.left_join(with_total, t.row_key == with_total.panel_with_total)
    is_response = t.code.isin(all_totals) | (t.code.isin(all_panels) & t.total_of_panel.isnull())
    answer = raw.value_map("measure_answer", t.value_code).try_cast("float64")
    numbers = [t[name].cast("float64") for name in ("value_integer", "value_quantity", "value_text")]
    return t.mutate(
        kind=expr.cases(
            (is_response, "response"),
            (t.code.isin(all_panels), "panel"),
            (t.code.isin([code for each in INSTRUMENTS for code in each.beside]), "beside"),
            else_="item",
        ),
        instrument=t.code.cases(*((code, each.code) for each in INSTRUMENTS for code in each.codes)),
        item_no=t.code.cases(
            *((code, n) for each in INSTRUMENTS for n, code in enumerate(each.items, 1)), else_=null("int64")
        ),
        is_of_form=t.form_id.notnull(),
        value=expr.coalesce(*numbers, answer),
        taken_at=expr.coalesce(t.effective_at, t.period_start, t.issued),
        state=raw.value_map("observation_status", t.status),
    )


def _items(raw: RawTables, table: Table) -> Table:
    """The observations with response_key, the response each belongs to; null where it cannot be told."""
    responses = table.filter(table.kind == "response")
    direct = responses.select(direct_response="id")
    t = table.left_join(direct, table.derived_from == direct.direct_response)

    members = raw.measure_panel_member.filter(raw.measure_panel_member.member.notnull())
    panels = table.select(panel_row="row_key", panel_response=table.total_of_panel.coalesce(table.id))
    through = members.join(panels, members.parent_key == panels.panel_row)
    through = through.group_by(member_id="member").agg(panel_response=through.panel_response.min())
    t = t.left_join(through, t.id == through.member_id)

    at_once = responses.filter(responses.subject.notnull() & responses.taken_at.notnull())
    at_once = at_once.group_by(moment_client="subject", moment_at="taken_at", moment_instrument="instrument").agg(
        moment_response=at_once.id.min(), moment_count=at_once.count()
    )
    at_once = at_once.filter(at_once.moment_count == 1)
    t = t.left_join(
        at_once,
        [
            t.subject == at_once.moment_client,
            t.taken_at == at_once.moment_at,
            t.instrument == at_once.moment_instrument,
        ],
    )

    is_item = t.kind == "item"
    t = t.mutate(
        response_key=is_item.ifelse(
            expr.coalesce(t.direct_response, t.panel_response, t.moment_response), null("string")
        ),
        is_counted=is_item & ~t.state.isin(["not_final", "entered_in_error"]),
        is_answer=(t.value >= 0) & (t.value <= _HIGHEST_ANSWER) & (t.value == t.value.floor()),
    )
    return t.drop(
        "direct_response",
        "member_id",
        "panel_response",
        "moment_client",
        "moment_at",
        "moment_instrument",
        "moment_response",
        "moment_count",
    )
