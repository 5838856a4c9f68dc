"""Stage, validate, swap: a small connector over raw tables made with SQL, on a real DuckDB file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.columns import Code, Decimal, Instant, Integer, Key, Ref
from pacekeeper.connector import Connector, ConnectorSettings, SourceContext
from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.errors import ConfigError, PluginError
from pacekeeper.expr import RawTables, Table, ifelse, literal, null
from pacekeeper.mapping import MappingResult, list_quarantine, map_source, remove_unconfigured, show_quarantine
from pacekeeper.mapping.stage import stage_slice
from pacekeeper.settings import PracticeSettings
from pacekeeper.stream import Stream

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
PRACTICE = PracticeSettings(name="Riverbend", home_tz="America/New_York")
CANARY = "CANARY7f3a"
LANDED = (
    "row_key VARCHAR, version_id VARCHAR, predecessor_id VARCHAR, version_no BIGINT, content_hash VARCHAR,"
    " is_deleted BOOLEAN, observed_at TIMESTAMPTZ, batch_id VARCHAR, _dlt_id VARCHAR"
)


class Small(Connector[ConnectorSettings]):
    name = "small"
    value_maps = {"status": {"done": "kept", "missed": "no_show", "new": "booked"}}  # noqa: RUF012 - never changed
    streams = (
        Stream(
            "appointment",
            columns={"id": Key("appointment"), "who": Ref("clinician"), "start": Instant(), "state": Code()},
        ),
        Stream("score", columns={"id": Key("response"), "client": Ref("client"), "at": Instant(), "total": Decimal()}),
        Stream("answer", columns={"id": Key("answer"), "form": Ref("response"), "no": Integer(), "points": Decimal()}),
    )


@Small.maps("appointment", of="appointment")
def appointment(raw: RawTables) -> Table:
    a = raw.appointment
    return a.select(
        appointment_key=a.id,
        clinician_key=a.who,
        start_at=a.start,
        booked_via=literal("unknown"),
        modality_planned=literal("in_person"),
        status=raw.value_map("status", a.state),
        status_source_code=a.state,
        out_of_scope=ifelse(a.state == "template", literal("not_an_appointment"), null()),
    )


@Small.maps("measure_response", of="score")
def response(raw: RawTables) -> Table:
    s = raw.score
    return s.select(
        response_key=s.id,
        client_key=s.client,
        instrument=literal("phq9"),
        administered_at=s.at,
        respondent=literal("self"),
        total=s.total.cast("float64"),
        source_total=s.total,
        status=literal("complete"),
        scoring_version=literal("1"),
    )


@Small.maps("measure_item", of="answer")
def item(raw: RawTables) -> Table:
    a = raw.answer
    return a.select(response_key=a.form, item_no=a.no, value=a.points)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    found = Warehouse(tmp_path / "warehouse.duckdb")
    found.create_schemas()
    return found


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    with warehouse.connect() as found:
        found.raw.execute("CREATE SCHEMA raw_ehr")
        yield found


def land(connection: Connection, *rows: tuple[int, str, str], schema: str = "raw_ehr") -> None:
    """Appointments (number, clinician, state): key md5(number), clinician key md5(clinician)."""
    connection.raw.execute(f"DROP VIEW IF EXISTS {schema}.appointment__current")
    connection.raw.execute(
        f"CREATE OR REPLACE TABLE {schema}.appointment"
        f" (id VARCHAR, who VARCHAR, start TIMESTAMPTZ, state VARCHAR, {LANDED})"
    )
    for number, who, state in rows:
        connection.raw.execute(
            f"INSERT INTO {schema}.appointment SELECT md5(?), md5(?), TIMESTAMPTZ '2026-01-05 12:00:00+00', ?,"
            " md5(?), md5(?), NULL, 1, 'h', false, now(), 'b1', uuid()::VARCHAR",
            [str(number), who, state, str(number), str(number)],
        )
    connection.raw.execute(f"CREATE VIEW {schema}.appointment__current AS SELECT * FROM {schema}.appointment")


def connector(source: str = "ehr", of: type[Connector[ConnectorSettings]] = Small) -> Connector[ConnectorSettings]:
    return of(ConnectorSettings(), SourceContext(source, None, lambda: AS_OF))


def run(connection: Connection, *, source: str = "ehr", **options: Any) -> dict[str, MappingResult]:
    """Options are those of map_source, and `of`, a connector class."""
    made = connector(source, options.pop("of", Small))
    options = {"run_id": "run-1", **options}
    results = map_source(connection, source=source, connector=made, practice=PRACTICE, as_of=AS_OF, **options)
    assert all(result.balances for result in results if result.state != "failed")
    return {result.entity: result for result in results}


def rows(connection: Connection, table: str = "canonical.appointment") -> int:
    return connection.count(f"SELECT count(*) FROM {table}")


def mapping_with(build: Any, *, entity: str = "appointment", of: str = "appointment") -> type[Connector[Any]]:
    """A connector like Small of which one entity's mapping is `build`."""
    changed: type[Connector[Any]] = type("Changed", (Small,), {})
    kept = [m for m in Small.mappings if m.entity != entity]
    example = next(m for m in Small.mappings if m.entity == "appointment")
    changed.mappings = (*kept, dataclasses.replace(example, entity=entity, of=of, build=build))
    return changed


