"""A step that is computed in parts has the rows that it would have in one."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from pacekeeper.engine.duckdb import Connection
from pacekeeper.expr import Table
from pacekeeper.measures import Catalogue, Mart, MartColumn
from pacekeeper.measures.mart import Step
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan import compile_plan
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy, load_policy
from pacekeeper_assets.people import with_person

#: Around every border between two parts, and keys that are no digests at all.
KEYS = ("", "0a", "3f", "4", "40", "7f", "8", "80", "bf", "c", "c0", "ff", "zoë", "~", "A")


def people(tables: CanonicalTables, policy: Policy) -> Table:
    known = with_person(tables.clinician.select("clinician_key"), tables)
    return known.group_by("person_key").aggregate(records_n=known.count())


def names(tables: CanonicalTables, policy: Policy) -> Table:
    return tables.counted.rename(clinician_key="person_key")


def test_no_row_is_left_out_and_none_is_there_twice() -> None:
    mart = Mart(
        name="people",
        description="Records of every person.",
        grain="one row per person",
        primary_key=("clinician_key",),
        columns=(
            MartColumn("clinician_key", "text", "", "Key."),
            MartColumn("records_n", "count", "records", "How many."),
        ),
        inputs=("clinician", "person_match"),
        steps=(Step("counted", people, in_parts="person_key"),),
        build=names,
    )
    plan = compile_plan(Catalogue.of([mart], []), load_policy())
    assert isinstance(plan.items[0].sql, tuple)
    assert len(plan.items[0].sql) > 1, "in parts"
    with duckdb.connect() as raw:
        raw.execute("CREATE SCHEMA canonical")
        raw.execute("CREATE TABLE canonical.clinician AS SELECT * FROM (SELECT unnest(?) AS clinician_key)", [KEYS])
        raw.execute("ALTER TABLE canonical.clinician ADD COLUMN home_location_key VARCHAR")
        raw.execute("ALTER TABLE canonical.clinician ADD COLUMN is_client_facing BOOLEAN")
        raw.execute("CREATE TABLE canonical.person_match (clinician_key VARCHAR, person_key VARCHAR)")
        materialise_marts(Connection(raw), plan, as_of=datetime(2026, 1, 5, tzinfo=UTC), completeness=[])
        found = raw.execute("SELECT clinician_key, records_n FROM marts.people ORDER BY ALL").fetchall()
    assert found == sorted((key, 1) for key in KEYS)
