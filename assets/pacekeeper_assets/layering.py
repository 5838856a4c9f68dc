"""Layers of the policy over judged rows: what holds instead of the practice's values for some people."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Layer, Policy
from pacekeeper_assets.band_inputs import FULL_TIME_LAYERS
from pacekeeper_assets.people import with_person


def layers_of(policy: Policy, guardrail_id: str) -> tuple[Layer, ...]:
    """The layers that touch a guardrail; later ones win."""
    return tuple(layer for layer in policy.layers if guardrail_id in layer.thresholds or guardrail_id in layer.exempt)


def with_layers(rows: Table, tables: CanonicalTables, policy: Policy, guardrail_id: str) -> Table:
    """The rows (`subject_key` of a person, `period_day`) with a flag per layer that touches the guardrail.

    A layer of kind tenure holds where the rows have `tenure_month`, which clinician weeks do.
    """
    for layer in layers_of(policy, guardrail_id):
        if layer.kind in {"person", "temporary"}:
            rows = rows.mutate(matches_layer=rows.subject_key == layer.match)
        elif layer.kind == "tenure":
            rows = rows.mutate(matches_layer=_has_tenure(rows, layer))
        else:
            rows = _with_people(rows, _people(tables, layer))
        dated: Value = literal(value=True)
        if layer.effective_from is not None:
            dated = dated & (rows.period_day >= literal(layer.effective_from))
        if layer.expires is not None:
            dated = dated & (rows.period_day <= literal(layer.expires))
        rows = rows.mutate(**{_flag(layer): ibis.coalesce(rows.matches_layer, literal(value=False)) & dated}).drop(
            "matches_layer"
        )
    return rows


def layered(rows: Table, policy: Policy, guardrail_id: str, key: str, base: Value, *, scale: Value) -> Value:
    """A threshold: of the last layer that matches and states it, else `base`; both times `scale` where that applies."""
    branches = [
        (rows[_flag(layer)], _number(layer, guardrail_id, key) * (scale if layer.kind in FULL_TIME_LAYERS else 1.0))
        for layer in reversed(layers_of(policy, guardrail_id))
        if key in layer.thresholds.get(guardrail_id, {})
    ]
    return ibis.cases(*branches, else_=base * scale) if branches else base * scale


def _flag(layer: Layer) -> str:
    return f"in_layer_{layer.number}"


def _number(layer: Layer, guardrail_id: str, key: str) -> Value:
    return literal(float(str(layer.thresholds[guardrail_id][key].value)), "float64")


def _has_tenure(rows: Table, layer: Layer) -> Value:
    if "tenure_month" not in rows.columns or layer.first_month is None:
        return literal(value=False)
    begun = rows.tenure_month >= layer.first_month
    return begun if layer.last_month is None else begun & (rows.tenure_month <= layer.last_month)


def _people(tables: CanonicalTables, layer: Layer) -> Table:
    """Persons of a role or specialty, or spans of an employment type: `layer_person`, `from_no`, `to_no`."""
    if layer.kind == "employment_type":
        jobs = with_person(tables.employment, tables)
        jobs = jobs.filter(jobs.employment_type == layer.match)
        spans = jobs.select(
            layer_person=jobs.person_key, from_no=day_number(jobs.start_date), to_no=day_number(jobs.end_date)
        )
    else:
        column, records = (
            ("role", tables.clinician) if layer.kind == "role" else ("specialty", tables.clinician_specialty)
        )
        known = with_person(records.select("clinician_key", column), tables)
        known = known.filter(known[column] == layer.match)
        spans = known.select(layer_person=known.person_key, from_no=ibis.null("int64"), to_no=ibis.null("int64"))
    return spans.distinct()


def _with_people(rows: Table, spans: Table) -> Table:
    periods = rows.select("subject_key", "period_day").distinct()
    met = periods.inner_join(spans, periods.subject_key == spans.layer_person)
    day_no = day_number(met.period_day)
    held = met.filter((met.from_no.isnull() | (met.from_no <= day_no)) & (met.to_no.isnull() | (met.to_no >= day_no)))
    hit = held.select(hit_person="subject_key", hit_day="period_day").distinct()
    joined = rows.left_join(hit, [rows.subject_key == hit.hit_person, rows.period_day == hit.hit_day])
    return joined.mutate(
        matches_layer=ifelse(joined.hit_person.notnull(), literal(value=True), literal(value=False))
    ).drop("hit_person", "hit_day")