def test_rows_are_mapped_counted_and_stamped_with_their_source(connection: Connection) -> None:
    land(connection, (1, "ann", "done"), (2, "ann", "missed"), (3, "bob", "template"))
    result = run(connection)["appointment"]
    assert (result.state, result.in_scope, result.mapped) == ("swapped", 3, 2)
    assert result.out_of_scope == {"not_an_appointment": 1}
    found = connection.raw.execute("SELECT source, status, client_key FROM canonical.appointment ORDER BY 2").fetchall()
    assert found == [("ehr", "kept", None), ("ehr", "no_show", None)]
    assert rows(connection, "duckdb_tables() WHERE schema_name = 'stage'") == 0


def test_a_code_without_mapping_becomes_unknown_and_is_reported(connection: Connection) -> None:
    land(connection, (1, "ann", "done"), (2, "ann", "odd"), (3, "ann", "odd"), (4, "ann", "late"))
    result = run(connection)["appointment"]
    assert result.unmapped == (("status", "odd", 2), ("status", "late", 1))
    assert rows(connection, "canonical.appointment WHERE status = 'unknown'") == 3


def test_a_site_maps_a_code_of_its_own(connection: Connection) -> None:
    land(connection, (1, "ann", "done"), (2, "ann", "odd"))
    result = run(connection, value_maps={"status": {"odd": "cancelled"}})["appointment"]
    assert result.unmapped == ()
    assert rows(connection, "canonical.appointment WHERE status = 'cancelled'") == 1
    assert rows(connection, "canonical.appointment WHERE status = 'kept'") == 1


def test_a_value_map_the_connector_lacks_is_a_config_error(connection: Connection) -> None:
    with pytest.raises(ConfigError, match=r"\[sources\.ehr\.value_maps\] names stautus; this connector has status"):
        run(connection, value_maps={"stautus": {"odd": "cancelled"}})


def test_a_site_value_outside_the_vocabulary_is_refused_before_anything_is_mapped(connection: Connection) -> None:
    land(connection, (1, "ann", "odd"), *((n, "ann", "done") for n in range(2, 42)))
    with pytest.raises(ConfigError, match="a value that the contract does not know: did you mean booked"):
        run(connection, value_maps={"status": {"odd": "Booked"}})
    assert count_of(connection, "canonical") == 0


