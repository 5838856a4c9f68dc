"""A night's mapping over several sources: one source's fault, one that is switched off, and one that is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pacekeeper.columns import Code, Key
from pacekeeper.connector import Connector, ConnectorSettings, EntityMapping, SourceContext
from pacekeeper.expr import RawTables, Table, literal
from pacekeeper.home import PracticeHome
from pacekeeper.mapping import map_source
from pacekeeper.mapping.night import map_sources
from pacekeeper.ops import EntityState, StreamState
from pacekeeper.settings import PracticeSettings, Settings, SourceSettings
from pacekeeper.stream import Stream

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
CANARY = "CANARY7f3a"


class People(Connector[ConnectorSettings]):
    name = "people"
    streams = (Stream("person", {"id": Key("clinician"), "role": Code()}),)


@People.maps("clinician", of="person")
def clinician(raw: RawTables) -> Table:
    p = raw.person
    return p.select(clinician_key=p.id, role=literal("therapist"), license_level=literal("none"))


class Forgetful(People):
    """Its mappings can be asked for once."""

    name = "forgetful"

    def entity_mappings(self) -> Sequence[EntityMapping]:
        if self.__dict__.setdefault("asked", False):
            raise KeyError(CANARY)
        self.__dict__["asked"] = True
        return super().entity_mappings()


@dataclass(frozen=True)
class Home(PracticeHome):
    """A practice whose connectors are given."""

    of: dict[str, type[People]] = field(default_factory=dict)

    def connector(self, source: str) -> Connector[Any]:
        made = self.of.get(source, People)
        return made(ConnectorSettings(), SourceContext(source, None, lambda: AS_OF))


@pytest.fixture
def home(tmp_path: Path) -> Callable[..., Home]:
    def make(of: dict[str, type[People]] | None = None, **enabled: bool) -> Home:
        sources = {name: SourceSettings(connector="people", enabled=on) for name, on in enabled.items()}
        practice = PracticeSettings(name="Riverbend", home_tz="UTC")
        return Home(Settings(practice=practice, sources=sources, home=tmp_path), of=of or {})

    return make


def land(home: Home, source: str, *people: str) -> None:
    with home.warehouse.connect() as connection:
        connection.create_schemas()
        connection.raw.execute(f"CREATE SCHEMA IF NOT EXISTS raw_{source}")
        connection.raw.execute(
            f"CREATE OR REPLACE TABLE raw_{source}.person AS SELECT md5(p) AS id, 'x' AS role, md5(p) AS row_key,"
            " md5(p) AS version_id, NULL::VARCHAR AS predecessor_id, 1::BIGINT AS version_no, 'h' AS content_hash,"
            " false AS is_deleted, TIMESTAMPTZ '2026-06-01 00:00:00+00' AS observed_at, 'b' AS batch_id"
            f" FROM unnest({list(people)}) AS t(p)"
        )
        connection.raw.execute(
            f"CREATE OR REPLACE VIEW raw_{source}.person__current AS SELECT * FROM raw_{source}.person"
        )
        connection.raw.execute(
            f"CREATE TABLE IF NOT EXISTS quarantine.raw_{source}__person AS"
            " SELECT 'k' AS row_key, 'role' AS column_name, 'missing' AS reason, 'page' AS locator, 'b' AS batch_id"
        )
    home.ops.add([StreamState(source=source, stream="person", complete_through=AS_OF)])


def mapped(home: Home) -> dict[str, int]:
    with home.warehouse.connect(read_only=True) as connection:
        return dict(
            connection.raw.execute("SELECT source, count(*) FROM canonical.clinician GROUP BY 1 ORDER BY 1").fetchall()
        )


def raw_quarantine(home: Home) -> list[str]:
    with home.warehouse.connect(read_only=True) as connection:
        found = connection.raw.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'quarantine' AND table_name LIKE 'raw_%'"
        ).fetchall()
    return sorted(name for (name,) in found)


def complete(home: Home) -> dict[str, datetime | None]:
    return {state.source: state.complete_through for state in home.ops.rows(EntityState, entity="clinician")}


def test_plugin_code_that_fails_after_the_swap_stops_no_other_source(home: Callable[..., Home]) -> None:
    practice = home(a=True, b=True, of={"a": Forgetful})
    land(practice, "a", "ann")
    land(practice, "b", "bob")
    results = map_sources(practice, run_id="r1", as_of=AS_OF)
    assert mapped(practice) == {"a": 1, "b": 1}
    assert [(r.source, r.entity, r.state) for r in results] == [
        ("a", "clinician", "swapped"),
        ("a", "(all)", "failed"),
        ("b", "clinician", "swapped"),
    ]
    assert CANARY not in str(results)
    assert complete(practice) == {"b": AS_OF}


def test_an_engine_error_in_one_source_stops_no_other_and_shows_no_value(
    home: Callable[..., Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    practice = home(a=True, b=True)
    land(practice, "b", "bob")

    def fragile(connection: Any, **options: Any) -> Any:
        if options["source"] == "a":
            raise duckdb.ConversionException(f"could not convert {CANARY}")
        return map_source(connection, **options)

    monkeypatch.setattr("pacekeeper.mapping.night.map_source", fragile)
    failed, swapped = map_sources(practice, run_id="r1", as_of=AS_OF)
    assert (failed.source, failed.entity, failed.state) == ("a", "(all)", "failed")
    assert "ConversionException" in str(failed.message)
    assert CANARY not in str(failed.message)
    assert (swapped.source, swapped.state) == ("b", "swapped")


def test_a_source_that_is_switched_off_keeps_its_slices_as_they_were_read(home: Callable[..., Home]) -> None:
    practice = home(a=True, b=True)
    land(practice, "a", "ann")
    land(practice, "b", "bob")
    map_sources(practice, run_id="r1", as_of=AS_OF)
    later = home(a=True, b=False)
    results = map_sources(later, run_id="r2", as_of=datetime(2026, 6, 2, tzinfo=UTC))
    assert {result.source for result in results} == {"a"}
    assert mapped(later) == {"a": 1, "b": 1}
    assert complete(later)["b"] == AS_OF
    assert raw_quarantine(later) == ["raw_a__person", "raw_b__person"]


def test_a_source_that_left_the_settings_loses_all_but_its_raw_schema(home: Callable[..., Home]) -> None:
    practice = home(ehr=True, ehr_north=True)
    land(practice, "ehr", "ann")
    land(practice, "ehr_north", "bob")
    map_sources(practice, run_id="r1", as_of=AS_OF)
    later = home(ehr=True)
    map_sources(later, run_id="r2", as_of=AS_OF)
    assert mapped(later) == {"ehr": 1}
    assert raw_quarantine(later) == ["raw_ehr__person"]
    assert complete(later) == {"ehr": AS_OF}
    with later.warehouse.connect(read_only=True) as connection:
        assert connection.has_table("raw_ehr_north", "person")


def test_a_source_keeps_the_quarantine_of_a_stream_that_sounds_like_another_source(home: Callable[..., Home]) -> None:
    practice = home(ehr=True, ehr_x=False)
    land(practice, "ehr", "ann")
    with practice.warehouse.connect() as connection:
        connection.raw.execute("CREATE SCHEMA raw_ehr_staging; CREATE SCHEMA raw_gone")
        for name in ("raw_ehr__x_room", "raw_ehr_x__room", "raw_ehr_y__room", "raw_gone__person"):
            connection.raw.execute(f"CREATE TABLE quarantine.{name} (row_key VARCHAR)")
    map_sources(practice, run_id="r1", as_of=AS_OF)
    assert raw_quarantine(practice) == ["raw_ehr__person", "raw_ehr__x_room", "raw_ehr_x__room"]


def test_quarantine_under_a_name_of_an_earlier_version_stays_until_its_source_goes(home: Callable[..., Home]) -> None:
    practice = home(ehr=True, staff=True)
    with practice.warehouse.connect() as connection:
        connection.raw.execute("CREATE SCHEMA raw_ehr; CREATE SCHEMA raw_gone; CREATE SCHEMA quarantine")
        for name in ("raw_ehr_staging_room", "raw_staff_person", "raw_gone_person"):
            connection.raw.execute(f"CREATE TABLE quarantine.{name} (row_key VARCHAR)")
    map_sources(practice, run_id="r1", as_of=AS_OF)
    assert raw_quarantine(practice) == ["raw_ehr_staging_room", "raw_staff_person"]
