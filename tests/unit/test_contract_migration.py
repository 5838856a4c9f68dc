"""A warehouse of an earlier contract is brought up to date, with its rows; one of a later contract is refused.

What contract 1.0 left is written out here, column by column, so that it stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.columns import Code, Date, Key, Ref
from pacekeeper.connector import Connector, ConnectorSettings, EntityMapping, SourceContext
from pacekeeper.contract import CONTRACT_VERSION, ENTITIES
from pacekeeper.contract.version import ContractVersion, parse_version
from pacekeeper.engine.migration import entities_to_map, migrate, version_of
from pacekeeper.errors import ConfigError
from pacekeeper.expr import RawTables, Table, literal
from pacekeeper.home import PracticeHome
from pacekeeper.mapping.night import map_sources
from pacekeeper.ops import EntityState, StreamState
from pacekeeper.settings import PracticeSettings, Settings, SourceSettings
from pacekeeper.stream import Stream

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)

#: Contract 1.0 had these three, and no table that says so. Its `employment` lacked columns that 1.1 has.
LEFT_BY_1_0 = """
CREATE SCHEMA canonical;
CREATE TABLE canonical.practice (
    source VARCHAR NOT NULL, practice_key VARCHAR NOT NULL, name VARCHAR NOT NULL, home_tz VARCHAR NOT NULL,
    week_start VARCHAR NOT NULL
);
CREATE TABLE canonical.clinician (
    source VARCHAR NOT NULL, clinician_key VARCHAR NOT NULL, practice_key VARCHAR NOT NULL, role VARCHAR NOT NULL,
    role_source_code VARCHAR, license_level VARCHAR NOT NULL, license_level_source_code VARCHAR,
    is_client_facing BOOLEAN, home_location_key VARCHAR, first_seen DATE
);
CREATE TABLE canonical.employment (
    source VARCHAR NOT NULL, employment_key VARCHAR NOT NULL, clinician_key VARCHAR NOT NULL,
    start_date DATE NOT NULL, end_date DATE, end_reason VARCHAR, end_reason_source_code VARCHAR,
    employment_type VARCHAR NOT NULL, employment_type_source_code VARCHAR, fte DOUBLE, contract_h_week DOUBLE
);
INSERT INTO canonical.clinician VALUES
    ('hr', md5('ann'), md5('p'), 'therapist', NULL, 'none', NULL, NULL, NULL, NULL);
INSERT INTO canonical.employment VALUES
    ('hr', md5('ann-1'), md5('ann'), DATE '2024-01-08', NULL, NULL, NULL, 'w2', NULL, NULL, NULL);
"""
#: Something that no addition can mend: a flag that was a word.
OTHER_FORM = "ALTER TABLE canonical.clinician ALTER is_client_facing TYPE VARCHAR"


class Staff(Connector[ConnectorSettings]):
    name = "staff"
    streams = (
        Stream("person", {"id": Key("clinician"), "role": Code()}),
        Stream("job", {"id": Key("employment"), "who": Ref("clinician"), "began": Date()}),
    )


@Staff.maps("clinician", of="person")
def clinician(raw: RawTables) -> Table:
    p = raw.person
    return p.select(clinician_key=p.id, role=literal("therapist"), license_level=literal("none"))


@Staff.maps("employment", of="job")
def employment(raw: RawTables) -> Table:
    j = raw.job
    return j.select(employment_key=j.id, clinician_key=j.who, start_date=j.began, employment_type=literal("w2"))


class Broken(Staff):
    name = "broken"

    def entity_mappings(self) -> Sequence[EntityMapping]:
        raise KeyError("mappings")


@dataclass(frozen=True)
class Home(PracticeHome):
    """A practice whose connectors are given."""

    of: dict[str, type[Staff]] = field(default_factory=dict)

    def connector(self, source: str) -> Connector[Any]:
        return self.of.get(source, Staff)(ConnectorSettings(), SourceContext(source, None, lambda: AS_OF))


@pytest.fixture
def home(tmp_path: Path) -> Callable[..., Home]:
    def make(folder: str, *, of: dict[str, type[Staff]] | None = None) -> Home:
        sources = {name: SourceSettings(connector="staff") for name in ("hr", "payroll")}
        practice = PracticeSettings(name="Riverbend", home_tz="UTC")
        return Home(Settings(practice=practice, sources=sources, home=tmp_path / folder), of=of or {})

    return make


def leave(home: Home, *statements: str) -> None:
    """A warehouse that earlier statements have left."""
    home.data_dir.mkdir(parents=True)
    with home.warehouse.connect() as connection:
        for statement in statements:
            connection.raw.execute(statement)


def land(home: Home) -> None:
    """Ann's two raw records are in source hr; payroll is there, with none."""
    landed = (
        "SELECT *, id AS row_key, id AS version_id, NULL::VARCHAR AS predecessor_id, 1::BIGINT AS version_no, "
        "'h' AS content_hash, false AS is_deleted, TIMESTAMPTZ '2026-06-01 00:00:00+00' AS observed_at, 'b' AS batch_id"
    )
    with home.warehouse.connect() as connection:
        connection.create_schemas()
        connection.raw.execute(f"""
            CREATE SCHEMA raw_hr;
            CREATE TABLE raw_hr.person AS {landed} FROM (SELECT md5('ann') AS id, 'x' AS role);
            CREATE TABLE raw_hr.job AS {landed}
                FROM (SELECT md5('ann-1') AS id, md5('ann') AS who, DATE '2024-01-08' AS began);
            CREATE VIEW raw_hr.person__current AS FROM raw_hr.person;
            CREATE VIEW raw_hr.job__current AS FROM raw_hr.job;
        """)
    home.ops.add([StreamState(source="hr", stream=name, complete_through=AS_OF) for name in ("person", "job")])