def test_a_value_outside_the_vocabulary_in_the_connectors_own_map_is_quarantined(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(connection, (1, "ann", "odd"), *((n, "ann", "done") for n in range(2, 42)))
    monkeypatch.setattr(Small, "value_maps", {"status": {**Small.value_maps["status"], "odd": "Booked"}})
    result = run(connection)["appointment"]
    assert result.quarantined == {"not_in_vocabulary": 1}
    assert result.mapped == 40


def test_a_source_that_never_landed_gives_empty_slices(connection: Connection) -> None:
    results = run(connection)
    assert {r.state for r in results.values()} == {"swapped"}
    assert sum(r.in_scope for r in results.values()) == 0


def test_a_source_that_became_empty_loses_its_rows_and_its_quarantine(connection: Connection) -> None:
    land(connection, (1, "ann", "done"), (1, "bob", "done"))
    assert (run(connection, quarantine_limit=1.0)["appointment"].mapped, count_of(connection, "quarantine")) == (1, 1)
    land(connection)
    gone = run(connection)["appointment"]
    assert (gone.state, gone.in_scope, gone.mapped, gone.quarantined_rows) == ("swapped", 0, 0, 0)
    assert (count_of(connection, "canonical"), count_of(connection, "quarantine")) == (0, 0)


def test_a_mapping_of_a_stream_without_rows_is_not_run(connection: Connection) -> None:
    class Two(Small):
        pass

    built: list[str] = []

    @Two.maps("appointment", of="score")
    def of_scores(raw: RawTables) -> Table:
        built.append("score")
        return from_scores(raw)

    land(connection, (1, "ann", "done"))
    assert run(connection, of=Two)["appointment"].mapped == 1
    assert built == []
    land_scores(connection, (5, "7"))
    assert run(connection, of=Two)["appointment"].mapped == 2
    assert built == ["score"]


def count_of(connection: Connection, schema: str) -> int:
    return rows(connection, f"{schema}.appointment")


def test_a_column_declared_after_the_last_load_is_null(connection: Connection) -> None:
    land(connection, (1, "ann", "done"))
    connection.raw.execute("DROP VIEW raw_ehr.appointment__current; ALTER TABLE raw_ehr.appointment DROP state")
    connection.raw.execute("CREATE VIEW raw_ehr.appointment__current AS SELECT * FROM raw_ehr.appointment")
    assert run(connection)["appointment"].mapped == 1
    assert rows(connection, "canonical.appointment WHERE status = 'unknown' AND status_source_code IS NULL") == 1


def test_without_its_view_a_stream_is_read_from_its_newest_versions(connection: Connection) -> None:
    land(connection, (1, "ann", "new"), (1, "ann", "done"), (2, "ann", "done"), (2, "ann", "done"))
    connection.raw.execute("DROP VIEW raw_ehr.appointment__current")
    connection.raw.execute("UPDATE raw_ehr.appointment SET version_no = 2 WHERE rowid IN (1, 3)")
    connection.raw.execute("UPDATE raw_ehr.appointment SET is_deleted = true WHERE rowid = 3")
    assert run(connection)["appointment"].mapped == 1
    assert rows(connection, "canonical.appointment WHERE status = 'kept'") == 1


def test_mapping_twice_leaves_equal_content(connection: Connection) -> None:
    land(connection, *((n, "ann", "done") for n in range(50)))
    run(connection)
    before = connection.content_hash("canonical.appointment")
    run(connection, run_id="run-2")
    assert connection.content_hash("canonical.appointment") == before
    land(connection, *((n, "ann", "done") for n in range(49)), (49, "ann", "missed"))
    run(connection)
    assert connection.content_hash("canonical.appointment") != before


def test_each_source_replaces_its_own_slice_only(connection: Connection) -> None:
    land(connection, (1, "ann", "done"))
    connection.raw.execute("CREATE SCHEMA raw_north")
    land(connection, (7, "eve", "done"), (8, "eve", "done"), schema="raw_north")
    run(connection)
    run(connection, source="north")
    land(connection, (2, "ann", "done"))
    run(connection)
    found = connection.raw.execute(
        "SELECT source, count(*) FROM canonical.appointment GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert found == [("ehr", 1), ("north", 2)]
    remove_unconfigured(connection, configured=["ehr"])
    assert rows(connection) == 1


def test_an_entity_a_source_no_longer_maps_loses_its_slice(connection: Connection) -> None:
    land(connection, (1, "ann", "done"))
    run(connection)
    less: type[Connector[Any]] = type("Less", (Small,), {})
    less.mappings = tuple(m for m in Small.mappings if m.entity != "appointment")
    run(connection, of=less)
    assert rows(connection) == 0


def test_bad_rows_are_quarantined_by_key_and_the_others_swapped(connection: Connection) -> None:
    land(connection, *((n, "ann", "done") for n in range(40)))
    connection.raw.execute("UPDATE raw_ehr.appointment SET start = NULL WHERE id = md5('3')")
    result = run(connection)["appointment"]
    assert (result.state, result.mapped, result.quarantined) == ("swapped", 39, {"missing_required": 1})
    (fault,) = show_quarantine(connection, "appointment")
    assert (fault.row_key, fault.column) == (connection.raw.execute("SELECT md5('3')").fetchall()[0][0], "start_at")
    assert fault.sentence == "A value that every row must have is missing."
    (count,) = list_quarantine(connection)
    assert (count.source, count.table, count.reason, count.rows) == ("ehr", "appointment", "missing_required", 1)


def test_quarantine_is_replaced_by_the_next_run(connection: Connection) -> None:
    land(connection, *((n, "ann", "done") for n in range(40)))
    connection.raw.execute("UPDATE raw_ehr.appointment SET start = NULL WHERE id = md5('3')")
    run(connection)
    land(connection, *((n, "ann", "done") for n in range(40)))
    run(connection, run_id="run-2")
    assert list_quarantine(connection) == []


def test_a_slice_over_its_limit_is_not_swapped(connection: Connection) -> None:
    land(connection, *((n, "ann", "done") for n in range(20)))
    run(connection)
    before = connection.content_hash("canonical.appointment")
    land(connection, *((n, "ann", "missed") for n in range(20)))
    connection.raw.execute("UPDATE raw_ehr.appointment SET start = NULL WHERE id IN (md5('3'), md5('4'))")
    result = run(connection)["appointment"]
    assert (result.state, result.mapped, result.quarantined_rows) == ("over_limit", 18, 2)
    assert "2 of 20 rows break the contract, more than the limit of 5.0%" in (result.message or "")
    assert connection.content_hash("canonical.appointment") == before
    assert rows(connection, "quarantine.appointment") == 2
    assert run(connection, quarantine_limit=0.1)["appointment"].state == "swapped"
    assert connection.content_hash("canonical.appointment") != before


def test_a_limit_of_zero_lets_a_clean_slice_through(connection: Connection) -> None:
    land(connection, (1, "ann", "done"))
    assert run(connection, quarantine_limit=0.0)["appointment"].state == "swapped"


def test_of_rows_with_one_key_one_stays_whatever_their_order(connection: Connection) -> None:
    several = [(1, "ann", "done"), (1, "ann", "missed"), (1, "ann", "done"), (2, "bob", "done")]
    land(connection, *several)
    result = run(connection, quarantine_limit=0.9)["appointment"]
    assert result.mapped == 2
    assert result.quarantined == {"duplicate_key": 1, "duplicate_row": 1}
    before = connection.content_hash("canonical.appointment")
    land(connection, *reversed(several))
    run(connection, quarantine_limit=0.9)
    assert connection.content_hash("canonical.appointment") == before


def from_scores(raw: RawTables) -> Table:
    s = raw.score
    return s.select(
        appointment_key=s.id,
        clinician_key=s.client,
        start_at=s.at,
        booked_via=literal("import"),
        modality_planned=literal("video"),
        status=literal("booked"),
    )


def test_several_mappings_to_one_entity_are_one_slice(connection: Connection) -> None:
    class Twice(Small):
        pass

    Twice.maps("appointment", of="score")(from_scores)
    land(connection, (1, "ann", "done"))
    land_scores(connection, (5, "7"), (6, "8"))
    result = run(connection, of=Twice)["appointment"]
    assert (result.in_scope, result.mapped, rows(connection)) == (3, 3, 3)


def land_scores(connection: Connection, *scores: tuple[int, str]) -> None:
    connection.raw.execute(
        'CREATE OR REPLACE TABLE raw_ehr.score (id VARCHAR, client VARCHAR, "at" TIMESTAMPTZ, total DECIMAL(18,4),'
        f" {LANDED})"
    )
    for number, total in scores:
        connection.raw.execute(
            "INSERT INTO raw_ehr.score SELECT md5(?), md5('c'), TIMESTAMPTZ '2026-01-05 12:00:00+00', ?,"
            " md5(?), 'v', NULL, 1, 'h', false, TIMESTAMPTZ '2026-06-01 00:00:00+00', 'b1', 'd'",
            [str(number), total, str(number)],
        )


def test_a_total_of_18_42_is_quarantined_as_not_whole(connection: Connection) -> None:
    land_scores(connection, (1, "18.42"), (2, "18"), (3, "28"))
    result = run(connection, quarantine_limit=1.0)["measure_response"]
    assert result.mapped == 1
    assert result.quarantined == {
        "source_total_not_whole": 1,
        "source_total_out_of_range": 1,
        "total_not_whole": 1,
        "total_out_of_range": 1,
    }
    assert connection.raw.execute("SELECT total, typeof(total) FROM canonical.measure_response").fetchall() == [
        (18, "BIGINT")
    ]
    sentences = {fault.reason: fault.sentence for fault in show_quarantine(connection, "measure_response")}
    assert sentences["total_not_whole"].startswith("The total must be a whole number")


def test_a_total_sent_under_an_items_code_is_quarantined(connection: Connection) -> None:
    connection.raw.execute(
        f"CREATE TABLE raw_ehr.answer (id VARCHAR, form VARCHAR, no BIGINT, points DECIMAL(18,4), {LANDED})"
    )
    for number, points in ((1, 3), (9, 14)):
        connection.raw.execute(
            "INSERT INTO raw_ehr.answer SELECT md5(?), md5('f'), ?, ?, md5(?), 'v', NULL, 1, 'h', false, NULL, 'b', ''",
            [str(number), number, points, str(number)],
        )
    result = run(connection, quarantine_limit=1.0)["measure_item"]
    assert (result.mapped, result.quarantined) == (1, {"item_out_of_range": 1})
    assert "total may have been sent under an item's code" in show_quarantine(connection, "measure_item")[0].sentence


def test_one_failing_mapping_leaves_its_old_slice_and_the_others_go_on(connection: Connection) -> None:
    land(connection, (1, "ann", "done"))
    land_scores(connection, (1, "9"))
    run(connection)

    def broken(raw: RawTables) -> Table:
        raise ValueError(f"cannot read {CANARY}")

    land(connection, (1, "ann", "missed"))
    land_scores(connection, (1, "9"), (2, "10"))
    results = run(connection, of=mapping_with(broken))
    assert results["appointment"].state == "failed"
    assert "ValueError at" in (results["appointment"].message or "")
    assert CANARY not in str(results)
    assert (rows(connection), results["measure_response"].mapped) == (1, 2)


def plain(raw: RawTables, **changes: Any) -> Table:
    a = raw.appointment
    chosen: dict[str, Any] = {
        "appointment_key": a.id,
        "clinician_key": a.who,
        "start_at": a.start,
        "booked_via": literal("unknown"),
        "modality_planned": literal("unknown"),
        "status": literal("kept"),
    }
    return a.select(**{name: value for name, value in (chosen | changes).items() if value is not None})


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda raw: plain(raw, clinician_key=None), "required column clinician_key is missing"),
        (lambda raw: plain(raw, colour=literal("red")), "column colour is not in the contract"),
        (lambda raw: plain(raw, start_at=raw.appointment.state), "column start_at is string"),
        (lambda raw: plain(raw, start_at=raw.appointment.start.cast("timestamp")), "column start_at is timestamp"),
        (lambda raw: plain(raw, status=literal(1)), "column status is int8"),
        (str, "returns str"),
        (lambda raw: plain(raw, out_of_scope=raw.appointment.state), "something other than a few"),
        (lambda raw: plain(raw, status=raw.value_map("colour", raw.appointment.state)), "value map 'colour'"),
        (lambda raw: raw.telepathy, "asks for stream 'telepathy'"),
        (lambda raw: plain(raw).filter(literal(False)), "gives 0 rows for 2"),
        (lambda raw: plain(raw).union(plain(raw)), "gives 4 rows for 2"),
    ],
    ids=[
        "required column missing",
        "column the contract lacks",
        "text for an instant",
        "time without zone",
        "number for text",
        "no table",
        "reason made from data",
        "no such value map",
        "no such stream",
        "rows lost",
        "rows multiplied",
    ],
)
def test_a_mapping_that_does_not_fit_is_named(connection: Connection, build: Any, reason: str) -> None:
    land(connection, (1, "ann", CANARY), (2, "ann", "x y@z"))
    result = run(connection, of=mapping_with(build))["appointment"]
    assert result.state == "failed"
    assert reason in (result.message or "")
    assert CANARY not in (result.message or "")
    assert rows(connection) == 0


