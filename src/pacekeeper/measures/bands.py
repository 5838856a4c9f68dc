"""Guardrails and policy as tables: what a band compares, what it needs, and the thresholds in force.

A band compares one value per subject and period with thresholds above and below it. All bands are judged by one
expression, so that a policy is data to the engine and no part of its SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pacekeeper.measures.mart import MartColumn
from pacekeeper.policy import GuardrailPolicy, Policy, PolicyRevision

if TYPE_CHECKING:
    import pyarrow as pa

    from pacekeeper.measures.guardrail import Guardrail


def _of(kind: str, *names: str) -> tuple[MartColumn, ...]:
    return tuple(MartColumn(name, kind, "", "") for name in names)  # type: ignore[arg-type]  # one of the types


#: One row per guardrail, subject and period.
#: period_day: first local day, whose policy judges; last_no: number of the last one. is_few: too little to judge by.
#: fte, worked_ratio, tenure_month, is_leave: of clinician weeks, for scaling and exemptions; null elsewhere.
BAND_VALUE = (
    *_of("text", "guardrail_id", "subject_kind", "subject_key"),
    *_of("date", "period_day"),
    *_of("count", "last_no"),
    *_of("instant", "period_start", "period_end"),
    *_of("number", "value", "numerator", "denominator"),
    *_of("flag", "is_partial", "is_defaulted", "is_few"),
    *_of("number", "fte", "worked_ratio"),
    *_of("count", "tenure_month"),
    *_of("flag", "is_leave"),
)

#: One row per guardrail and entity it needs. group_no: of one entity of each group there must be a source; null =
#: the entity only supports. reach_days, looks_ahead: see `Guardrail`.
BAND_NEED = (
    *_of("text", "guardrail_id", "entity"),
    *_of("count", "group_no", "groups_n", "reach_days"),
    *_of("flag", "looks_ahead"),
)

_THRESHOLDS = ("high_warn", "high_breach", "high_once", "low_warn", "low_breach")
_COUNTS = ("min_n", "streak_n", "consistent_n", "window_n", "low_streak_n", "ramp_months")
#: One row per guardrail and revision of the policy: thresholds, settings, and the days on which a period they judge
#: may begin (null = without such a limit). Null in a threshold or a count: the policy states none.
BAND_POLICY = (
    *_of("text", "guardrail_id"),
    *_of("date", "from_day", "until_day"),
    *_of("flag", "enabled"),
    *_of("number", *_THRESHOLDS, "max_scale"),
    *_of("count", *_COUNTS),
    *_of("flag", "leave_exempt", "exempts_high", "scale_by_worked"),
    *_of("text", "unit", "provenance", "evidence_mart"),
)

#: One row per layer of the policy, guardrail and threshold; see `pacekeeper.policy.in_weeks.layer_rows`.
BAND_LAYER = (
    *_of("text", "guardrail_id", "kind", "match", "key", "layer"),
    *_of("count", "rank", "month_from", "month_to"),
    *_of("date", "from_date", "until_date"),
    *_of("number", "value"),
    *_of("flag", "is_exempt"),
)

#: One row per span of days in which the same version of the policy holds.
BAND_VERSION = (*_of("date", "from_date", "until_date"), *_of("text", "policy_version"))


#: Name of the step that holds what every guardrail of the catalogue compares.
BAND_VALUE_STEP = "band_value"
#: The policy as temporary tables, by name.
POLICY_TABLES = {
    "band_need": BAND_NEED,
    "band_policy": BAND_POLICY,
    "band_layer": BAND_LAYER,
    "band_version": BAND_VERSION,
}


#: Settings of a guardrail that only its judging reads, no measure.
BAND_SETTINGS = frozenset(
    {
        "min_n",
        "scale_by_fte",
        "scale_by_worked",
        "streak",
        "floor_streak",
        "consistent_weeks",
        "consistent_window",
        "ramp_exempt_months",
        "leave_exempt",
    }
)


def policy_tables(guardrails: Iterable[Guardrail], policy: Policy) -> dict[str, pa.Table]:
    """The rows of the policy's tables, by name."""
    from pacekeeper.policy.in_weeks import layer_rows, version_rows

    rails = [rail for rail in guardrails if rail.id in policy.guardrail_ids]
    layers = [
        {**row, "key": _column_of(rail, row["key"])}
        for row in layer_rows(policy).to_pylist()
        for rail in rails
        if rail.id == row["guardrail_id"]
    ]
    return {
        "band_need": _arrow(BAND_NEED, [row for rail in rails for row in _needs(rail)]),
        "band_policy": _arrow(BAND_POLICY, [row for rail in rails for row in _revisions(rail, policy)]),
        "band_layer": _arrow(BAND_LAYER, layers),
        "band_version": _arrow(BAND_VERSION, version_rows(policy).to_pylist()),
    }


