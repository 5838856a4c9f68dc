"""What sources can measure follows from what their mappings really fill."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import pytest
from tests.marts import every_guardrail

from pacekeeper import registry
from pacekeeper.capability import Filled, Mapped, finding, findings, mapped_by_class
from pacekeeper.capability.lineage import Told, reads_of, told_by
from pacekeeper.capability.mapped import mapped
from pacekeeper.columns import Code, Instant, Key, Ref
from pacekeeper.connector import EntityMapping
from pacekeeper.contract import ENTITIES, SETTINGS
from pacekeeper.expr import RawTables, Table, coalesce, literal, null, union
from pacekeeper.measures.mart import Step
from pacekeeper.measures.needs import SUPPLIED_BY, Input
from pacekeeper.measures.plan import expressions
from pacekeeper.measures.tables import step_table
from pacekeeper.measures.timed import behind
from pacekeeper.stream import Stream
from pacekeeper_assets import CATALOGUE, MEASURE_NEEDS, NEEDS

VISIT = Stream(
    "visit",
    columns={
        "id": Key("appointment"),
        "provider": Ref("clinician"),
        "patient": Ref("client"),
        "start": Instant(),
        "state": Code(),
        "old_state": Code(),
    },
)
STATES = {"S": "kept", "N": "no_show", "X": "cancelled"}


def _visits(raw: RawTables) -> Table:
    v = raw.visit
    return v.select(
        appointment_key=v.id,
        clinician_key=v.provider,
        client_key=v.patient,
        start_at=v.start,
        end_at=null("timestamp('UTC', 6)"),
        status=raw.value_map("state", coalesce(v.state, v.old_state)),
        booked_via=literal("unknown"),
        modality_planned=coalesce(null("string"), literal("unknown")),
        service_code=null("string").upper(),
        out_of_scope=null("string"),
    )


def _mapped(states: Mapping[str, str] = STATES) -> Mapped:
    return mapped((VISIT,), (EntityMapping("appointment", "visit", _visits),), {"state": states})


def test_a_column_that_is_always_null_or_unknown_is_not_filled() -> None:
    found = _mapped()
    filled = {column for column in found.entities["appointment"] if found.fills("appointment", column)}
    assert filled == {"appointment_key", "clinician_key", "client_key", "start_at", "status"}


def test_a_coded_column_tells_the_values_of_its_map_and_the_raw_columns_behind_it() -> None:
    status = _mapped().entities["appointment"]["status"]
    assert status.values == frozenset({"kept", "no_show", "cancelled", "unknown"})
    assert status.reads == {("visit", "state"), ("visit", "old_state")}


def test_the_value_maps_of_a_raw_column_are_known() -> None:
    assert _mapped().value_maps == {("visit", "state"): ("state",), ("visit", "old_state"): ("state",)}


def test_lineage_goes_through_joins_unions_and_aggregates() -> None:
    left = ibis.table({"k": "string", "a": "string"}, name="one")
    right = ibis.table({"k": "string", "b": "int64"}, name="two")
    joined = left.left_join(right.group_by("k").aggregate(total=right.b.sum()), "k").select("a", "total")
    both = union(joined, joined.mutate(a=null("string")).select("a", "total")).filter(lambda t: t.total > 0)
    assert told_by(both) == {
        "a": Told(None, frozenset({("one", "a")})),
        "total": Told(None, frozenset({("two", "b")})),
    }


def test_no_show_needs_a_source_that_can_say_no_show() -> None:
    known = {"hr": mapped((), (), {}), "ehr": _mapped()}
    everyone = Mapped({**known["ehr"].entities, "clinician": {"clinician_key": Told(None)}})
    assert finding("no_show", NEEDS["no_show"], {"ehr": everyone}).state == "measurable"
    never = _mapped({"S": "kept", "X": "cancelled"})
    kept_only = Mapped({**never.entities, "clinician": {"clinician_key": Told(None)}})
    found = finding("no_show", NEEDS["no_show"], {"ehr": kept_only})
    assert found.state == "missing"
    assert "ehr maps appointment without status no_show" in found.explanation
    assert "kind of source: EHR" in found.explanation


def _complete() -> dict[str, dict[str, Told]]:
    """A source that fills every column with anything."""
    return {name: dict.fromkeys(ENTITIES[name].model_fields, Told(None)) for name in SUPPLIED_BY}


@pytest.mark.parametrize("guardrail_id", NEEDS)
def test_each_required_input_is_missed_by_name_and_kind_of_source(guardrail_id: str) -> None:
    needs = NEEDS[guardrail_id]
    assert finding(guardrail_id, needs, {"all": Mapped(_complete())}).state == "measurable"
    for group in needs.required:
        without = {name: columns for name, columns in _complete().items() if name not in {i.entity for i in group}}
        found = finding(guardrail_id, needs, {"all": Mapped(without)})
        assert found.state == "missing"
        lacking = next(one for one in found.missing if set(one.entities) == {i.entity for i in group})
        assert all(kind in lacking.kind for one in group for kind in SUPPLIED_BY[one.entity])


@pytest.mark.parametrize("guardrail_id", NEEDS)
def test_each_required_column_is_missed(guardrail_id: str) -> None:
    needs = NEEDS[guardrail_id]
    for group in needs.required:
        if len(group) > 1:
            continue
        (one,) = group
        for column in (*one.columns, *one.tells):
            source = _complete()
            source[one.entity] = {**source[one.entity], column: Told(frozenset({None}))}
            found = finding(guardrail_id, needs, {"all": Mapped(source)})
            assert found.state == "missing", (one.entity, column)
            assert column in found.explanation


def test_what_only_supports_is_told_and_does_not_stop_a_guardrail() -> None:
    source = _complete()
    del source["employment"]
    found = finding("direct_hours", NEEDS["direct_hours"], {"all": Mapped(source)})
    assert found.state == "measurable"
    assert any("not scaled by FTE" in text and "HR file" in text for text in found.without)


def test_a_declared_column_that_a_run_has_never_filled_is_told() -> None:
    sources = {"ehr": Mapped(_complete())}
    every = {(entity, column) for entity, columns in _complete().items() for column in columns}
    rows = dict.fromkeys(SUPPLIED_BY, 10)
    assert findings(NEEDS, sources, filled={"ehr": Filled(rows, every)})["direct_hours"].state == "measurable"
    seen = {"ehr": Filled(rows, every - {("session", "ended_at")})}
    found = findings(NEEDS, sources, filled=seen)["direct_hours"]
    assert found.state == "unfilled"
    assert "ehr declares session and has never filled ended_at" in found.explanation
    empty = {"ehr": Filled({}, ())}
    assert findings(NEEDS, sources, filled=empty)["direct_hours"].state == "measurable", "no rows prove nothing"


def test_every_entity_of_a_source_has_a_kind_of_source() -> None:
    from_sources = {name for name, entity in ENTITIES.items() if not entity.derived}
    assert from_sources - {"practice", SETTINGS} == set(SUPPLIED_BY)


def test_every_number_of_every_mart_says_what_it_needs() -> None:
    numbers = {
        f"{mart.name}.{column.name}"
        for mart in CATALOGUE.marts.values()
        if not mart.versioned
        for column in mart.columns
        if column.type in {"number", "count"}
    }
    flags = {"measure_trajectory.safety_flag"}
    assert numbers | flags == set(MEASURE_NEEDS)


@pytest.fixture(scope="module")
def read_by_mart(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[tuple[str, str]]]:
    """Canonical columns that each mart and guardrail reads anywhere, what it is built from included."""
    of_table: dict[str, set[tuple[str, str]]] = {}
    reads: dict[str, set[tuple[str, str]]] = {}
    policy = every_guardrail(tmp_path_factory.mktemp("policy"))
    for what, parts in expressions(CATALOGUE, policy):
        for name, table in parts.items():
            named = {(behind(below), column) for below, column in reads_of(table)}
            found = {(entity, column) for entity, column in named if entity in ENTITIES}
            reads[name] = found.union(*(of_table.get(below, set()) for below, _ in named))
        of_table[step_table(what.name) if isinstance(what, Step) else what.name] = set().union(
            *(reads[n] for n in parts)
        )
    return reads


def _columns(inputs: tuple[Input, ...]) -> set[tuple[str, str]]:
    return {(one.entity, column) for one in inputs for column in (*one.columns, *one.tells)}


@pytest.mark.parametrize("measure", MEASURE_NEEDS)
def test_a_measure_declares_only_columns_that_its_mart_reads(
    measure: str, read_by_mart: Mapping[str, set[tuple[str, str]]]
) -> None:
    mart = measure.partition(".")[0]
    assert _columns(MEASURE_NEEDS[measure].inputs) <= read_by_mart[mart]


@pytest.mark.parametrize("guardrail_id", NEEDS)
def test_a_guardrail_declares_only_columns_that_its_verdicts_read(
    guardrail_id: str, read_by_mart: Mapping[str, set[tuple[str, str]]]
) -> None:
    assert _columns(NEEDS[guardrail_id].inputs) <= read_by_mart[guardrail_id]


def test_fhir_alone_supports_the_four_guardrails_and_no_leave_ledger() -> None:
    fhir = mapped_by_class(registry.load("fhir"))
    assert fhir is not None
    states = {name: one.state for name, one in findings(NEEDS, {"ehr": fhir}).items()}
    assert {states[name] for name in ("direct_hours", "utilization", "active_caseload", "no_show")} == {"measurable"}
    found = findings(MEASURE_NEEDS, {"ehr": fhir})
    assert found["clinician_week.paid_leave_h"].state == "missing"
    assert "HR file" in found["clinician_week.paid_leave_h"].explanation