def test_a_mapping_to_something_no_source_can_fill_is_a_plugin_error(connection: Connection) -> None:
    for entity in ("calendar_day", "invoice"):
        with pytest.raises(PluginError, match=f"it maps to '{entity}'"):
            run(connection, of=mapping_with(plain, entity=entity))


def test_versions_are_counted_where_a_mapping_is_of_versions(connection: Connection) -> None:
    def events(raw: RawTables) -> Table:
        v = raw.versions("appointment")
        return v.select(
            appointment_key=v.id,
            seq=v.version_no,
            at=v.observed_at,
            at_precision=literal("day"),
            to_status=raw.value_map("status", v.state),
            change=ifelse(v.version_no == 1, literal("created"), literal("status")),
        )

    land(connection, (1, "ann", "new"), (1, "ann", "done"))
    connection.raw.execute("UPDATE raw_ehr.appointment SET version_no = 2 WHERE state = 'done'")
    connection.raw.execute(
        "CREATE OR REPLACE VIEW raw_ehr.appointment__current AS SELECT * FROM raw_ehr.appointment WHERE version_no = 2"
    )
    result = run(connection, of=mapping_with(events, entity="appointment_event", of="appointment@versions"))
    assert (result["appointment_event"].in_scope, result["appointment_event"].mapped) == (2, 2)