def _needs(rail: Guardrail) -> list[dict[str, Any]]:  # Any: column values of several types
    common = {"guardrail_id": rail.id, "reach_days": rail.reach_days, "looks_ahead": rail.looks_ahead}
    groups = rail.needs.required_entities
    asked = [(number, entity) for number, group in enumerate(groups) for entity in group]
    also = [(None, entity) for entity in rail.needs.supporting_entities]
    return [
        {**common, "entity": entity, "group_no": number, "groups_n": len(groups)} for number, entity in (*asked, *also)
    ]


def _revisions(rail: Guardrail, policy: Policy) -> list[dict[str, Any]]:  # Any: column values of several types
    begins = [revision.effective_from for revision in policy.revisions]
    rows = []
    for number, revision in enumerate(policy.revisions):
        stated = revision.guardrail(rail.id)
        until = begins[number + 1] if number + 1 < len(begins) else None
        rows.append(
            {
                **_stated(rail, stated, revision),
                "guardrail_id": rail.id,
                "from_day": None if number == 0 else begins[number],
                "until_day": until,
                "enabled": stated.enabled,
                "unit": stated.unit,
                "provenance": stated.provenance,
                "evidence_mart": rail.mart,
            }
        )
    return rows


def _stated(rail: Guardrail, stated: GuardrailPolicy, revision: PolicyRevision) -> dict[str, Any]:  # Any: see above
    row: dict[str, Any] = {}
    for key, entry in stated.thresholds.values.items():
        row[_column_of(rail, key) or key] = None if entry.value is None else float(str(entry.value))
    settings = stated.settings.values

    def whole(key: str) -> int | None:
        return stated.settings.whole(key) if key in settings else None

    below = rail.side == "below"
    row["min_n"] = whole("min_n")
    row["low_streak_n" if below else "streak_n"] = whole("streak")
    if "floor_streak" in settings:
        row["low_streak_n"] = whole("floor_streak")
    row["consistent_n"], row["window_n"] = whole("consistent_weeks"), whole("consistent_window")
    row["ramp_months"] = whole("ramp_exempt_months")
    row["leave_exempt"] = "leave_exempt" in settings and stated.settings.flag("leave_exempt")
    # Where a floor is stated as well, exemptions are from the floor alone.
    row["exempts_high"] = not below and "floor" not in stated.thresholds.values
    row["scale_by_worked"] = "scale_by_worked" in settings and stated.settings.flag("scale_by_worked")
    is_scaled = "scale_by_fte" in settings and stated.settings.flag("scale_by_fte")
    row["max_scale"] = revision.section("fte").number("max_scale") if is_scaled else None
    return row


def _column_of(rail: Guardrail, key: str | None) -> str | None:
    """Where a threshold of the policy stands in `band_policy`."""
    if rail.side == "below":
        named = {"warn": "low_warn", "breach": "low_breach"}
    else:
        named = {"warn": "high_warn", "breach": "high_breach", "breach_single_week": "high_once", "floor": "low_breach"}
    return None if key is None else named[key]


def _arrow(columns: tuple[MartColumn, ...], rows: list[dict[str, Any]]) -> pa.Table:  # Any: see above
    import pyarrow as pa

    kinds: dict[str, pa.DataType] = {
        "text": pa.string(),
        "date": pa.date32(),
        "number": pa.float64(),
        "count": pa.int64(),
        "flag": pa.bool_(),
    }
    schema = pa.schema([(column.name, kinds[column.type]) for column in columns])
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