def contents(home: Home) -> dict[str, str]:
    with home.warehouse.connect(read_only=True) as connection:
        return {name: connection.content_hash(f"canonical.{name}") for name in ENTITIES}


def complete(home: Home, entity: str) -> datetime | None:
    (state,) = home.ops.rows(EntityState, source="hr", entity=entity)
    return state.complete_through


def test_a_warehouse_of_1_0_gets_what_is_new_and_keeps_its_rows(home: Callable[..., Home]) -> None:
    practice = home("old")
    leave(practice, LEFT_BY_1_0)
    with practice.warehouse.connect() as connection:
        assert version_of(connection.raw) == ContractVersion(1, 0)
        connection.create_schemas()
        rows = connection.raw.execute("SELECT employment_type, comp_plan_key FROM canonical.employment").fetchall()
        assert rows == [("w2", None)]
        assert connection.has_table("canonical", "pay_period")
        assert connection.has_table("quarantine", "pay_period")
        assert version_of(connection.raw) == CONTRACT_VERSION
        assert entities_to_map(connection.raw) == ()
        again = migrate(connection.raw)
    assert (again.extended, again.emptied, again.created) == ((), (), ())


def test_what_was_done_is_told_by_table(home: Callable[..., Home]) -> None:
    practice = home("old")
    leave(practice, LEFT_BY_1_0, OTHER_FORM, "CREATE SCHEMA contract; CREATE SCHEMA quarantine")
    with practice.warehouse.connect() as connection:
        done = migrate(connection.raw)
    assert (done.found, done.extended, done.emptied) == (ContractVersion(1, 0), ("employment",), ("clinician",))
    assert set(done.created) == set(ENTITIES) - {"practice", "clinician", "employment"}


@pytest.mark.parametrize("changes", [(), (OTHER_FORM,)], ids=["1.0", "another form"])
def test_a_run_over_a_migrated_warehouse_equals_a_fresh_one(home: Callable[..., Home], changes: Sequence[str]) -> None:
    fresh, old = home("fresh"), home("old")
    leave(old, LEFT_BY_1_0, *changes)
    for practice in (fresh, old):
        land(practice)
        map_sources(practice, run_id="r1", as_of=AS_OF)
    assert contents(old) == contents(fresh)
    assert complete(old, "clinician") == complete(fresh, "clinician") == AS_OF


def test_an_emptied_table_is_mapped_again_for_every_source_whatever_was_asked_for(home: Callable[..., Home]) -> None:
    practice = home("old")
    leave(practice, LEFT_BY_1_0, OTHER_FORM)
    land(practice)
    results = map_sources(practice, run_id="r1", as_of=AS_OF, source="payroll", entity="employment")
    assert ("hr", "clinician", "swapped") in {(r.source, r.entity, r.state) for r in results}
    assert ("hr", "employment") not in {(r.source, r.entity) for r in results}
    with practice.warehouse.connect() as connection:
        assert connection.count("SELECT count(*) FROM canonical.clinician WHERE source = 'hr'") == 1
        assert entities_to_map(connection.raw) == ()


def test_an_emptied_table_that_cannot_be_mapped_is_not_taken_for_complete(home: Callable[..., Home]) -> None:
    practice = home("old", of={"hr": Broken})
    leave(practice, LEFT_BY_1_0, OTHER_FORM)
    land(practice)
    practice.ops.add([EntityState(source="hr", entity=e, complete_through=AS_OF) for e in ("clinician", "employment")])
    map_sources(practice, run_id="r1", as_of=AS_OF)
    assert complete(practice, "clinician") is None
    assert complete(practice, "employment") == AS_OF


def test_a_warehouse_of_a_later_contract_is_refused_and_left_alone(home: Callable[..., Home]) -> None:
    practice = home("new")
    later = ContractVersion(CONTRACT_VERSION.major, CONTRACT_VERSION.minor + 1)
    leave(practice, "CREATE SCHEMA contract", f"CREATE TABLE contract.version AS SELECT '{later}' AS version")
    before = practice.warehouse.path.read_bytes()
    for read_only in (False, True):
        with (
            pytest.raises(ConfigError, match=rf"with contract version {later}.* up to {CONTRACT_VERSION}: install"),
            practice.warehouse.connect(read_only=read_only),
        ):
            pass
    assert practice.warehouse.path.read_bytes() == before


def test_1_10_is_later_than_1_9() -> None:
    assert parse_version("1.10") > parse_version("1.9")