def test_planted_values_reach_neither_quarantine_nor_messages(connection: Connection) -> None:
    def careless(raw: RawTables) -> Table:
        state = raw.appointment.state
        return plain(raw, appointment_key=state, clinician_key=state, status=state, cancelled_by=state)

    land(connection, (1, "ann", CANARY), (2, "ann", CANARY))
    results = run(connection, of=mapping_with(careless))
    assert results["appointment"].state == "over_limit"
    assert results["appointment"].quarantined_rows == 2
    assert CANARY not in str(results)
    held = connection.raw.execute("SELECT * FROM quarantine.appointment").fetchall()
    assert len(held) == 8
    assert CANARY not in str(held)
    assert CANARY not in str(show_quarantine(connection, "appointment"))


def test_a_conversion_that_fails_in_the_engine_is_named_without_its_value(connection: Connection) -> None:
    land(connection, (1, "ann", CANARY))
    result = run(
        connection, of=mapping_with(lambda raw: plain(raw, end_at=raw.appointment.state.cast("timestamp('UTC')")))
    )
    assert result["appointment"].state == "failed"
    assert "ConversionException" in (result["appointment"].message or "")
    assert CANARY not in str(result)


def test_what_a_killed_run_left_in_stage_is_cleared(connection: Connection) -> None:
    connection.raw.execute("CREATE TABLE stage.appointment__ehr__1 (x INT); CREATE TABLE stage.other (x INT)")
    run(connection)
    left = connection.raw.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'stage'").fetchall()
    assert left == [("other",)]


def test_quarantine_of_raw_tables_is_listed_by_source(connection: Connection) -> None:
    connection.raw.execute(
        "CREATE TABLE quarantine.raw_ehr__appointment (row_key VARCHAR, column_name VARCHAR, reason VARCHAR,"
        " batch_id VARCHAR, locator VARCHAR);"
        "INSERT INTO quarantine.raw_ehr__appointment VALUES ('k', 'start', 'naive_time', 'b1', 'page line 3')"
    )
    (count,) = list_quarantine(connection)
    assert (count.source, count.table, count.rows) == ("ehr", "raw_ehr__appointment", 1)
    assert count.sentence == "The time has no offset, and the source has no default_tz: set it in [sources.<name>]."
    (fault,) = show_quarantine(connection, "raw_ehr__appointment", source="ehr", reason="naive_time")
    assert (fault.place, fault.found_in, fault.column) == ("page line 3", "b1", "start")
    assert show_quarantine(connection, "raw_ehr__appointment", source="north") == []


def test_a_ledger_that_does_not_balance_is_on_record_and_nothing_is_swapped(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(connection, (1, "ann", "arrived"))
    before = run(connection)["appointment"]

    def losing(*given: Any, **named: Any) -> Any:
        found = stage_slice(*given, **named)
        return dataclasses.replace(found, in_scope=found.in_scope + 1)

    monkeypatch.setattr("pacekeeper.mapping.run.stage_slice", losing)
    land(connection, (1, "ann", "arrived"))
    after = run(connection)["appointment"]
    assert (before.state, after.state) == ("swapped", "failed")
    assert (after.balances, after.in_scope, after.mapped) == (False, before.in_scope + 1, before.mapped)
    assert "does not balance" in (after.message or "")


def test_asking_for_a_table_without_quarantine_is_a_config_error(connection: Connection) -> None:
    with pytest.raises(ConfigError, match="there is no quarantine for 'invoice'; there is for"):
        show_quarantine(connection, "invoice")


def test_only_the_most_frequent_unmapped_codes_are_listed_and_the_others_summed(connection: Connection) -> None:
    codes = [f"odd{n:02d}" for n in range(53)]
    land(connection, *((n, "ann", code) for n, code in enumerate([*codes, "odd07", "odd52"])))
    found = run(connection)["appointment"].unmapped
    assert found[:2] == (("status", "odd07", 2), ("status", "odd52", 2))
    assert len(found) == 51
    assert found[-1] == ("status", "(other codes)", 3)
    assert sum(count for _, _, count in found) == 55
